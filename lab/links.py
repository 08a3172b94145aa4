"""What connects the nodes: the management network, and pairs of veth devices."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from lab.document import KeyPath
from lab.model import Node, Topology
from lab.netns import LabError, ip
from lab.place import Place

_BRIDGE = "mgmt"
"""Of the management network, in the lab's own namespace."""


def connect(topology: Topology, place: Place) -> None:
    """Make the management network and all links; the namespaces are there."""
    mtu = topology.mgmt.get("mtu") or 1500
    managed = [node for node in topology.nodes.values() if node.addresses]
    if managed:
        with _asked_for(topology, ("mgmt",)):
            lines = [
                f"link add {_BRIDGE} mtu {mtu} type bridge",
                f"link set {_BRIDGE} up",
                *(_address(each, _BRIDGE) for each in topology.gateways),
            ]
            ip(lines, place.host)
    for number, node in enumerate(managed):
        with _asked_for(topology, node.key):
            _manage(topology, place, node, f"m{number}", mtu)
    for link in topology.links:
        with _asked_for(topology, link.key):
            near, far = (
                f"{end.interface} mtu {link.mtu} netns {place.namespace(end.node)}"
                f" address {end.mac or _mac(topology.name, end.node, end.interface)}"
                for end in link.ends
            )
            ip([f"link add name {near} type veth peer name {far}"])
            for end in link.ends:
                up = f"link set dev {end.interface} up"
                ip([up], place.namespace(end.node))


def _manage(topology: Topology, place: Place, node: Node, port: str, mtu: int) -> None:
    """Make a node's eth0, which leads to a port of the management network."""
    there = place.namespace(node.name)
    mac = _mac(topology.name, node.name, "eth0")
    peer = f"eth0 mtu {mtu} address {mac} netns {there}"
    lines = [f"link add {port} mtu {mtu} type veth peer name {peer}"]
    ip([*lines, f"link set {port} master {_BRIDGE} up"], place.host)
    inner = ["link set dev eth0 up"]
    no_ipv6 = node.sysctls.get("net.ipv6.conf.default.disable_ipv6", "0") != "0"
    for address, gateway in zip(node.addresses, topology.gateways, strict=True):
        if not (":" in address and no_ipv6):
            via = gateway.partition("/")[0]
            inner += [_address(address, "eth0"), f"route add default via {via}"]
    ip(inner, there)


@contextmanager
def _asked_for(topology: Topology, key: KeyPath) -> Iterator[None]:
    """Name the line that asked for what fails here."""
    try:
        yield
    except LabError as error:
        raise topology.failure(key, str(error)) from None


def _address(address: str, interface: str) -> str:
    nodad = " nodad" if ":" in address else ""
    return f"addr add {address} dev {interface}{nodad}"


def _mac(lab: str, node: str, interface: str) -> str:
    """Derive a MAC with containerlab's prefix; the same at every deployment."""
    octets = hashlib.sha256(f"{lab}/{node}/{interface}".encode()).digest()[:3]
    return "aa:c1:ab:" + ":".join(f"{octet:02x}" for octet in octets)
