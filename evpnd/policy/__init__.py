"""Policies: evaluated as rarely as possible.

What depends on a path alone is decided once for it and remembered for all paths
that look the same to the policy. What is left depends on which of the prefixes
that the policies name a MAC and an IP lie in: that is one number for a route, and
the outcome for a number is decided once, too.
"""
