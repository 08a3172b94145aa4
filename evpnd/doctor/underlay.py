"""The way to other VTEPs: addresses, routes, neighbours, filters of the kernel."""

from collections.abc import Iterator

from evpnd.doctor.examined import Examined, likely_uplinks
from evpnd.doctor.facts import Route
from evpnd.doctor.finding import Finding, fault, note, warning
from evpnd.doctor.fix import advise, run
from evpnd.model.ids import IPV4_LENGTH, format_ip, parse_ip
from evpnd.model.rows import NUD_FAILED

SHOWN = 5
"""Addresses that are named where all have the same fault."""


def vtep_address(seen: Examined) -> Iterator[Finding]:
    """Yield a VTEP address that no interface has, or devices with another."""
    config, vtep = seen.config, seen.vtep
    if config is not None and not vtep:
        name = config.vtep.interface or ""
        text = "it is to give the VTEP address (`vtep.interface`), but "
        text += "has none" if name in seen.links.by_name else "does not exist"
        fix = advise(f"`ip addr add ADDRESS/32 dev {name}`")
        yield fault(name, text, fix)
    elif vtep and not seen.links.has_address(vtep):
        text = format_ip(vtep)
        length = 32 if len(vtep) == IPV4_LENGTH else 128
        yield fault(
            text,
            "no interface has the VTEP address: what other VTEPs send to it is not for "
            "this host, and nothing is sent from it",
            run(f"ip addr add {text}/{length} dev lo"),
        )
    elif vtep:
        yield from _down(seen)


def _down(seen: Examined) -> Iterator[Finding]:
    having = [
        link
        for link in seen.links.by_index.values()
        if seen.vtep in seen.links.addresses_of(link.ifindex)
    ]
    if not any(link.up for link in having):
        name = having[0].name
        yield fault(
            name,
            f"it has the VTEP address {format_ip(seen.vtep)}, and is down",
            run(f"ip link set {name} up", safe=True),
        )


def routes(seen: Examined) -> Iterator[Finding]:
    """Yield remote VTEPs that no packet reaches, or only in a circle."""
    lost = [v for v in seen.vteps if (r := _route(seen, v)) is None or r.refused]
    for vtep in lost[:SHOWN]:
        route = _route(seen, vtep)
        why = "no route leads to it" if route is None else f"{route.refused}"
        more = f", as to {len(lost) - SHOWN} others" if len(lost) > SHOWN else ""
        yield fault(
            format_ip(vtep),
            f"remote VTEP: {why}{more}, so frames to its tenants are lost",
            advise(f"`ip route get {format_ip(vtep)}`, then the underlay's routing"),
        )
    inside = {each.bridge.ifindex for each in seen.overlays if each.bridge}
    inside |= {link.ifindex for _, link in seen.present}
    for vtep in seen.vteps:
        route = _route(seen, vtep)
        if route is None or route.refused:
            continue
        yield from _way(seen, vtep, route, inside)


def _route(seen: Examined, address: bytes) -> Route | None:
    return seen.host.routes.get(address)


def _way(
    seen: Examined, vtep: bytes, route: Route, inside: set[int]
) -> Iterator[Finding]:
    text, device = format_ip(vtep), seen.name(route.ifindex)
    link = seen.links.by_index.get(route.ifindex)
    if route.local:
        yield fault(
            text,
            f"remote VTEP: this host has its address itself, on {device}",
            advise("give one of the two another address"),
        )
        return
    tenant = link is not None and link.vlan_id and link.lower in inside
    if route.ifindex in inside or tenant:
        yield fault(
            text,
            f"remote VTEP: the route leads into the overlay, by {device}: packets go "
            "round in a circle",
            advise(f"`ip route get {text}`; a tenant's subnet hides the underlay's"),
        )
        return
    bound = {
        (link.name, seen.name(tunnel.lower))
        for each, link in seen.present
        if vtep in each.vteps
        and (tunnel := seen.host.tunnels.get(link.ifindex))
        and tunnel.lower not in (0, route.ifindex)
    }
    for name, lower in sorted(bound):
        yield warning(
            text,
            f"remote VTEP: the route leads by {device}, but {name} is bound to "
            f"{lower} (`dev`) and sends there alone",
            advise(f"route {text} by {lower}, or make {name} anew without `dev`"),
        )
    having = [
        each
        for each in seen.links.by_index.values()
        if seen.vtep in seen.links.addresses_of(each.ifindex) and any(each.mac)
    ]
    if having and not bound and route.ifindex not in {each.ifindex for each in having}:
        yield warning(
            text,
            f"remote VTEP: packets to it leave by {device}, but the VTEP address is on "
            f"{having[0].name}, where answers arrive",
            advise(f"`ip route get {text}`; or have the VTEP address on lo"),
        )


