"""What the peers are told.

Read `originator`, `update_groups`, `export_policy` and `rd_change`.
"""
