"""Whether the tenants' largest frames fit through VXLAN device and underlay.

VXLAN adds 50 octets over IPv4 and 70 over IPv6 (RFC 7348, 5). A bridge drops frames
that are larger than the port that they leave by without a word; the VXLAN device tells
the sender of a packet that the route does not carry (ICMP), if it is IP and the sender
listens, and counts it as dropped.
"""

from collections.abc import Iterator
from typing import NamedTuple

from evpnd.core.evi.underlay import LARGEST, overhead
from evpnd.doctor.examined import Examined, Overlay
from evpnd.doctor.finding import Finding, fault, note, warning
from evpnd.doctor.fix import Fix, advise, run
from evpnd.model.ids import format_ip
from evpnd.model.rows import Link


class Underlay(NamedTuple):
    """What an EVI's underlay carries."""

    mtu: int
    """Octets of an IP packet to the VTEP that takes least."""
    added: int
    """Octets that VXLAN adds."""
    way: str
    """The route, in words."""
    device: Link | None
    """The device of the route."""

    @property
    def room(self) -> int:
        """Return the largest MTU of the VXLAN device."""
        return self.mtu - self.added


def underlay(seen: Examined, each: Overlay) -> Underlay | None:
    """Return what the underlay carries; None: nobody knows."""
    found = [
        (route.mtu, vtep, route)
        for vtep in each.vteps
        if (route := seen.host.routes.get(vtep)) and not route.local and route.mtu
    ]
    if found:
        mtu, vtep, route = min(found)
        device = seen.links.by_index.get(route.ifindex)
        way = f"the route to VTEP {format_ip(vtep)} by {seen.name(route.ifindex)}"
        return Underlay(min(mtu, LARGEST), overhead(vtep), way, device)
    least = min(seen.uplinks, key=lambda link: link.mtu, default=None)
    if least is None or not seen.vtep:
        return None
    mtu = min(least.mtu, LARGEST)
    return Underlay(mtu, overhead(seen.vtep), least.name, least)


def frames(seen: Examined) -> Iterator[Finding]:
    """Yield EVIs whose tenants send larger frames than get through."""
    for each in seen.overlays:
        below = underlay(seen, each)
        largest = max(each.ports, key=lambda port: port.mtu, default=None)
        if below is not None:
            yield from _frames(seen, each, below, largest)
        elif largest and each.vxlan and largest.mtu > each.vxlan.mtu:
            yield _too_small(each.vxlan, largest, largest.mtu)


def _frames(
    seen: Examined, each: Overlay, below: Underlay, largest: Link | None
) -> Iterator[Finding]:
    vxlan = each.vxlan
    if largest is not None and largest.mtu > below.room:
        most = below.room if vxlan is None else min(below.room, vxlan.mtu)
        yield fault(
            each.subject,
            f"tenants send packets of up to {largest.mtu} octets (MTU of "
            f"{largest.name}), but {below.way} takes {below.mtu}, and VXLAN adds "
            f"{below.added}: packets of more than {most} octets are lost or fragmented",
            _raise(below, largest),
        )
    elif vxlan is None:
        return
    elif largest is not None and largest.mtu > vxlan.mtu:
        yield _too_small(vxlan, largest, min(below.room, largest.mtu))
    elif vxlan.mtu > below.room:
        yield warning(
            vxlan.name,
            f"its MTU is {vxlan.mtu}, but {below.way} takes {below.mtu}, and VXLAN "
            f"adds {below.added}: what is larger than {below.room} octets is lost or "
            "fragmented",
            run(f"ip link set {vxlan.name} mtu {below.room}", safe=True),
        )
    yield from _of_the_host(seen, each)


def _too_small(vxlan: Link, largest: Link, mtu: int) -> Finding:
    return fault(
        vxlan.name,
        f"its MTU is {vxlan.mtu}, but tenants send packets of up to {largest.mtu} "
        f"octets (MTU of {largest.name}): the bridge drops larger ones without a word",
        run(f"ip link set {vxlan.name} mtu {mtu}", safe=True),
    )


def _raise(below: Underlay, largest: Link) -> Fix:
    """Return how the underlay gets room for the tenants' packets."""
    wanted = largest.mtu + below.added
    device = below.device
    tenants = f"or give the tenants an MTU of {below.room}"
    if device is None or device.mtu >= wanted:
        return advise(
            f"raise the MTU to {wanted} on all links of {below.way}, {tenants}"
        )
    return run(f"ip link set {device.name} mtu {wanted}")


def _of_the_host(seen: Examined, each: Overlay) -> Iterator[Finding]:
    """Yield a bridge with addresses whose own packets are too large."""
    vxlan, bridge = each.vxlan, each.bridge
    if vxlan is None or bridge is None or bridge.mtu <= vxlan.mtu:
        return
    if seen.links.addresses_of(bridge.ifindex):
        yield warning(
            bridge.name,
            f"its MTU is {bridge.mtu}, and that of its port {vxlan.name} {vxlan.mtu}: "
            "larger packets of this host itself are lost",
            run(f"ip link set {bridge.name} mtu {vxlan.mtu}", safe=True),
        )


def drops(seen: Examined) -> Iterator[Finding]:
    """Yield VXLAN devices that dropped frames, too large ones for example."""
    for each, link in seen.present:
        count = seen.host.dropped.get(link.name, 0)
        if not count:
            continue
        below = underlay(seen, each)
        tight = below is not None and link.mtu > below.room
        which = "larger than the route carries" if tight else "too large, or had no way"
        yield note(
            link.name,
            f"it dropped {count} frames on the way out since it was made: they were "
            f"{which} (`ip -s link show {link.name}`)",
        )
