"""Links between namespaces: pairs of virtual Ethernet devices, one end at a time."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.document import KeyPath
from lab.management import plan
from lab.model import RESERVED, Endpoint, Link, Topology
from lab.netns import LabError, inside, ip
from lab.place import Place


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
        self._mgmt = plan(topology)
        for node in topology.nodes.values():
            if node.kind == "bridge":
                with self._asked_for(node.key):
                    ip(_bridge(node.name), place.host)
        if self._mgmt.exists:
            with self._asked_for(("mgmt",)):
                ip(self._mgmt_bridge(), place.host)

    def _mgmt_bridge(self) -> Iterator[str]:
        name = self._mgmt.bridge
        yield from _bridge(name, f"mtu {self._mgmt.mtu}")
        for gateway in self._mgmt.gateways:
            yield _address(gateway, name)

    @contextmanager
    def _asked_for(self, key: KeyPath) -> Iterator[None]:
        """Name the line that asked for what fails here."""
        try:
            yield
        except LabError as error:
            raise self._topology.failure(key, str(error)) from None

    def hosts(self) -> str:
        """Compose /etc/hosts: the nodes by their management addresses."""
        lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
        for node, addresses in self._mgmt.addresses.items():
            aliases = self._topology.nodes[node].settings.get("aliases")
            also = map(str, aliases) if isinstance(aliases, list) else ()
            names = " ".join((node, self._topology.namespace(node), *also))
            lines += [f"{address.partition('/')[0]} {names}" for address in addresses]
        return "\n".join(lines) + "\n"

    @property
    def addresses(self) -> dict[str, list[str]]:
        """The nodes' addresses in the management network."""
        return self._mgmt.addresses

    def manage(self, node: str) -> None:
        """Give a node its eth0 in the management network, if it is to have one."""
        addresses = self._mgmt.addresses.get(node)
        if not addresses:
            return
        port = f"{RESERVED}m{list(self._mgmt.addresses).index(node)}"
        there = self._place.namespace(node)
        mtu = f"mtu {self._mgmt.mtu}"
        lines = [
            f"link add name {port} {mtu} type veth peer name eth0 {mtu} netns {there}",
            f"link set dev {port} master {self._mgmt.bridge} up",
        ]
        mac = _mac(self._topology.name, node, "eth0")
        inner = [f"link set dev eth0 address {mac} up"]
        for address, gateway in zip(addresses, self._mgmt.gateways, strict=True):
            if ":" in address and not _speaks_ipv6(there):
                continue
            inner += [
                _address(address, "eth0"),
                f"route add default via {gateway.partition('/')[0]} dev eth0",
            ]
        with self._asked_for(self._topology.nodes[node].key):
            ip(lines, self._place.host)
            ip(inner, there)

    def attach(self, node: str) -> None:
        """Attach all links of a node."""
        for number, link in enumerate(self._topology.links):
            for side, end in enumerate(link.endpoints):
                if end.node == node:
                    with self._lock, self._asked_for(end.key):
                        self._attach(number, link, side, end)

    def _attach(self, number: int, link: Link, side: int, end: Endpoint) -> None:
        host, there = self._place.host, self._place.namespace(end.node)
        if link.kind == "dummy":
            try:
                ip([f"link add name {end.interface} mtu {link.mtu} type dummy"], there)
            except LabError:
                # A kernel without that module: a cable that leads nowhere.
                other = f"{RESERVED}{number}"
                peer = f"type veth peer name {other} mtu {link.mtu}"
                name = f"{end.interface} mtu {link.mtu}"
                ip([f"link add name {name} {peer} netns {host}"], there)
                ip([f"link set dev {other} up"], host)
            self._settle(link, end, there)
            return
        parked = self._parked.pop((number, side), "")
        if not parked:
            other = (
                f"{RESERVED}{number}-{1 - side}"
                if link.kind == "veth"
                else link.host_interface
            )
            parked = f"{RESERVED}{number}-{side}"
            peer = f"type veth peer name {other} mtu {link.mtu}"
            ip([f"link add name {parked} mtu {link.mtu} {peer}"], host)
            if link.kind == "veth":
                self._parked[number, 1 - side] = other
            else:
                master = (
                    f" master {self._mgmt.bridge}" if link.kind == "mgmt-net" else ""
                )
                addresses = [_address(each, other) for each in link.host_addresses]
                ip([f"link set dev {other}{master} up", *addresses], host)
        if there == host:
            ip([f"link set dev {parked} name {end.interface}"], host)
        else:
            ip([f"link set dev {parked} netns {there} name {end.interface}"], host)
        self._settle(link, end, there)

    def _settle(self, link: Link, end: Endpoint, there: str) -> None:
        mac = mac_of(self._topology, end)
        lines = [f"link set dev {end.interface} address {mac}"]
        if self._topology.nodes[end.node].kind == "bridge":
            lines.append(f"link set dev {end.interface} master {end.node}")
        lines.append(f"link set dev {end.interface} mtu {link.mtu} up")
        addresses = filter(None, (end.ipv4, end.ipv6))
        ip([*lines, *(_address(each, end.interface) for each in addresses)], there)


def _speaks_ipv6(namespace: str) -> bool:
    """Tell whether new interfaces of a node have IPv6: its sysctls may say no."""
    with inside(namespace):
        setting = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").read_text()
    return setting.strip() == "0"


def _address(address: str, interface: str) -> str:
    nodad = " nodad" if ":" in address else ""
    return f"addr add {address} dev {interface}{nodad}"


def _bridge(name: str, settings: str = "") -> list[str]:
    words = f"link add name {name} {settings} type bridge"
    return [words, f"link set dev {name} up"]


def mac_of(topology: Topology, end: Endpoint) -> str:
    """Give the MAC of one end of a link."""
    return end.mac or _mac(topology.name, end.node, end.interface)


def _mac(lab: str, node: str, interface: str) -> str:
    """Derive a MAC with containerlab's prefix; the same at every deployment."""
    octets = hashlib.sha256(f"{lab}/{node}/{interface}".encode()).digest()[:3]
    return "aa:c1:ab:" + ":".join(f"{octet:02x}" for octet in octets)
