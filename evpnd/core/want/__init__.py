"""The wanted state: `macs`, `neighbors`, `floods`, `prefixes`; for peers, `adverts`.

Each of them says what a key is to have, or by a reason of core/reasons.py why it has
none.
"""
