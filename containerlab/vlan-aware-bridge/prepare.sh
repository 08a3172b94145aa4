#!/bin/sh
# A VLAN-aware bridge with a VXLAN device for each VNI, as evpnd wants them.
set -e
ip link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0 mcast_snooping 0 forward_delay 0
ip link set br0 up
for vlan in 10 20; do
    ip link add "vx$vlan" type vxlan id "100$vlan" local 10.0.0.2 dstport 4789 nolearning
    ip link set "vx$vlan" master br0 up
    bridge link set dev "vx$vlan" learning off neigh_suppress on
    bridge vlan add vid "$vlan" dev "vx$vlan" pvid untagged
    # It holds the neighbours, by which the bridge answers ARP and ND; it stays down.
    ip link add link br0 name "br0.$vlan" type vlan id "$vlan"
done
ip link set eth2 master br0
bridge vlan add vid 10 dev eth2 pvid untagged
ip link set eth3 master br0
bridge vlan add vid 20 dev eth3 pvid untagged
