"""Policy files to policies, with every error named by file, line and key.

Read `load`, `schema`, `values`, `ranges`, `sets`, `rules`, `cases`.
"""
