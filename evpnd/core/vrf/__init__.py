"""The VRFs of this host: what is kept of one, and where it stands.

Read `ip_vrf`, `places`, `ip_vrfs` and `forwarding`. What its routes are to be is in
`want/prefixes`, what peers are told in `announce/prefixes`, and what the kernel says of
it and gets in `kernel/vrf_rows`.
"""
