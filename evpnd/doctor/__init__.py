"""What is wrong with this host and the fabric around it: facts in, findings out.

`finding` is what a check says, and `fix` how it is mended. `facts` is what was read of
the host, `daemon` what a running evpnd told, and `examined` both together: the EVIs
with their devices, which most checks walk through. The checks are pure functions, one
file for each area: `start`, `devices`, `udp_port`, `mtu`, `underlay`, `probes`,
`offloads`, `firewall` (`packets` follows a packet through its rules), `rows`,
`limits`, `vlans`, `fabric`. `checks` is the table of all, in the order in which they
are read.

To add a check: write a function from what is examined to findings in the file of its
area, and give it a line in `checks`. `adapters/host` reads facts, and `cli/doctor.py`
prints findings.
"""
