"""The engine: events in, desired state, difference out. Pure.

Read `engine` and `turn` first. The packages follow the data, each above those named
before it: what peers say (`bgp`), where EVIs stand (`evi`), what tenants do (`local`),
what should be (`want`), what peers are told (`announce`), what is and the difference
(`tables`).
"""
