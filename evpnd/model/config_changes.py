"""Differences between two configurations, as sentences for an operator."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TypeVar

from evpnd.model.bridges import BridgeConfig, BridgePort, format_ranges
from evpnd.model.config import Config, EviConfig, PeerConfig, RecordConfig, VrfConfig
from evpnd.model.ids import (
    Peer,
    format_ip,
    format_mac,
    format_prefix,
    format_rd,
    format_route_target,
)
from evpnd.model.key import MAC_LENGTH
from evpnd.model.policy import Limit, Policy, Rule
from evpnd.model.sizes import format_size
from evpnd.model.targets import ImportTargets

Item = TypeVar("Item", PeerConfig, EviConfig, VrfConfig, BridgeConfig, Policy)
Values = Sequence[tuple[str, object, object]]
"""Names of what differs, with the old and the new value."""

NEEDS_RESTART = ("control_socket", "metrics_listen", "log", "record")
_OF_THE_HOST = (
    *("asn", "router_id", "vtep", "site_of_origin", "discover", "duplicate_detection"),
)
_ANEW = "; every session restarts"
_EFFECTS = {"asn": _ANEW, "router_id": _ANEW} | dict.fromkeys(
    NEEDS_RESTART, "; restart evpnd to apply it"
)
UNNOTICED = frozenset(
    {
        *("description", "profile", "allow_own_as", "max_routes"),
        *("import_policies", "export_policies"),
    }
)
"""Settings of a peer that change without restarting its session."""
_IP_LENGTHS = (4, 16)
_NAMES = {
    "import_policies": "import",
    "export_policies": "export",
    "given_targets": "the form of its export targets",
    "made": "on a bridge of `bridges`",
}
_NOT_TOLD = frozenset({"password", "static", "given_targets"})
"""Settings that are secret, or too long for a line: only the name is printed."""


def describe_changes(
    old: Config,
    new: Config,
    *,
    was_discovered: Collection[int] = (),
    discovered: Collection[int] = (),
) -> list[str]:
    """Return what a reload changes, one sentence each; empty: nothing.

    `was_discovered` and `discovered` are the VNIs of EVIs that stand in no file,
    before and after.
    """
    changes = []
    for name in (*_OF_THE_HOST, *NEEDS_RESTART):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            word = name.replace("_", "-")
            parts = _parts(name, before, after)
            told = (part.removeprefix(f"{word} ") for part in parts)
            changes.append(f"{word} changed: {', '.join(told)}{_EFFECTS.get(name, '')}")
    changes.extend(_compare("peer", _peers(old), _peers(new), _peer_details))
    was, now = _evis(old), _evis(new, old)
    for name in [name for name in was if name not in now]:
        if was[name].vni in discovered:
            changes.append(f"EVI {name} is now a discovered one; it stays up")
            del was[name]
    for name in [name for name in now if name not in was]:
        if now[name].vni in was_discovered:
            changes.append(f"EVI {name} was discovered; it stays up, as configured")
            del now[name]
    changes.extend(_compare("EVI", was, now, _evi_details))
    named = {evi.vni for evi in (*old.evis, *new.evis)}
    come, gone = set(discovered), set(was_discovered)
    for vnis, word in (
        (come - gone - named, "discovered"),
        (gone - come - named, "removed; it was discovered"),
    ):
        changes += [f"EVI vni-{vni} (VNI {vni}) {word}" for vni in sorted(vnis)]
    was_made, made = ({each.name: each for each in c.bridges} for c in (old, new))
    changes.extend(_compare("bridge", was_made, made, _bridge_details))
    old_vrfs, new_vrfs = ({each.name: each for each in c.vrfs} for c in (old, new))
    changes.extend(_compare("VRF", old_vrfs, new_vrfs, _vrf_details))
    changes.extend(
        _compare("policy", dict(old.policies), dict(new.policies), _policy_details)
    )
    return changes


def sessions_that_stay(old: Config, new: Config) -> frozenset[Peer]:
    """Return the peers whose sessions a reload does not touch."""
    if (old.asn, old.router_id) != (new.asn, new.router_id):
        return frozenset()
    was = _peers(old)
    return frozenset(
        peer.address
        for peer in new.peers
        if peer.address in was and not _restarts(was[peer.address], peer)
    )


def _peers(config: Config) -> dict[str, PeerConfig]:
    return {peer.address: peer for peer in config.peers}


def _evis(config: Config, older: Config | None = None) -> dict[str, EviConfig]:
    """Return the EVIs by name; one that is only renamed has its older name."""
    names = {evi.vni: evi.name for evi in config.evis}
    if older is not None:
        names |= {evi.vni: evi.name for evi in older.evis if evi.vni in names}
    return {f"{names[evi.vni]} (VNI {evi.vni})": evi for evi in config.evis}


def _compare(
    what: str,
    old: Mapping[str, Item],
    new: Mapping[str, Item],
    details: Callable[[Item, Item], str],
) -> Iterator[str]:
    yield from (f"{what} {name} removed" for name in old if name not in new)
    yield from (f"{what} {name} added" for name in new if name not in old)
    for name, now in new.items():
        was = old.get(name)
        if was is not None and was != now and (told := details(was, now)):
            yield f"{what} {name} changed: {told}"


def _peer_details(old: PeerConfig, new: PeerConfig) -> str:
    found = _differing(old, new, PeerConfig.__slots__)
    return _written(found) + "; its session restarts" * _restarts(old, new)


def _restarts(old: PeerConfig, new: PeerConfig) -> bool:
    found = _differing(old, new, PeerConfig.__slots__)
    return not {name for name, *_ in found} <= UNNOTICED


def _evi_details(old: EviConfig, new: EviConfig) -> str:
    found = _differing(old, new, (each.name for each in fields(EviConfig)))
    # What changes in the VRF itself is told of the VRF.
    found = [each for each in found if each[0] != "vrf"]
    was, now = (each.vrf.name if each.vrf else None for each in (old, new))
    if was != now:
        found.append(("vrf", was, now))
    if old.export_targets != new.export_targets:
        found = [each for each in found if each[0] != "given_targets"]
    return _written(found)


def _vrf_details(old: VrfConfig, new: VrfConfig) -> str:
    found = _differing(old, new, (each.name for each in fields(VrfConfig)))
    return _written(found)


def _bridge_details(old: BridgeConfig, new: BridgeConfig) -> str:
    found = _differing(old, new, ("vxlan",))
    parts = [_written(found)] if found else []
    was, now = ({port.name: port for port in each.ports} for each in (old, new))
    parts += [f"port {name} removed" for name in was if name not in now]
    for name, port in now.items():
        if name not in was:
            parts.append(f"port {name} added")
        elif was[name] != port:
            found = _differing(was[name], port, BridgePort.__slots__)
            parts.append(f"port {name} {_written(found)}")
    return ", ".join(parts) or "only the order of its ports"


def _differing(old: object, new: object, names: Iterable[str]) -> Values:
    pairs = ((name, getattr(old, name), getattr(new, name)) for name in names)
    return [(name, was, now) for name, was, now in pairs if was != now]


def _written(found: Values) -> str:
    return ", ".join(part for each in found for part in _parts(*each))


def _parts(name: str, was: object, now: object) -> Iterator[str]:
    word = _NAMES.get(name, name).replace("_", "-")
    if name in _NOT_TOLD:
        yield word
    elif is_dataclass(now) and was is not None:
        for each in _differing(was, now, (part.name for part in fields(now))):
            yield from (f"{word} {part}" for part in _parts(*each))
    else:
        value = _rd if name == "rd" else _value
        yield f"{word} from {value(was)} to {value(now)}"


def _rd(value: object) -> str:
    return format_rd(value) if isinstance(value, bytes) else "auto"


def _value(value: object) -> str:
    match value:
        case None | "" | ():
            return "nothing"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case Enum():
            return str(value.value)
        case RecordConfig(file, size):
            return f"{file} of {format_size(size)}"
        case ImportTargets():
            return ", ".join(value.texts()) or "nothing"
        case range():
            return format_ranges((value,))
        case tuple():
            return ", ".join(map(_value, value))
        case frozenset():
            return ", ".join(map(format_prefix, sorted(value))) or "nothing"
        case bytes() if len(value) == MAC_LENGTH:
            return format_mac(value)
        case bytes() if len(value) in _IP_LENGTHS:
            return format_ip(value)
        case bytes():
            return format_route_target(value)
        case _:
            return str(value)


def _policy_details(old: Policy, new: Policy) -> str:
    """Return the rules that differ; their line number is no difference."""
    was, now = ({rule.name: _said(rule) for rule in each.rules} for each in (old, new))
    parts = [f"rule {name} removed" for name in was if name not in now]
    for name, said in now.items():
        if name not in was:
            parts.append(f"rule {name} added")
        elif was[name] != said:
            parts.append(f"rule {name} changed")
    kept = [name for name in was if name in now]
    if kept != [name for name in now if name in was]:
        parts.append("rules in another order")
    if old.default is not new.default:
        parts.append(f"default {new.default.value}")
    if _limits(old.limits) != _limits(new.limits):
        parts.append(f"limits {', '.join(_limits(new.limits)) or 'removed'}")
    return ", ".join(parts) or "only its position in the file"


def _said(rule: Rule) -> object:
    return rule.match, rule.verdict, rule.changes, rule.reason


def _limits(limits: Iterable[Limit]) -> list[str]:
    return [limit.text for limit in limits]
