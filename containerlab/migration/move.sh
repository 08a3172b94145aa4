#!/bin/sh
# move.sh FROM TO ADDRESS PEER: this machine goes on at the other end of another cable.
# What a hypervisor does at a migration: the old port goes, the new one comes with the
# same MAC and address, and the machine is heard at once, by an ARP request.
set -e
from=$1 to=$2 address=$3 peer=$4
ip link set "$from" down
ip addr flush dev "$from"
ip addr add "$address" dev "$to"
ip link set "$to" up
for _ in 1 2 3 4 5; do
    ping -c 1 -W 1 "$peer" >/dev/null && exit 0
done
exit 1