def next_hops(seen: Examined) -> Iterator[Finding]:
    """Yield next hops in the underlay that do not answer ARP or ND."""
    failed = {
        (row.ifindex, row.ip) for row in seen.host.neighbors if row.state & NUD_FAILED
    }
    told: dict[tuple[int, bytes], list[str]] = {}
    for vtep in seen.vteps:
        route = _route(seen, vtep)
        if route is None or route.local or route.refused:
            continue
        hop = route.ifindex, route.gateway or vtep
        if hop in failed:
            told.setdefault(hop, []).append(format_ip(vtep))
    for (ifindex, address), vteps in told.items():
        what = "ARP" if len(address) == IPV4_LENGTH else "ND"
        hop_text, device = format_ip(address), seen.name(ifindex)
        more = f" and {len(vteps) - 1} more" if len(vteps) > 1 else ""
        yield fault(
            vteps[0],
            f"remote VTEP{more}: the next hop {hop_text} does not answer {what} on "
            f"{device}, so nothing reaches it",
            advise(f"`ip neigh show dev {device}`; look at the link and at {hop_text}"),
        )


def peers(seen: Examined) -> Iterator[Finding]:
    """Yield peers of the configuration that no route leads to."""
    for peer in () if seen.config is None else seen.config.peers:
        route = _route(seen, bytes(parse_ip(peer.address)))
        if route is None or route.refused:
            why = "no route leads to it" if route is None else route.refused
            yield fault(
                peer.address,
                f"peer: {why}, so the session cannot come up",
                advise(f"`ip route get {peer.address}`, then the underlay's routing"),
            )


def reverse_path(seen: Examined) -> Iterator[Finding]:
    """Yield strict reverse path filters where packets of VTEPs may arrive.

    A packet is dropped where the route back to its sender leads by another device
    (RFC 3704, 2.2); that of a route with several next hops may be any of them.
    """
    routes = [(vtep, _route(seen, vtep)) for vtep in seen.vteps]
    leaving = {
        route.ifindex: vtep
        for vtep, route in routes
        if len(vtep) == IPV4_LENGTH and route and not route.local and not route.refused
    }
    for link in likely_uplinks(seen.links, b""):
        others = [i for i in leaving if i != link.ifindex]
        if link.ifindex in leaving or not others or _rp_filter(seen, link.name) != 1:
            continue
        count = seen.host.filtered
        say = warning if count else note
        dropped = f"; {count} packets were dropped for that" if count else ""
        yield say(
            link.name,
            "`rp_filter` is strict there: a packet from VTEP "
            f"{format_ip(leaving[others[0]])} that arrives by {link.name} is dropped, "
            f"as the route back leads by {seen.name(others[0])}{dropped}",
            run(f"sysctl -w net/ipv4/conf/{link.name}/rp_filter=2", safe=True),
        )


def _rp_filter(seen: Examined, name: str) -> int:
    """Return the filter in force: the stricter number of `all` and the device."""
    read = seen.host.sysctls
    of_all = read.get("net/ipv4/conf/all/rp_filter", 0)
    return max(of_all, read.get(f"net/ipv4/conf/{name}/rp_filter", 0))
