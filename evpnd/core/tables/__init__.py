"""What is in the kernel's tables, and the difference to what should be.

Read `observe`, `parts`, `reconcile`; then `retries`, `removal`, `moving`, `audit` and
`comparison`.
"""
