"""The kernel's tables of an EVI, as state without knowledge of other parts.

Read `table`, `fdb`, `neighbors`, `flood_list` and `order`; then `drift` and `reading`.
`core/kernel` fills the tables and writes the difference.
"""
