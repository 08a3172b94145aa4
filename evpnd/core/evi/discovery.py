"""VXLAN devices that `discover` turns into EVIs, and why it ignores others."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from evpnd.core.evi.bridge_vlans import with_vlan
from evpnd.core.evi.links import Links
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.readiness import MANAGED_ALIAS, find_devices
from evpnd.core.evi.shared_device import is_shared, lacks_tunnel, lacks_vni, served_vlan
from evpnd.model.actions import Notice
from evpnd.model.config import Config
from evpnd.model.config_changes import describe_changes
from evpnd.model.rows import Link


class _Given(NamedTuple):
    """What the configuration says of its EVIs and VRFs: whose a device or VNI is."""

    devices: dict[str, str]
    vnis: dict[int, str]


def _given(config: Config) -> _Given:
    return _Given(
        {evi.vxlan: evi.name for evi in config.evis if evi.vxlan},
        {each.vni: each.title for each in (*config.evis, *config.vrfs)},
    )


def discoverable(config: Config, links: Links) -> dict[int, Link]:
    """Return the VXLAN devices that `discover` turns into EVIs, by VNI.

    A device for many VNIs is there with each that it carries.
    """
    found: dict[int, Link] = {}
    if config.discover:
        given = _given(config)
        for link in links.by_index.values():
            if link.vxlan is None or _obstacle(given, links, link) is not None:
                continue
            for vni in carried(links, link):
                if _taken(given, link, vni, found) is None:
                    found[vni] = link
    return found


def carried(links: Links, link: Link) -> Iterator[int]:
    """Yield the VNIs that a VXLAN device carries; none of another device."""
    own = links.vlans.get(link.ifindex)
    if link.vxlan is not None and not is_shared(link):
        yield link.vxlan.vni
    elif link.vxlan is not None and own is not None:
        for vni in own.tunnels.values():
            if served_vlan(links, link, vni):
                yield vni


def passed_over(
    config: Config, links: Links, vrfs: Mapping[int, MacVrf]
) -> dict[str, str]:
    """Return why `discover` ignores VXLAN devices, by their names.

    `vrfs` are the EVIs there are. The devices that they stand on are left out, and
    those that evpnd created; of a device for many VNIs, those VNIs.
    """
    if not config.discover:
        return {}
    reasons: dict[str, str] = {}
    found, given = discoverable(config, links), _given(config)
    used = {vrf.domain.vxlan for vrf in vrfs.values() if not vrf.domain.vni}
    for link in links.by_index.values():
        if link.vxlan is None or link.ifindex in used or link.alias == MANAGED_ALIAS:
            continue
        reason = _obstacle(given, links, link)
        if reason is None and is_shared(link):
            reason = _vnis_passed_over(given, links, link, found, vrfs)
        elif reason is None:
            reason = _taken(given, link, link.vxlan.vni, found)
            if reason is None and link.vxlan.vni not in vrfs:
                reason = _NO_RD
        if reason is not None:
            reasons[link.name] = reason
    return reasons


_NO_RD = "all RDs are in use; configure one for its EVI in `evis`"


def _vnis_passed_over(
    given: _Given,
    links: Links,
    link: Link,
    found: Mapping[int, Link],
    vrfs: Mapping[int, MacVrf],
) -> str | None:
    """Return why a device's first VNI that is no EVI is none, and how many more are."""
    tunnels = links.vlans[link.ifindex].tunnels
    if not tunnels:
        return (
            f"it maps no VLAN to a VNI: `bridge vlan add dev {link.name} vid VLAN && "
            f"bridge vlan add dev {link.name} vid VLAN tunnel_info id VNI`"
        )
    reasons = []
    for vni in tunnels.values():
        if vni in vrfs or vni in given.vnis:
            continue
        reason = lacks_vni(links, link, vni, None) or _taken(given, link, vni, found)
        reasons.append(reason or f"VNI {vni}: {_NO_RD}")
    if not reasons:
        return None
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return reasons[0] + more


def _obstacle(given: _Given, links: Links, link: Link) -> str | None:
    """Return why a VXLAN device is ignored, whatever its VNI."""
    vxlan = link.vxlan
    if vxlan is None or link.alias == MANAGED_ALIAS:
        return "it is evpnd's own"
    shared = vxlan.external
    bridge = links.by_index.get(link.master)
    if shared and (bridge is None or bridge.kind != "bridge"):
        return "it is external (collect metadata), not for one VNI, and in no bridge"
    if not shared:
        if link.name in given.devices:
            return f"EVI {given.devices[link.name]} of the configuration names it"
        if vxlan.vni in given.vnis:
            return _of_configuration(given, vxlan.vni)
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
    return lacks_tunnel(links, link, bridge) if shared and bridge is not None else None


def _of_configuration(given: _Given, vni: int) -> str:
    return f"{given.vnis[vni]} of the configuration has its VNI {vni}"


def _taken(
    given: _Given, link: Link, vni: int, found: Mapping[int, Link]
) -> str | None:
    """Return who has the VNI of a device; None: nobody else."""
    if vni in given.vnis:
        return _of_configuration(given, vni)
    first = found.get(vni, link)
    if first is not link:
        return f"{first.name} carries VNI {vni} already"
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
                alone = vxlan is not None and not is_shared(links.by_name[device])
                fields["vni"] = vxlan.vni if vxlan is not None and alone else None
                yield Notice("info", "device_passed_over", {**fields, "reason": reason})
        self._told = reasons


def tell_gone(vrf: MacVrf, config: Config, links: Links) -> Notice:
    """Report that a discovered EVI was removed, and why."""
    device = vrf.config.vxlan or ""
    link = links.by_name.get(device)
    given = _given(config)
    reason = None if link is None else _obstacle(given, links, link)
    if reason is None and vrf.config.vni in given.vnis:
        reason = _of_configuration(given, vrf.config.vni)
    if reason is None:
        found = find_devices(vrf.config, links, vrf.vtep)
        reason = with_vlan(links, found, vrf.config).reason
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
