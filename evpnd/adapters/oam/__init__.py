"""Probes between two evpnds, within VXLAN: is the way there, and for how large packets.

A probe is a frame in the VNI of an EVI, sent as any VXLAN packet is: over UDP, with DF.
Its destination is an address that no bridge forwards, so tenants never see it; the
kernel gives it to packet sockets of its ethertype. evpnd sends it back, as large, to
VTEPs of the EVI alone. `frame` has its octets, and the agent's `answerer` returns it;
`evpnd doctor --probe` sends it (`adapters/host/probe.py`).
"""
