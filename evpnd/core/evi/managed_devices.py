"""Devices that evpnd created: those of managed EVIs, and leftovers."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evpnd.core.evi.device_retries import Attempts
from evpnd.core.evi.links import Links
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.core.evi.readiness import MANAGED_ALIAS, Devices, bridge_name, vxlan_name
from evpnd.core.evi.underlay import Underlay, likely_mtu
from evpnd.model.actions import CreateDevices, ReleasePorts, RemoveDevices
from evpnd.model.config import Config, EviConfig, VtepConfig
from evpnd.model.rows import Link


class Surroundings(NamedTuple):
    """What devices depend on beside their EVI."""

    links: Links
    underlay: Underlay
    vtep: bytes
    """The VTEP address; empty where it is not known."""
    config: VtepConfig


def what_is_missing(
    vrf: MacVrf, found: Devices, host: Surroundings
) -> CreateDevices | None:
    """Return the action that completes a managed EVI's devices; None: complete."""
    evi, by_name = vrf.config, host.links.by_name
    bridge = by_name.get(bridge_name(evi))
    ports = all(
        bridge is not None and port.master == bridge.ifindex and port.up
        for port in map(by_name.get, evi.ports)
        if port is not None
    )
    mtu = _mtu(vrf, found.vxlan, host)
    ours = found.vxlan is not None and found.vxlan.alias == MANAGED_ALIAS
    fits = found.vxlan is None or not ours or found.vxlan.mtu == mtu
    if found.reason is None and ports and fits:
        return None
    names = bridge_name(evi), vxlan_name(evi)
    return CreateDevices(evi, *names, host.vtep, host.config.udp_port, mtu)


def _mtu(vrf: MacVrf, vxlan: Link | None, host: Surroundings) -> int:
    """Return the MTU that the VXLAN device of a managed EVI is to have, in octets."""
    room = host.underlay.room(vrf)
    if room is not None:
        return room.mtu
    if vxlan is not None and vxlan.alias == MANAGED_ALIAS:
        return vxlan.mtu  # it stays as long as no VTEP is known
    return likely_mtu(host.links, host.vtep, vrf.config.ports)


def managed_names(vrfs: Iterable[MacVrf]) -> Iterator[str]:
    """Yield the names of the devices that managed EVIs have."""
    for vrf in vrfs:
        if vrf.config.manage:
            yield vxlan_name(vrf.config)
            yield bridge_name(vrf.config)


def vrf_device_names(config: Config) -> Iterator[str]:
    """Yield the names of the devices that evpnd makes for VRFs."""
    for vrf in config.vrfs:
        if vrf.manage:
            yield vrf.vxlan
            yield vrf.name


def sweep(
    links: Links, names: Iterable[str], attempts: Attempts, now: float
) -> Iterator[RemoveDevices]:
    """Remove the devices that evpnd created but those that it has still to have."""
    wanted: set[str] | None = None
    left: list[str] = []
    for link in links.by_index.values():
        if link.alias != MANAGED_ALIAS:
            continue
        if wanted is None:
            wanted = set(names)
        if link.name not in wanted and attempts.may(f"removal of {link.name}", now):
            left.append(link.name)
    if left:
        yield RemoveDevices(tuple(left))


def leave_ports(
    links: Links, old: EviConfig, new: EviConfig | None
) -> Iterator[ReleasePorts]:
    """Release the ports that an EVI no longer has, where its bridge stays."""
    if new is None or not new.manage or bridge_name(old) != bridge_name(new):
        return
    bridge = bridge_name(old)
    if inside := links.inside(bridge, set(old.ports) - set(new.ports)):
        yield ReleasePorts(bridge, tuple(sorted(inside)))
