"""What is wrong with the links of a topology, before one of them is made."""

import ipaddress
import re
from collections.abc import Iterator

from lab.document import FileError, KeyPath
from lab.management import SMALLEST_IPV6_MTU, plan
from lab.model import RESERVED, Endpoint, Link, Topology

LINKS = ("veth", "host", "mgmt-net", "dummy")
_INTERFACE = re.compile(r"[^\s/:%\"'\\#-][^\s/:%\"'\\#]{0,14}")
"""What the kernel takes, without what `ip` would take for something else."""
_KERNELS = ("lo", "all", "default", ".", "..")
"""Names that are there already, or stand for all interfaces."""
Claim = tuple[str, str | None, KeyPath]
"""A name of an interface, the node whose it is (None: the lab's machine), and where it
is asked for."""


def of_links(topology: Topology) -> Iterator[FileError]:
    """Find all that cannot be, or is not done here."""
    for link in topology.links:
        if link.kind not in LINKS:
            reason = f"{link.kind} links are not made here, but " + ", ".join(LINKS)
            yield topology.error(link.key, reason)
        for end in link.endpoints:
            yield from _of_end(topology, link, end)
        for name in ("ipv4", "ipv6"):
            texts = [getattr(end, name) for end in link.endpoints]
            found = [ipaddress.ip_interface(text).ip for text in texts if text]
            version = int(name[-1])
            others = map(ipaddress.ip_interface, link.host_addresses)
            found += [each.ip for each in others if each.version == version]
            if len(found) != len(set(found)):
                yield topology.error(link.key, f"both ends have the address {found[0]}")
    yield from _of_names(topology)


def _of_end(topology: Topology, link: Link, end: Endpoint) -> Iterator[FileError]:
    node = topology.nodes[end.node]
    mode = node.text("network-mode", "bridge")
    if node.is_managed and end.interface == "eth0":
        yield topology.error(
            end.key,
            f"{end.node}:eth0 is in the management network already;"
            " network-mode: none leaves it out",
        )
    if mode.startswith("container:"):
        yield topology.error(
            end.key, f"{end.node} shares the interfaces of {mode[10:]}; name that one"
        )
    if end.ipv6 and link.mtu < SMALLEST_IPV6_MTU:
        reason = f"IPv6 needs an MTU of {SMALLEST_IPV6_MTU} at least, not {link.mtu}"
        yield topology.error(end.key, reason)
    for text in (end.ipv4, end.ipv6):
        if text and not _is_hosts(ipaddress.ip_interface(text).ip):
            yield topology.error(end.key, f"{text} is no address of a host")


def _is_hosts(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return not address.is_multicast and not address.is_unspecified


def _of_names(topology: Topology) -> Iterator[FileError]:
    """Judge the names of interfaces, which are unique in each namespace."""
    seen: dict[tuple[str | None, str], KeyPath] = {}
    for name, node, key in _claims(topology):
        if trouble := _name_trouble(name):
            yield topology.error(key, trouble)
        elif (node, name) in seen:
            line = topology.document.line(seen[node, name])
            where = f"node {node}" if node else "the lab's machine"
            reason = f"{name} is taken in {where}, on line {line} already"
            yield topology.error(key, reason)
        seen.setdefault((node, name), key)


def _claims(topology: Topology) -> Iterator[Claim]:
    for node in topology.nodes.values():
        if node.kind == "bridge":
            yield node.name, None, node.key
    management = plan(topology)
    if management.exists and not management.bridge.startswith(RESERVED):
        yield management.bridge, None, ("mgmt", "bridge")
    for link in topology.links:
        for end in link.endpoints:
            yield end.interface, topology.home(end.node), end.key
        if link.host_interface and link.kind in LINKS:
            yield link.host_interface, None, (*link.key, "host-interface")


def _name_trouble(name: str) -> str:
    if not _INTERFACE.fullmatch(name):
        return f"{name!r} is no name of a Linux interface: 15 characters at most, no /"
    if name in _KERNELS:
        return f"{name} is a name of the kernel's own"
    if name.startswith(RESERVED):
        return f"names that begin with {RESERVED} are the runner's own"
    return ""
