"""Policy files to policies, with every error named by file, line and key.

Read `named`, `recognise`, `load`, `schema`, `values`, `ranges`, `sets`, `rules`,
`cases`.
"""
