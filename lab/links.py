"""The links of a lab: pairs of virtual Ethernet devices between namespaces."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from lab.document import KeyPath
from lab.management import Management
from lab.model import Endpoint, Topology
from lab.netns import LabError, ip
from lab.place import Place

_BRIDGE = "mgmt"
"""Of the management network, in the lab's own namespace."""


def connect(topology: Topology, management: Management, place: Place) -> None:
    """Make the management network and all links; the namespaces are there."""
    if management.addresses:
        with _asked_for(topology, ("mgmt",)):
            mtu = f"mtu {management.mtu}"
            lines = [f"link add {_BRIDGE} {mtu} type bridge", f"link set {_BRIDGE} up"]
            lines += [_address(each, _BRIDGE) for each in management.gateways]
            ip(lines, place.host)
    for node in management.addresses:
        with _asked_for(topology, topology.nodes[node].key):
            _manage(topology, management, place, node)
    for link in topology.links:
        with _asked_for(topology, link.key):
            near, far = (
                f"{end.interface} mtu {link.mtu} address {_mac_of(topology, end)}"
                f" netns {place.namespace(end.node)}"
                for end in link.ends
            )
            ip([f"link add name {near} type veth peer name {far}"])
            for end in link.ends:
                up = f"link set dev {end.interface} up"
                ip([up], place.namespace(end.node))


def hosts(topology: Topology, management: Management) -> str:
    """Return /etc/hosts: the nodes by their management addresses."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
    for node, addresses in management.addresses.items():
        names = f"{node} {topology.namespace(node)}"
        lines += [f"{address.partition('/')[0]} {names}" for address in addresses]
    return "\n".join(lines) + "\n"


def _manage(
    topology: Topology, management: Management, place: Place, node: str
) -> None:
    """Make a node's eth0 in the management network."""
    port, there = f"m{list(management.addresses).index(node)}", place.namespace(node)
    mtu = f"mtu {management.mtu}"
    mac = _mac(topology.name, node, "eth0")
    peer = f"eth0 {mtu} address {mac} netns {there}"
    lines = [f"link add {port} {mtu} type veth peer name {peer}"]
    ip([*lines, f"link set {port} master {_BRIDGE} up"], place.host)
    setting, _ = topology.nodes[node].sysctls.get(
        "net.ipv6.conf.default.disable_ipv6", ("0", ())
    )
    inner = ["link set dev eth0 up"]
    pairs = zip(management.addresses[node], management.gateways, strict=True)
    for address, gateway in pairs:
        if ":" not in address or setting == "0":
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


def _mac_of(topology: Topology, end: Endpoint) -> str:
    return end.mac or _mac(topology.name, end.node, end.interface)


def _mac(lab: str, node: str, interface: str) -> str:
    """Derive a MAC with containerlab's prefix; the same at every deployment."""
    octets = hashlib.sha256(f"{lab}/{node}/{interface}".encode()).digest()[:3]
    return "aa:c1:ab:" + ":".join(f"{octet:02x}" for octet in octets)
