"""The EVIs that the sections of a file stand for, with their defaults filled in."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from evpnd.adapters.config.schema import BridgeSection, ConfigFile, EviSection
from evpnd.adapters.yaml.errors import KeyPath


class Member(NamedTuple):
    """An EVI, and the section that it comes from."""

    place: KeyPath
    section: EviSection
    vni: int
    vlan: int | None
    name: str
    bridge: str | None
    """None: found in the kernel."""
    vxlan: str | None
    """None: found in the kernel."""
    made: BridgeSection | None
    """The bridge of `bridges` that it is on."""


def members(file: ConfigFile) -> Iterator[Member]:
    """Return all EVIs that a file gives, in its order."""
    bridges = {bridge.name: bridge for bridge in reversed(file.bridges)}
    for index, section in enumerate(file.evis):
        yield _member(("evis", index), section, bridges)


def _member(
    place: KeyPath, section: EviSection, bridges: Mapping[str, BridgeSection]
) -> Member:
    vni, bridge, vxlan = section.vni, section.bridge, section.vxlan
    made = bridges.get(bridge) if bridge else None
    if made is not None:
        vxlan = made.vxlan or f"vx{vni}"
    elif section.manage:
        bridge, vxlan = bridge or f"br{vni}", vxlan or f"vx{vni}"
    return Member(
        place=place,
        section=section,
        vni=vni,
        vlan=section.vlan,
        name=section.name or f"vni-{vni}",
        bridge=bridge,
        vxlan=vxlan,
        made=made,
    )
