"""Reads the kernel's tables, and writes the difference to them.

Read `rows`, `observe`, `parts`, `reconcile`, `flood_changes` and `writing`; then
`retries`, `removal`, `moving`, `audit` and `comparison`. What is kept of a table is in
`core/tables`.
"""
