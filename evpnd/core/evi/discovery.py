"""VXLAN devices that `discover` turns into EVIs, and why it ignores others."""

from collections.abc import Iterator, Mapping

from evpnd.core.evi.links import Links
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.readiness import MANAGED_ALIAS, find_devices
from evpnd.model.actions import Notice
from evpnd.model.config import Config
from evpnd.model.config_changes import describe_changes
from evpnd.model.rows import Link


def discoverable(config: Config, links: Links) -> dict[int, Link]:
    """Return the VXLAN devices that `discover` turns into EVIs, by VNI."""
    found: dict[int, Link] = {}
    if config.discover:
        for link in links.by_index.values():
            vxlan = link.vxlan
            if vxlan is not None and _obstacle(config, link, found) is None:
                found[vxlan.vni] = link
    return found


def passed_over(
    config: Config, links: Links, vrfs: Mapping[int, MacVrf]
) -> dict[str, str]:
    """Return why `discover` ignores VXLAN devices, by their names.

    `vrfs` are the EVIs there are. The devices that they stand on are left out, and
    those that evpnd created.
    """
    if not config.discover:
        return {}
    reasons: dict[str, str] = {}
    found = discoverable(config, links)
    used = {vrf.domain.vxlan for vrf in vrfs.values()}
    for link in links.by_index.values():
        vxlan = link.vxlan
        if vxlan is None or link.ifindex in used or link.alias == MANAGED_ALIAS:
            continue
        reason = _obstacle(config, link, found)
        if reason is not None:
            reasons[link.name] = reason
        elif vxlan.vni not in vrfs:
            reasons[link.name] = (
                "all RDs are in use; configure one for its EVI in `evis`"
            )
    return reasons


def _obstacle(config: Config, link: Link, found: Mapping[int, Link]) -> str | None:
    """Return why a VXLAN device is ignored; `found` are those that are not."""
    vxlan = link.vxlan
    if vxlan is None or link.alias == MANAGED_ALIAS:
        return "it is evpnd's own"
    if vxlan.external:
        return "it is external (collect metadata), not for one VNI"
    for evi in config.evis:
        if link.name == evi.vxlan:
            return f"EVI {evi.name} of the configuration names it"
        if vxlan.vni == evi.vni:
            return f"EVI {evi.name} of the configuration has its VNI {vxlan.vni}"
    if not vxlan.local:
        return (
            "it has no local address: create it with "
            "`ip link add ... type vxlan ... local ADDRESS`"
        )
    if vxlan.learning:
        return (
            f"it learns from the data plane: `ip link set {link.name} type vxlan "
            "nolearning` makes it an EVI"
        )
    first = found.get(vxlan.vni, link)
    if first is not link:
        return f"{first.name} carries VNI {vxlan.vni} already"
    return None


class PassedOver:
    """Reports about ignored devices."""

    def __init__(self) -> None:
        """Start with nothing reported."""
        self._told: dict[str, str] = {}

    def tell(
        self, config: Config, links: Links, vrfs: Mapping[int, MacVrf]
    ) -> Iterator[Notice]:
        """Report ignored devices, once for each reason."""
        reasons = passed_over(config, links, vrfs)
        for device, reason in reasons.items():
            if self._told.get(device) != reason:
                vxlan = links.by_name[device].vxlan
                fields: dict[str, object] = {"device": device}
                fields["vni"] = vxlan.vni if vxlan is not None else None
                yield Notice("info", "device_passed_over", {**fields, "reason": reason})
        self._told = reasons


def tell_gone(vrf: MacVrf, config: Config, links: Links) -> Notice:
    """Report that a discovered EVI was removed, and why."""
    device = vrf.config.vxlan or ""
    link = links.by_name.get(device)
    reason = None if link is None else _obstacle(config, link, {})
    if reason is None:
        reason = find_devices(vrf.config, links, vrf.vtep).reason
    return vrf.notice(
        "warning", "evi_removed", device=device, reason=reason or "its RD is in use"
    )


def describe_reload(
    old: Config, new: Config, links: Links, vrfs: Mapping[int, MacVrf]
) -> list[str]:
    """Return what a reload changes, one sentence each; empty: nothing."""
    return describe_changes(
        old,
        new,
        was_discovered={vni for vni, vrf in vrfs.items() if vrf.discovered},
        discovered=discoverable(new, links).keys(),
    )
