"""Reads the kernel's tables, and writes the difference to them.

Read `rows`, `observe`, `parts`, `reconcile`, `flood_changes` and `writing`; then
`retries`, `removal`, `moving`, `audit`, `comparison`, and `vrf_rows` for VRFs. What is
kept of a table is in `core/tables`.
"""
