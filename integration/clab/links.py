"""Links between namespaces: pairs of virtual Ethernet devices, one end at a time."""

import hashlib
import ipaddress
import threading
from collections.abc import Iterator

from integration.clab.model import Endpoint, Link, Topology
from integration.clab.place import Place
from integration.clab.support import CONTAINERS
from integration.lab_netns import LabError, ip

IPV4_SUBNET = "172.20.20.0/24"
IPV6_SUBNET = "3fff:172:20:20::/64"
MGMT_BRIDGE = "mgmt"


class Cabling:
    """Attaches the links of each node when the node is ready for them.

    A link is made when the first of its nodes wants it; the other end waits in the
    lab's machine namespace for the other node.
    """

    def __init__(self, topology: Topology, place: Place) -> None:
        """Make the bridges; no link as yet."""
        self._topology = topology
        self._place = place
        self._lock = threading.Lock()
        self._parked: dict[tuple[int, int], str] = {}
        bridges = [
            node.name for node in topology.nodes.values() if node.kind == "bridge"
        ]
        self._mgmt = _Management(topology)
        if self._mgmt.addresses:
            bridges.append(MGMT_BRIDGE)
        lines = []
        for name in bridges:
            lines += [f"link add {name} type bridge", f"link set {name} up"]
        lines += [
            f"addr add {gateway} dev {MGMT_BRIDGE}"
            for gateway in self._mgmt.gateways
            if self._mgmt.addresses
        ]
        ip(lines, place.host)

    def hosts(self) -> str:
        """Compose /etc/hosts: the nodes by their management addresses."""
        lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
        for node, addresses in self._mgmt.addresses.items():
            names = f"{node} {self._topology.namespace(node)}"
            lines += [f"{address.partition('/')[0]} {names}" for address in addresses]
        return "\n".join(lines) + "\n"

    def manage(self, node: str) -> None:
        """Give a node its eth0 in the management network, if it is to have one."""
        addresses = self._mgmt.addresses.get(node)
        if not addresses:
            return
        index = list(self._mgmt.addresses).index(node)
        there = self._place.namespace(node)
        ip(
            [
                f"link add name m{index} type veth peer name eth0 netns {there}",
                f"link set m{index} master {MGMT_BRIDGE} up",
            ],
            self._place.host,
        )
        lines = [f"link set eth0 address {_mac(self._topology.name, node, 'eth0')} up"]
        for address, gateway in zip(addresses, self._mgmt.gateways, strict=True):
            nodad = " nodad" if ":" in address else ""
            lines += [
                f"addr add {address} dev eth0{nodad}",
                f"route add default via {gateway.partition('/')[0]} dev eth0",
            ]
        ip(lines, there)

    def attach(self, node: str) -> None:
        """Attach all links of a node."""
        for number, link in enumerate(self._topology.links):
            for side, end in enumerate(link.endpoints):
                if end.node == node:
                    with self._lock:
                        self._attach(number, link, side, end)

    def _attach(self, number: int, link: Link, side: int, end: Endpoint) -> None:
        host, there = self._place.host, self._place.namespace(end.node)
        if link.kind == "dummy":
            try:
                ip([f"link add {end.interface} mtu {link.mtu} type dummy"], there)
            except LabError:
                # A kernel without that module: a cable that leads nowhere.
                ip([f"link add {end.interface} type veth peer lnk{number}"], there)
                ip([f"link set lnk{number} netns {host} up"], there)
            self._settle(link, end, there)
            return
        parked = self._parked.pop((number, side), "")
        if not parked:
            other = (
                f"lnk{number}-{1 - side}"
                if link.kind == "veth"
                else link.host_interface
            )
            parked = f"lnk{number}-{side}"
            peer = f"type veth peer name {other} mtu {link.mtu}"
            ip([f"link add name {parked} mtu {link.mtu} {peer}"], host)
            if link.kind == "veth":
                self._parked[number, 1 - side] = other
            else:
                master = f" master {MGMT_BRIDGE}" if link.kind == "mgmt-net" else ""
                ip([f"link set {other}{master} up"], host)
        if there == host:
            ip([f"link set {parked} name {end.interface}"], host)
        else:
            ip([f"link set {parked} netns {there} name {end.interface}"], host)
        self._settle(link, end, there)

    def _settle(self, link: Link, end: Endpoint, there: str) -> None:
        mac = end.mac or _mac(self._topology.name, end.node, end.interface)
        lines = [f"link set {end.interface} address {mac}"]
        if self._topology.nodes[end.node].kind == "bridge":
            lines.append(f"link set {end.interface} master {end.node}")
        lines.append(f"link set {end.interface} mtu {link.mtu} up")
        if end.ipv4:
            lines.append(f"addr add {end.ipv4} dev {end.interface}")
        if end.ipv6:
            lines.append(f"addr add {end.ipv6} dev {end.interface} nodad")
        ip(lines, there)


class _Management:
    """The management network: who is in it, and with which addresses."""

    def __init__(self, topology: Topology) -> None:
        subnets = []
        for word, default in (
            ("ipv4-subnet", IPV4_SUBNET),
            ("ipv6-subnet", IPV6_SUBNET),
        ):
            subnet = str(topology.mgmt.get(word) or default)
            subnets.append(
                ipaddress.ip_network(
                    default if subnet == "auto" else subnet, strict=False
                )
            )
        self.gateways = [f"{net[1]}/{net.prefixlen}" for net in subnets]
        members = [
            node
            for node in topology.nodes.values()
            if node.kind in CONTAINERS
            and node.text("network-mode", "bridge") == "bridge"
        ]
        given = {
            node.name: [
                node.text(f"mgmt-ipv{version}") or node.text(f"mgmt_ipv{version}")
                for version in (4, 6)
            ]
            for node in members
        }
        taken = {address for both in given.values() for address in both}
        free = [_free(net, taken) for net in subnets]
        self.addresses = {
            name: [
                f"{address or next(pool)}/{net.prefixlen}"
                for address, pool, net in zip(both, free, subnets, strict=True)
            ]
            for name, both in given.items()
        }


def _free(
    net: ipaddress.IPv4Network | ipaddress.IPv6Network, taken: set[str]
) -> Iterator[str]:
    number = 2
    while True:
        if (address := str(net[number])) not in taken:
            yield address
        number += 1


def _mac(lab: str, node: str, interface: str) -> str:
    """Derive a MAC with containerlab's prefix; the same at every deployment."""
    octets = hashlib.sha256(f"{lab}/{node}/{interface}".encode()).digest()[:3]
    return "aa:c1:ab:" + ":".join(f"{octet:02x}" for octet in octets)
