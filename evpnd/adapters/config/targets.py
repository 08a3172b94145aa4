"""Route targets of EVIs and VRFs, `auto` among them."""

from collections.abc import Sequence

from evpnd.adapters.config.members import ExportTarget, ImportTarget
from evpnd.model.ids import RouteTarget
from evpnd.model.targets import (
    ImportTargets,
    Profile,
    auto_export_target,
    auto_import_targets,
    wildcard_numbers,
)


def export_targets(
    exported: Sequence[ExportTarget], asn: int, vni: int
) -> tuple[RouteTarget, ...]:
    """Return what is exported, `auto` in its plain form."""
    targets = (
        auto_export_target(asn, vni) if target == "auto" else target
        for target in exported
    )
    return tuple(dict.fromkeys(targets))


def import_targets(
    imported: Sequence[ImportTarget], vni: int, profiles: frozenset[Profile]
) -> ImportTargets:
    """Return what is imported, `auto` in all forms that the peers have."""
    exact: set[RouteTarget] = set()
    wildcards: set[int] = set()
    wide: frozenset[int] = frozenset()
    for target in imported:
        if target == "auto":
            automatic = auto_import_targets(vni, profiles)
            wildcards |= automatic.wildcards
            wide = automatic.wide
        elif isinstance(target, int):
            wildcards |= wildcard_numbers(target)
        else:
            exact.add(target)
    return ImportTargets(frozenset(exact), frozenset(wildcards), wide)
