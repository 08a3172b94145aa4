"""The VXLAN device of all VNIs of a bridge that evpnd makes: its map and its filter."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

from evpnd.core.evi.readiness import MANAGED_ALIAS
from evpnd.model.bridge_actions import (
    MakeSharedVxlan,
    SetTunnels,
    SetVlanSuppression,
    Tunnels,
)
from evpnd.model.bridges import as_ranges, format_ranges
from evpnd.model.rows import Link, PortVlans, VniFilter, VxlanLink, has_vni


def can_become_shared(vxlan: VxlanLink, vtep: bytes, udp_port: int) -> bool:
    """Return whether a device has the attributes that cannot be changed.

    A VNI filter is set when the device is made, or never (vxlan_changelink).
    """
    return (
        vxlan.external
        and vxlan.vnifilter
        and vxlan.udp_port == udp_port
        and len(vxlan.local) == len(vtep)
    )


def is_complete(
    link: Link | None, bridge: Link | None, wanted: MakeSharedVxlan
) -> bool:
    """Return whether a device is as it is to be, but for map and filter."""
    return (
        link is not None
        and link.alias == MANAGED_ALIAS
        and link.vxlan is not None
        and can_become_shared(link.vxlan, wanted.vtep, wanted.udp_port)
        and link.vxlan.local == wanted.vtep
        and (link.mtu, link.up) == (wanted.mtu, True)
        and bridge is not None
        and link.master == bridge.ifindex
        and (link.port is None or link.port.vlan_tunnel)
    )


def tunnel_change(
    ifindex: int,
    wanted: Mapping[int, int],
    has: Mapping[int, int],
    vni_filter: VniFilter,
) -> SetTunnels | None:
    """Return what gives a device its map and its filter; None: it has both.

    `wanted` and `has` are VLANs with their VNIs.
    """
    vnis = sorted(wanted.values())
    missing = {vlan: vni for vlan, vni in wanted.items() if has.get(vlan) != vni}
    change = SetTunnels(
        ifindex,
        unmapped=as_ranges(vlan for vlan in has if wanted.get(vlan) != has[vlan]),
        mapped=tuple(_tunnels(missing)),
        filtered=tuple(_without(vni_filter, vnis)),
        taken_in=as_ranges(vni for vni in vnis if not has_vni(vni_filter, vni)),
    )
    return None if change == SetTunnels(ifindex) else change


def suppression_change(
    port: Link, has: PortVlans, suppress: Mapping[int, bool]
) -> SetVlanSuppression | None:
    """Return what makes a device answer ARP and ND in some VLANs alone; None: it does.

    `suppress` says of each VLAN whether it does there. Where it is the same in all, the
    port's own setting does.
    """
    if port.port is None:
        return None
    apart = len(set(suppress.values())) > 1
    on = {vlan for vlan, wanted in suppress.items() if wanted and vlan in has.vlans}
    change = SetVlanSuppression(
        port.ifindex,
        apart,
        answered=as_ranges(on - has.suppressed) if apart else (),
        flooded=as_ranges(has.suppressed - on) if apart else (),
    )
    done = port.port.neigh_vlan_suppress == apart
    return None if done and not (change.answered or change.flooded) else change


def suppression_refused(port: str) -> str:
    """Return by which name a refusal of it is stored: no other attempt clears it."""
    return f"neigh_vlan_suppress of {port}"


def _tunnels(mapped: Mapping[int, int]) -> Iterator[Tunnels]:
    """Yield as few pieces of a map as there are."""
    start = last = 0
    for vlan in sorted(mapped):
        if start and (vlan, mapped[vlan]) == (last + 1, mapped[last] + 1):
            last = vlan
            continue
        if start:
            yield Tunnels(range(start, last + 1), mapped[start])
        start = last = vlan
    if start:
        yield Tunnels(range(start, last + 1), mapped[start])


def _without(ranges: Iterable[range], numbers: Sequence[int]) -> Iterator[range]:
    """Yield ranges without some numbers, which are in ascending order."""
    for each in ranges:
        start = each.start
        for at in range(bisect_left(numbers, each.start), len(numbers)):
            if numbers[at] >= each.stop:
                break
            if numbers[at] > start:
                yield range(start, numbers[at])
            start = numbers[at] + 1
        if start < each.stop:
            yield range(start, each.stop)


def told(change: SetTunnels) -> dict[str, object]:
    """Return a change of map and filter as fields of a notice."""
    fields: dict[str, object] = {}
    if change.mapped:
        fields["mapped"] = format_tunnels(change.mapped)
    for name in ("unmapped", "filtered", "taken_in"):
        ranges: tuple[range, ...] = getattr(change, name)
        if ranges:
            fields[name] = format_ranges(ranges)
    return fields


def format_tunnels(tunnels: Iterable[Tunnels]) -> str:
    """Write `100-199: 10100-10199`: VLANs, and their VNIs."""
    pieces = []
    for vlans, vni in tunnels:
        vnis = range(vni, vni + len(vlans))
        pieces.append(f"{format_ranges((vlans,))}: {format_ranges((vnis,))}")
    return ", ".join(pieces)


def format_map(tunnels: Mapping[int, int]) -> str:
    """Write a whole tunnel map."""
    return format_tunnels(_tunnels(tunnels))
