"""evpnd beside FRR and BIRD, on one machine, in turn: `make bench`.

Read `rows` for what is measured, `measures` for how, then `table` for what is printed.
`place` makes the host that a daemon works on, `daemons` starts one, `peer` is the BGP
peer (a process of its own, which knows none of the daemons), `routes` what it
announces, `tables` reads, watches and writes the kernel's tables.
"""
