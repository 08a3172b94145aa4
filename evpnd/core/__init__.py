"""The engine: events in, desired state, difference out. Pure.

Read `engine` and `turn` first. The packages follow the data: what peers say (`bgp`),
where EVIs stand (`evi`), what tenants do (`local`), what should be (`want`), what is
and the difference (`tables`), and what peers are told (`announce`).
"""
