"""What happens to a packet if the kernel has all wanted rows.

A story ends well only where nothing that this host knows of loses the packet: its own
VTEP address, the ports, a peer that rewrites next hops, a duplicate address.
"""

from collections.abc import Iterator

from evpnd.core.bgp.path import Path
from evpnd.core.bgp.rewriting import find_rewriting
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.reasons import sentence
from evpnd.core.want.macs import why_no_row
from evpnd.model.config import VXLAN_PORT
from evpnd.model.ids import format_ip, format_mac
from evpnd.views.explain.narrative import Story


def end_remote_mac(story: Story, vrf: MacVrf, mac: bytes, path: Path) -> None:
    """End the story of a MAC whose rows lead to a VTEP."""
    losses = [
        *_outward(story, vrf, path.vtep),
        *_rewritten(story, path),
        *_duplicate_mac(story, vrf, mac),
    ]
    _end(story, vrf, f"frames to it go to {_vtep(story, path.vtep)}", losses)


def end_remote_ip(story: Story, vrf: MacVrf, ip: bytes, mac: bytes, path: Path) -> None:
    """End the story of an IP that the bridge answers for with the MAC of a VTEP."""
    where = f"{format_mac(mac)} at {_vtep(story, path.vtep)}"
    losses = [
        *_outward(story, vrf, path.vtep),
        *_row_of_its_mac(vrf, mac),
        *_rewritten(story, path),
        *_duplicate_ip(story, vrf, ip),
        *(f"its MAC: {why}" for why in _duplicate_mac(story, vrf, mac)),
    ]
    _end(story, vrf, f"packets to it go to {where}", losses)


def end_vtep(story: Story, vrf: MacVrf, vtep: bytes) -> None:
    """End the story of a VTEP that is in the kernel's flood list."""
    text = f"flooded frames go to {_vtep(story, vtep)}"
    _end(story, vrf, text, [*_outward(story, vrf, vtep)])


def _vtep(story: Story, vtep: bytes) -> str:
    """Name a VTEP, with the UDP port where it is not what VTEPs use by default."""
    port = story.query.config.vtep.udp_port
    usual = port == VXLAN_PORT
    asked = "" if usual else f" at UDP port {port}, not {VXLAN_PORT}"
    return f"VTEP {format_ip(vtep)}{asked}"


def end_local(
    story: Story, vrf: MacVrf, mac: bytes, untold: str | None, ip: bytes | None = None
) -> None:
    """End the story of a MAC, or of an IP bound to it, behind a port of ours.

    `untold` says why no peer is told of it; None: one is.
    """
    if untold is not None:
        story.tell("end", f"local, but not announced: {untold}", vrf, ok=False)
        return
    local = vrf.macs.local.get(mac)
    port = None if local is None else story.query.links.by_index[local.port]
    is_open = local is not None and local.port in vrf.open_ports
    losses = [
        *_inward(story, vrf),
        *([f"port {port.name} is down"] if port and not is_open else []),
        *(_duplicate_ip(story, vrf, ip) if ip is not None else []),
        *_duplicate_mac(story, vrf, mac),
    ]
    where = (
        f"port {port.name}" if port else f"the ports of {story.link(vrf.domain.bridge)}"
    )
    _end(story, vrf, f"frames from the fabric reach it on {where}", losses)


def end_kept(story: Story, vrf: MacVrf) -> None:
    """End the story of a row that no route confirmed yet, and that may stay."""
    text = "left by an earlier run; kept until End-of-RIB (or timeout) from every peer"
    story.tell("noted", text, vrf)
    losses = [*_outward(story, vrf)]
    if losses:
        _end(story, vrf, "", losses)
    else:
        story.tell("end", "present for now: an earlier run left it", vrf, ok=True)


def end_own(story: Story, vrf: MacVrf) -> None:
    """End the story of an address of the bridge itself."""
    losses = [*_inward(story, vrf)]
    if losses:
        _end(story, vrf, "", losses)
    else:
        story.tell("end", "it is this host's own", vrf, ok=True)


def _end(story: Story, vrf: MacVrf, text: str, losses: list[str]) -> None:
    if losses:
        why = "; ".join(losses)
        text = f"the kernel has the wanted rows, but packets are lost: {why}"
        story.tell("end", text, vrf, ok=False)
    else:
        story.tell("end", f"{text}: the kernel has the wanted rows", vrf, ok=True)


def _inward(story: Story, vrf: MacVrf, vtep: bytes = b"") -> Iterator[str]:
    """Yield what loses frames between the fabric and the bridge."""
    links = story.query.links
    if not links.has_address(vrf.vtep):
        yield f"no interface has the VTEP address {format_ip(vrf.vtep)}"
    vxlan = links.by_index.get(vrf.domain.vxlan)
    if vxlan is not None and vxlan.port is not None and not vxlan.port.forwarding:
        yield f"{vxlan.name} does not forward (spanning tree)"
    yield from story.losses(vrf, vtep)


def _outward(story: Story, vrf: MacVrf, vtep: bytes = b"") -> Iterator[str]:
    """Yield what loses frames between the tenants and the fabric."""
    yield from _inward(story, vrf, vtep)
    if not vrf.own_ips and not vrf.open_ports:
        what = "is up" if vrf.ports else "is there"
        bridge = story.link(vrf.domain.bridge)
        yield f"no tenant port of {bridge} {what}, so no tenant sends"


def _rewritten(story: Story, path: Path) -> Iterator[str]:
    session = story.query.sessions.get(path.peer)
    rewriting = None if session is None else find_rewriting(session)
    if rewriting is not None and rewriting.concerns(path):
        yield f"peer {path.peer}: {rewriting.text}"


def _row_of_its_mac(vrf: MacVrf, mac: bytes) -> Iterator[str]:
    reason = why_no_row(vrf, mac)
    why = None if reason is None else sentence(reason, evi=vrf.config.name)
    if why is None and mac not in vrf.fdb.actual:
        why = "its row is not in the kernel"
    if why is not None:
        yield f"its MAC {format_mac(mac)}: {why}"


def _duplicate_mac(story: Story, vrf: MacVrf, mac: bytes) -> Iterator[str]:
    vni = vrf.config.vni
    if (vni, mac) in story.query.duplicate_macs:
        yield (
            f"{format_mac(mac)} is a duplicate: it keeps moving, so two stations may "
            f"use it (`evpnd clear duplicate --vni {vni} {format_mac(mac)}`)"
        )


def _duplicate_ip(story: Story, vrf: MacVrf, ip: bytes) -> Iterator[str]:
    pair = story.query.duplicate_ips.get((vrf.config.vni, ip))
    if pair is not None:
        yield (
            f"{format_ip(ip)} is a duplicate: {format_mac(pair.holder)} has it, and "
            f"{format_mac(pair.other)} claims it"
        )
