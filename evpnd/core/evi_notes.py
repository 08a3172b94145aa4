"""What an operator should know of an EVI that is ready all the same."""

from collections.abc import Iterator

from evpnd.core.bridge_vlans import vlan_notes
from evpnd.core.evi import MacVrf
from evpnd.core.readiness import Links
from evpnd.model.actions import Notice
from evpnd.model.ids import format_ip


def take_notes(
    vrf: MacVrf,
    links: Links,
    refused: dict[str, str],
    notices: list[Notice],
    *,
    vtep_here: bool,
) -> None:
    """Write them as sentences, and tell of news.

    `refused` are devices that could not be changed, and why; `vtep_here` tells whether
    an interface has the VTEP address.
    """
    found: list[str] = []
    if vrf.reason is None:
        if not vtep_here:
            found.append(f"no interface has the VTEP address {format_ip(vrf.vtep)}")
        found += _notes(vrf, links, refused)
    if found and tuple(found) != vrf.notes:
        notices.append(vrf.notice("warning", "evi_noted", notes=found))
    vrf.notes = tuple(found)


def tell_configured(vrf: MacVrf, device: str) -> Notice:
    """Tell that a VXLAN device's port gets the settings that EVPN needs."""
    settings = {"learning": False, "neigh_suppress": vrf.config.suppress}
    return vrf.notice("info", "device_configured", device=device, **settings)


def _notes(vrf: MacVrf, links: Links, refused: dict[str, str]) -> Iterator[str]:
    for name in vrf.config.ports:
        if name not in links.by_name:
            yield f"port {name} is not there"
        elif name in refused:
            yield f"port {name} {refused[name]}"
    vxlan = links.by_index.get(vrf.vxlan)
    if vxlan is None:
        return
    bridge = links.by_index.get(vrf.bridge)
    if bridge is not None:
        yield from vlan_notes(links, vxlan, bridge, suppress=vrf.config.suppress)
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
