"""Rules that drop VXLAN's packets, or BGP's."""

from collections.abc import Iterator
from typing import NamedTuple

from evpnd.doctor.examined import Examined
from evpnd.doctor.facts import Chain
from evpnd.doctor.finding import Finding, fault, note, warning
from evpnd.doctor.fix import Fix, run
from evpnd.doctor.packets import Dropped, Packet, follow
from evpnd.model.ids import IPV4_LENGTH, format_ip, parse_ip

_IN = ("ingress", "prerouting", "input")
_OUT = ("output", "postrouting")


class _Flow(NamedTuple):
    """Packets that must pass."""

    what: str
    match: str
    """In nft's words, without direction."""
    packet: Packet
    hooks: tuple[str, ...]


def unread(seen: Examined) -> Iterator[Finding]:
    """Yield why rules could not be read."""
    for text in seen.host.firewall.unread:
        yield note("firewall", text)


def vxlan(seen: Examined) -> Iterator[Finding]:
    """Yield chains that drop packets between VTEPs."""
    yield from _drops(seen, _vxlan(seen))


def bgp(seen: Examined) -> Iterator[Finding]:
    """Yield chains that drop connections between us and peers."""
    yield from _drops(seen, _bgp(seen))


def _drops(seen: Examined, flows: Iterator[_Flow]) -> Iterator[Finding]:
    told: set[tuple[Chain, str]] = set()
    for flow in flows:
        for dropped in follow(seen.host.firewall, flow.packet, *flow.hooks):
            if (dropped.chain, flow.match) not in told:
                told.add((dropped.chain, flow.match))
                yield _finding(flow, dropped)


def _finding(flow: _Flow, dropped: Dropped) -> Finding:
    chain, rule = dropped.chain, dropped.rule
    where = f"{chain.program} {chain.family} {chain.table} {chain.name}"
    what = "its policy is drop" if rule is None else f"rule `{rule.text}`"
    say = fault if dropped.sure else warning
    lost = "are dropped" if dropped.sure else "may be dropped"
    text = f"{flow.what} {lost} in the {chain.hook} hook: {what}"
    return say(where, text, _accept(chain, flow))


def _accept(chain: Chain, flow: _Flow) -> Fix:
    if chain.program != "nft":
        command = chain.program.removesuffix("-save")
        protocol, port = flow.match.split()[0], flow.match.split()[-1]
        line = f"{command} -t {chain.table} -I {chain.name} -p {protocol}"
        return run(f"{line} --dport {port} -j ACCEPT")
    place = f"{chain.family} {chain.table} {chain.name}"
    return run(f"nft insert rule {place} {flow.match} accept")


def _vxlan(seen: Examined) -> Iterator[_Flow]:
    port = seen.udp_port
    base: dict[str, int | str] = {"proto": 17, "dport": port, "state": "new"}
    match = f"udp dport {port}"
    # With no VTEP known, only what drops the port whatever the address is found.
    for vtep in seen.vteps or [b""]:
        family = _family(vtep or seen.vtep)
        ours, theirs = _address("daddr", seen.vtep), _address("saddr", vtep)
        name = format_ip(vtep) if vtep else "other VTEPs"
        packet = base | family | ours | theirs | _device(seen, vtep, "iif")
        yield _Flow(f"VXLAN packets from {name}", match, packet, _IN)
        ours, theirs = _address("saddr", seen.vtep), _address("daddr", vtep)
        packet = base | family | ours | theirs | _device(seen, vtep, "oif")
        yield _Flow(f"VXLAN packets to {name}", match, packet, _OUT)


def _bgp(seen: Examined) -> Iterator[_Flow]:
    for peer in () if seen.config is None else seen.config.peers:
        address = bytes(parse_ip(peer.address))
        base: dict[str, int | str] = {"proto": 6, "state": "new"}
        base |= _family(address)
        match = f"tcp dport {peer.port}"
        if not peer.passive:
            packet = base | _address("daddr", address) | {"dport": peer.port}
            packet |= _device(seen, address, "oif")
            yield _Flow(f"BGP connections to {peer.address}", match, packet, _OUT)
        packet = base | _address("saddr", address) | {"dport": 179}
        packet |= _device(seen, address, "iif")
        what = f"BGP connections from {peer.address}"
        yield _Flow(what, "tcp dport 179", packet, _IN)


def _family(address: bytes) -> dict[str, int | str]:
    return {"family": "ip" if len(address) in (0, IPV4_LENGTH) else "ip6"}


def _address(field: str, address: bytes) -> dict[str, int | str]:
    return {field: int.from_bytes(address, "big")} if address else {}


def _device(seen: Examined, address: bytes, field: str) -> dict[str, int | str]:
    """Return the device of packets, if it is known: where the route leads."""
    route = seen.host.routes.get(address)
    if route is None or route.local or route.refused:
        return {}
    return {field: seen.name(route.ifindex)}
