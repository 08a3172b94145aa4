"""Notes on EVIs that are ready but have a problem."""

from collections.abc import Iterable, Iterator

from evpnd.core.evi.bridge_vlans import vlan_notes
from evpnd.core.evi.links import Links
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.underlay import Room
from evpnd.core.turn import Turn
from evpnd.model.ids import format_ip


def take_notes(
    vrf: MacVrf,
    links: Links,
    refused: dict[str, str],
    turn: Turn,
    *,
    vtep_here: bool,
    room: Room | None,
    more: Iterable[str],
) -> None:
    """Store the notes as sentences, and report new ones.

    `refused` are devices that could not be changed, and why; `vtep_here` says whether
    an interface has the VTEP address; `room` is what the underlay carries; `more` are
    further sentences.
    """
    found: list[str] = []
    if vrf.reason is None:
        if not vtep_here:
            found.append(f"no interface has the VTEP address {format_ip(vrf.vtep)}")
        found += _notes(vrf, links, refused)
        found += more
        found += _too_large(vrf, links, room)
    if found and tuple(found) != vrf.notes:
        turn.tell(vrf.notice("warning", "evi_noted", notes=found))
    vrf.notes = tuple(found)


def _notes(vrf: MacVrf, links: Links, refused: dict[str, str]) -> Iterator[str]:
    for name in vrf.config.ports:
        if name not in links.by_name:
            yield f"port {name} does not exist"
        elif name in refused:
            yield f"port {name} {refused[name]}"
    # Of a port without a carrier nothing is told: its machine is off.
    members = (links.by_index.get(port) for port in sorted(vrf.members))
    down = [port.name for port in members if port is not None and not port.up]
    if down:
        more = f" and {len(down) - 1} more are" if len(down) > 1 else " is"
        yield f"port {down[0]}{more} down (`ip link set {down[0]} up`)"
    vxlan = links.by_index.get(vrf.domain.vxlan)
    if vxlan is None:
        return
    bridge = links.by_index.get(vrf.domain.bridge)
    if bridge is not None:
        # Where evpnd makes the VLAN device, it is there in a moment, or refused.
        evi = vrf.config
        suppress = evi.suppress and not evi.made
        yield from vlan_notes(links, vxlan, bridge, evi.vni, suppress=suppress)
    large = [
        port.name
        for port in map(links.by_index.get, sorted(vrf.ports))
        if port is not None and port.mtu > vxlan.mtu
    ]
    if large:
        more = f" and {len(large) - 1} more" if len(large) > 1 else ""
        yield (
            f"frames of {large[0]}{more} may be larger than the MTU of {vxlan.name}, "
            f"{vxlan.mtu}"
        )


def _too_large(vrf: MacVrf, links: Links, room: Room | None) -> Iterator[str]:
    """Yield a note on an MTU that the underlay does not carry."""
    vxlan = links.by_index.get(vrf.domain.vxlan)
    if (
        room is None
        or vxlan is None
        or vrf.config.owns_devices
        or vxlan.mtu <= room.mtu
    ):
        return
    yield (
        f"{vxlan.name} has an MTU of {vxlan.mtu}, but the underlay carries {room.mtu}: "
        f"the route to VTEP {format_ip(room.vtep)} takes {room.route}, VXLAN needs "
        f"{room.route - room.mtu} (ip link set {vxlan.name} mtu {room.mtu})"
    )
