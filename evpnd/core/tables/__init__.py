"""What is in the kernel's tables, and the difference to what should be.

Read `observe`, `reconcile`; then `drift`, `retries`, `removal`, `audit` and
`comparison`.
"""
