#!/bin/sh
# move.sh PORT ADDRESS PEER: this machine goes on at the other end of another cable.
# As a hypervisor does it: the new place comes up with the same MAC and address, and the
# machine is heard there at once, by an ARP request; the old place is taken down when the
# peer's answers come by the new one, and not before.
set -e
to=$1 address=$2 peer=$3
ip link set "$to" up
ip addr replace "$address" dev "$to"
for from in eth1 eth2; do
    [ "$from" = "$to" ] || ip addr flush dev "$from"
done
tries=30
until ping -c 1 -W 1 -I "$to" "$peer" >/dev/null; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || exit 1
done
for from in eth1 eth2; do
    [ "$from" = "$to" ] || ip link set "$from" down
done
