"""The kernel's tables of an EVI or a VRF, as state without knowledge of other parts.

Read `table`, `fdb`, `neighbors`, `flood_list`, `nexthops`, `prefixes` and `order`; then
`drift` and `reading`.
`core/kernel` fills the tables and writes the difference.
"""
