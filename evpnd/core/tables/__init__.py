"""What the kernel's tables hold for an EVI, as state that knows nobody.

Read `table`, `fdb`, `neighbors`, `flood_list` and `order`; then `drift` and `reading`.
`core/kernel` fills the tables and writes the difference.
"""
