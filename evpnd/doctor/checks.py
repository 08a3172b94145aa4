"""The table of all checks, in the order in which they are read.

From what keeps evpnd from starting, through the host's devices and its way to other
VTEPs, to what peers say: what comes first is often the cause of what comes later.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from evpnd.doctor import (
    devices,
    fabric,
    firewall,
    limits,
    mtu,
    offloads,
    probes,
    rows,
    start,
    udp_port,
    underlay,
    vlans,
)
from evpnd.doctor.examined import Examined, Overlay
from evpnd.doctor.finding import Finding, Level, note


class Check(NamedTuple):
    """One question about the host."""

    name: str
    """As `--json` has it; once released, it keeps its meaning."""
    good: str
    """What is said where nothing is found."""
    find: Callable[[Examined], Iterator[Finding]]
    asks: bool = False
    """It needs a running evpnd."""
    probed: bool = False
    """It needs `--probe`."""
    loses: bool = False
    """Packets are lost where it finds a fault, so that `explain` tells it, too."""


CHECKS: Final = (
    Check("start", "`evpnd run` would start, or runs", start.start),
    Check("config-port", "UDP port 4789 is configured", udp_port.configured),
    Check("udp-port", "all VXLAN devices have that port", udp_port.devices),
    Check("port-taken", "no program has that port", udp_port.others, loses=True),
    Check("port-shared", "no other VXLAN device has that port", devices.external),
    Check("evi", "all EVIs have what they need", start.readiness),
    Check("discover", "`discover` passes over no VXLAN device", start.discovery),
    Check("learning", "VXLAN devices learn from BGP alone", devices.learning),
    Check("suppression", "ARP and ND are answered here", devices.suppression),
    Check("ipv6", "bridges take IPv6 neighbours", devices.ipv6),
    Check("ageing", "bridges remember silent hosts", devices.ageing),
    Check("vlan-membership", "VXLAN devices are in their VLAN", vlans.membership),
    Check("vlan-device", "VLANs have a device for ARP and ND", vlans.suppression),
    Check("tenant-port", "all tenant ports pass frames", start.ports),
    Check("mtu", "the tenants' largest packets fit", mtu.frames, loses=True),
    Check("drops", "VXLAN devices dropped no frame", mtu.drops),
    Check("vtep-address", "this host has its VTEP address", underlay.vtep_address),
    Check("vtep-route", "routes lead to all VTEPs", underlay.routes, loses=True),
    Check("next-hop", "the next hops to VTEPs answer", underlay.next_hops, loses=True),
    Check("probe", "VTEPs answer, also large packets", probes.answers, probed=True),
    Check("peer-route", "routes lead to all peers", underlay.peers),
    Check("rp-filter", "no strict reverse path filter", underlay.reverse_path),
    Check("rules", "the firewall's rules were read", firewall.unread),
    Check("firewall", "no rule drops VXLAN", firewall.vxlan, loses=True),
    Check("firewall-bgp", "no rule drops BGP", firewall.bgp),
    Check("offloads", "uplinks segment VXLAN themselves", offloads.segmentation),
    Check("rx-hash", "uplinks spread VXLAN over queues", offloads.hashing),
    Check("source-ports", "VXLAN has many source ports", udp_port.source_ports),
    Check("foreign-rows", "the rows are evpnd's own", rows.foreign),
    Check("rows", "all rows were looked at", rows.unread),
    Check("neighbor-table", "neighbour tables have room", rows.neighbor_tables),
    Check("buffers", "netlink buffers are as large as wanted", limits.buffers),
    Check("clock", "the clock is kept right", limits.clock),
    Check("peer", "all peers are up and exchange routes", fabric.sessions, asks=True),
    Check("evi-note", "no EVI has another note", fabric.notes, asks=True),
    Check("vtep", "VTEPs announce types 2 and 3", fabric.vteps, asks=True),
)


_NOTED = frozenset({"mtu"})
"""Checks whose faults the core itself notes at an EVI (`evi/notes.py`)."""


class Told(NamedTuple):
    """A finding, and the check that told it."""

    check: str
    finding: Finding


def examine_all(seen: Examined) -> Iterator[Told]:
    """Yield the findings of all checks; one is `ok` where a check has none."""
    if seen.daemon is None:
        text = "no evpnd answers: peers and VTEPs are not examined, the file and the "
        yield Told("daemon", note("evpnd", text + "kernel are"))
    for check in CHECKS:
        if check.asks and seen.daemon is None:
            continue
        if check.probed and not seen.host.probed:
            continue
        # A VXLAN device of many EVIs is looked at for each of them.
        found = list(dict.fromkeys(check.find(seen)))
        for each in found:
            yield Told(check.name, each)
        if not found:
            yield Told(check.name, Finding(Level.OK, check.name, check.good))


def losses(seen: Examined, vni: int, vtep: bytes) -> Iterator[str]:
    """Yield why packets between an EVI and a VTEP are lost on this host.

    Empty for `vtep`: any of the EVI's VTEPs.
    """
    ours = [each for each in seen.overlays if each.vni == vni]
    if vtep:
        ours = [each._replace(vteps=(vtep,)) for each in ours]
    alone = seen._replace(overlays=tuple(ours))
    yield from _faults(alone, (check for check in CHECKS if check.loses))


def beside_notes(seen: Examined) -> dict[int, list[str]]:
    """Return by VNI why packets of EVIs are lost on this host.

    What the notes of the EVIs have is left out, and a UDP port that no other VTEP uses
    by default is told. EVIs with the same VTEPs are looked at once.
    """
    checks = [check for check in CHECKS if check.loses and check.name not in _NOTED]
    alike: dict[tuple[bytes, ...], list[Overlay]] = {}
    for each in seen.overlays:
        alike.setdefault(each.vteps, []).append(each)
    found: dict[int, list[str]] = {}
    port = [_sentence(finding) for finding in udp_port.configured(seen)]
    for ours in alike.values():
        lost = list(_faults(seen._replace(overlays=tuple(ours)), checks))
        found |= {each.vni: port + lost for each in ours}
    return found


def _faults(seen: Examined, checks: Iterable[Check]) -> Iterator[str]:
    for check in checks:
        for finding in check.find(seen):
            if finding.level is Level.FAULT:
                yield _sentence(finding)


def _sentence(finding: Finding) -> str:
    fix = f" ({finding.fix.text})" if finding.fix is not None else ""
    return f"{finding.subject}: {finding.text}{fix}"
