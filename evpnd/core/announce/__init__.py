"""What the peers are told.

Read `originator`, `prefixes`, `update_groups`, `export_policy` and `rd_change`.
"""
