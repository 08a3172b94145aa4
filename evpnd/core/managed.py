"""Devices that evpnd created: those of managed EVIs, and what is left of them."""

from collections.abc import Iterable, Iterator

from evpnd.core.evi import MacVrf
from evpnd.core.readiness import MANAGED_ALIAS, Links, bridge_name, vxlan_name
from evpnd.model.actions import Action, ReleasePorts, RemoveDevices
from evpnd.model.config import EviConfig


def managed_names(vrfs: Iterable[MacVrf]) -> Iterator[str]:
    """Yield the names of the devices that managed EVIs have."""
    for vrf in vrfs:
        if vrf.config.manage:
            yield vxlan_name(vrf.config)
            yield bridge_name(vrf.config)


def sweep(links: Links, vrfs: Iterable[MacVrf]) -> list[Action]:
    """Remove devices of an earlier run that no EVI asks for any more."""
    wanted = set(managed_names(vrfs))
    left = tuple(
        link.name
        for link in links.by_index.values()
        if link.alias == MANAGED_ALIAS and link.name not in wanted
    )
    return [RemoveDevices(left)] if left else []


def leave_devices(links: Links, old: EviConfig, new: EviConfig | None) -> list[Action]:
    """Give back what was created or taken for an EVI and is no more its own."""
    bridge = bridge_name(old)
    left = {vxlan_name(old), bridge}
    ports: set[str] = set()
    if new is not None and new.manage:
        left -= {vxlan_name(new), bridge_name(new)}
        ports = set(old.ports) - set(new.ports)
    actions: list[Action] = []
    inside = links.inside(bridge, ports)
    if inside and bridge not in left:
        actions.append(ReleasePorts(bridge, tuple(sorted(inside))))
    if left:
        actions.append(RemoveDevices(tuple(sorted(left))))
    return actions
