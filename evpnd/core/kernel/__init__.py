"""What the kernel says of its tables, and what it is told to change in them.

Read `observe`, `parts`, `reconcile`, `flood_changes` and `writing`; then `retries`,
`removal`, `moving`, `audit` and `comparison`. What is kept of a table is in
`core/tables`.
"""
