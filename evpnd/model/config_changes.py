"""What differs between two configurations, in words for an operator."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from evpnd.model.config import Config, EviConfig, PeerConfig
from evpnd.model.policy import Policy

Item = TypeVar("Item", PeerConfig, EviConfig, Policy)

NEEDS_RESTART = ("control_socket", "metrics_listen", "log")


def describe_changes(old: Config, new: Config) -> list[str]:
    """Name what a reload changes, one sentence each; empty: nothing."""
    changes = [
        f"{name.replace('_', '-')} changed"
        for name in (
            "asn",
            "router_id",
            "vtep",
            "site_of_origin",
            "discover",
            "duplicate_detection",
        )
        if getattr(old, name) != getattr(new, name)
    ]
    changes.extend(
        f"{name.replace('_', '-')} changed: restart evpnd to apply it"
        for name in NEEDS_RESTART
        if getattr(old, name) != getattr(new, name)
    )
    changes.extend(_compare("peer", _peers(old), _peers(new)))
    changes.extend(_compare("EVI", _evis(old), _evis(new, old)))
    changes.extend(_compare("policy", dict(old.policies), dict(new.policies)))
    return changes


def _peers(config: Config) -> dict[str, PeerConfig]:
    return {peer.address: peer for peer in config.peers}


def _evis(config: Config, older: Config | None = None) -> dict[str, EviConfig]:
    """Name the EVIs: one that is only renamed bears its older name."""
    names = {evi.vni: evi.name for evi in config.evis}
    if older is not None:
        names |= {evi.vni: evi.name for evi in older.evis if evi.vni in names}
    return {f"{names[evi.vni]} (VNI {evi.vni})": evi for evi in config.evis}


def _compare(what: str, old: dict[str, Item], new: dict[str, Item]) -> Iterator[str]:
    yield from _each(what, "removed", (name for name in old if name not in new))
    yield from _each(what, "added", (name for name in new if name not in old))
    both = (name for name in new if name in old and old[name] != new[name])
    yield from _each(what, "changed", both)


def _each(what: str, done: str, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield f"{what} {name} {done}"
