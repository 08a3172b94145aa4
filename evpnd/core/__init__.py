"""The engine: events in, desired state, difference out. Pure.

Read `engine`, `turn` and `reasons` first. The packages follow the data, each above
those named before it: what a kernel table holds (`tables`), what peers say (`bgp`),
where EVIs stand (`evi`) and VRFs (`vrf`), what tenants do (`local`), what should be
(`want`), what peers are told (`announce`), what the kernel says and what it is to
change (`kernel`).
"""
