#!/bin/sh
# prepare.sh VTEP PORT10 PORT20: a VLAN-aware bridge with one VXLAN device for all VNIs,
# as evpnd and FRR want it, and a port in each of VLAN 10 and 20.
set -e
vtep=$1
ip link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0 mcast_snooping 0 forward_delay 0
ip link set br0 up
ip link add vx0 type vxlan external vnifilter local "$vtep" dstport 4789 nolearning
ip link set vx0 master br0 up
bridge link set dev vx0 vlan_tunnel on learning off neigh_suppress on
for vlan in 10 20; do
    bridge vlan add vid "$vlan" dev vx0
    bridge vlan add vid "$vlan" dev vx0 tunnel_info id "100$vlan"
    bridge vni add vni "100$vlan" dev vx0
    # It holds the neighbours, by which the bridge answers ARP and ND; it stays down.
    ip link add link br0 name "br0.$vlan" type vlan id "$vlan"
done
ip link set "$2" master br0
bridge vlan add vid 10 dev "$2" pvid untagged
ip link set "$3" master br0
bridge vlan add vid 20 dev "$3" pvid untagged
