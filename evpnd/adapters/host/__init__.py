"""Reads what `evpnd doctor` wants to know of this host; changes nothing.

`gather` reads everything, with the help of `tunnels` (VXLAN devices), `ethtool`
(offloads), `proc` (sysctls, sockets, counters), `firewall` (rules, which `nft` and
`iptables` parse) and `clock`. `bundle` packs what is
known for whoever is asked for help, and `probe` asks VTEPs for packets.
"""
