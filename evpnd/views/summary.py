"""Numbers of changed rows and routes, which an operator can compare with a plan."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable

from evpnd.model.actions import (
    Action,
    AnnounceImet,
    AnnounceMacIp,
    CreateDevices,
    DeleteFlood,
    DeleteNeighbors,
    DeleteRemoteMacs,
    DeleteVxlanRows,
    OverrideLocalMacs,
    ReleasePorts,
    RemoveDevices,
    UpsertFlood,
    UpsertNeighbors,
    UpsertRemoteMacs,
    UpsertVxlanRows,
    WithdrawImet,
    WithdrawMacIp,
)
from evpnd.model.bridge_actions import (
    AttachPorts,
    MakeBridge,
    MakeSharedVxlan,
    MakeVlanDevices,
    MakeVxlanDevices,
    SetPortVlans,
    SetTunnels,
)
from evpnd.model.ids import Peer

Count = tuple[str, str, int]
Told = AnnounceMacIp | AnnounceImet | WithdrawMacIp | WithdrawImet
_ANNOUNCED = (AnnounceMacIp, AnnounceImet)


def summarise(actions: Iterable[Action], hearers: Collection[Peer]) -> list[str]:
    """Count what is done to rows, devices and announcements, a line for each kind.

    A route counts once, whether all peers are told of it together or each for itself;
    what nobody hears, because the peer has no session, does not count. `hearers` are
    the peers that have one.
    """
    counts: Counter[tuple[str, str]] = Counter()
    told: dict[str, set[Hashable]] = {}
    for action in actions:
        if isinstance(action, Told):
            heard = action.peer in hearers if action.peer else bool(hearers)
            if heard:
                done = "announced" if isinstance(action, _ANNOUNCED) else "withdrawn"
                told.setdefault(done, set()).update(_routes(action))
            continue
        found = _count(action)
        if found is not None:
            what, done, number = found
            counts[what, done] += number
    for done, routes in told.items():
        counts["routes", done] = len(routes)
    lines: dict[str, list[str]] = {}
    for (what, done), number in counts.items():
        lines.setdefault(what, []).append(f"{number} {done}")
    return [f"{what}: {', '.join(parts)}" for what, parts in lines.items()]


def _routes(action: Told) -> Iterable[Hashable]:
    if isinstance(action, AnnounceImet | WithdrawImet):
        return [(action.source, action.originator)]
    return ((action.source, key) for key in action.keys)


def _count(action: Action) -> Count | None:
    match action:
        case UpsertRemoteMacs() | UpsertVxlanRows() | OverrideLocalMacs():
            return "FDB rows", "added or changed", len(action.macs)
        case DeleteRemoteMacs() | DeleteVxlanRows():
            return "FDB rows", "removed", len(action.macs)
        case UpsertFlood():
            return "VTEPs in flood lists", "added", len(action.vteps)
        case DeleteFlood():
            return "VTEPs in flood lists", "removed", len(action.vteps)
        case UpsertNeighbors():
            return "neighbours", "added or changed", len(action.bindings)
        case DeleteNeighbors():
            return "neighbours", "removed", len(action.ips)
        case CreateDevices():
            return "EVIs", "whose devices will be created or changed", 1
        case RemoveDevices():
            return "devices", "to remove", len(action.names)
        case MakeBridge():
            return "devices", "to create or change", 1
        case MakeVxlanDevices() | MakeVlanDevices():
            return "devices", "to create or change", len(action.devices)
        case AttachPorts():
            return "ports", "to attach", len(action.ports)
        case MakeSharedVxlan():
            return "devices", "to create or change", 1
        case SetTunnels():
            return "VXLAN devices", "whose map of VLANs to VNIs will change", 1
        case SetPortVlans():
            return "ports", "whose VLANs will change", 1
        case ReleasePorts():
            return "ports", "to release", len(action.ports)
        case _:
            return None
