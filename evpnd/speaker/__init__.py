"""What runs inside ExaBGP; the only package that imports exabgp.

Read `seams` first: every class of ExaBGP that one of ours stands in for. Then `session`
(one BGP session), `rib` (what outlives an agent) and `process` (loop and agent).
`main` puts them together.
"""
