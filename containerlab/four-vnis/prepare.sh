#!/bin/sh
# prepare.sh VNI PORT: the bridge, the VXLAN device and the port, as evpnd wants them.
set -e
vni=$1 port=$2
ip link add "br$vni" type bridge mcast_snooping 0 forward_delay 0
ip link add "vx$vni" type vxlan id "$vni" local 10.0.0.2 dstport 4789 nolearning
ip link set "vx$vni" master "br$vni" up
bridge link set dev "vx$vni" learning off neigh_suppress on
ip link set "$port" master "br$vni"
ip link set "br$vni" up
