"""VLAN-aware bridges that evpnd makes, as the YAML describes them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

VLAN_MAX = 4094
"""VLAN IDs 0 and 4095 are reserved (IEEE 802.1Q)."""
LONGEST_NAME = 15
"""Characters of the name of a device (IFNAMSIZ, less a NUL)."""


def parse_vlan(raw: int) -> int:
    """Check a VLAN ID; raises ValueError."""
    if not 0 < raw <= VLAN_MAX:
        raise ValueError(f"VLAN {raw} is outside 1..{VLAN_MAX}")
    return raw


@dataclass(frozen=True, slots=True)
class BridgePort:
    """The VLANs of one port, or of the ports whose names match a pattern."""

    name: str
    """Name of a device, or a pattern, in which `*` stands for any characters."""
    tagged: tuple[range, ...] = ()
    """Disjoint, in ascending order."""
    untagged: int | None = None
    """The VLAN that the port sends untagged, and that untagged frames belong to (its
    PVID); None: untagged frames are dropped."""
    attach: bool = True
    """evpnd puts the port into the bridge; if not, somebody else does."""

    @property
    def is_pattern(self) -> bool:
        """Whether the name is a pattern."""
        return "*" in self.name

    @property
    def exactness(self) -> tuple[bool, int, int]:
        """How exact the name is: of those that match a port, the greatest counts.

        No `*` is more exact than any, then more other characters, then fewer `*`.
        """
        stars = self.name.count("*")
        return not stars, len(self.name) - stars, -stars

    def matches(self, device: str) -> bool:
        """Return whether a device has this name, or one that the pattern covers."""
        if not self.is_pattern:
            return device == self.name
        return re.fullmatch(_expression(self.name), device) is not None


def _expression(pattern: str) -> str:
    # A row of stars is one: each of them would multiply what there is to try.
    return ".*".join(map(re.escape, re.split(r"\*+", pattern)))


@dataclass(frozen=True, slots=True)
class BridgeConfig:
    """A VLAN-aware bridge for many EVIs."""

    name: str
    vxlan: str | None = None
    """The VXLAN device of all its VNIs; None: a device for each VNI."""
    ports: tuple[BridgePort, ...] = ()

    def port(self, device: str) -> BridgePort | None:
        """Return the entry with the most exact name for a device; None: no entry."""
        found = [port for port in self.ports if port.matches(device)]
        return max(found, key=lambda port: port.exactness, default=None)


def vlan_device(bridge: str, vlan: int) -> str:
    """Return the name of the VLAN device on top of a bridge that evpnd makes.

    Where `br0.100` would be too long, it has the first letters of the bridge and a
    number that its whole name gives: `tenan-1f2e.100`.
    """
    name = f"{bridge}.{vlan}"
    if len(name.encode()) <= LONGEST_NAME:
        return name
    end = f"-{crc32(bridge.encode()) & 0xFFFF:04x}.{vlan}"
    begin = bridge.encode()[: LONGEST_NAME - len(end)]
    return begin.decode(errors="ignore") + end


def as_ranges(numbers: Iterable[int]) -> tuple[range, ...]:
    """Return numbers as disjoint ranges in ascending order."""
    found: list[range] = []
    for each in sorted(numbers):
        if found and found[-1].stop == each:
            found[-1] = range(found[-1].start, each + 1)
        else:
            found.append(range(each, each + 1))
    return tuple(found)


def format_ranges(ranges: tuple[range, ...]) -> str:
    """Write `100-199, 300`."""
    return ", ".join(
        f"{each[0]}-{each[-1]}" if len(each) > 1 else str(each[0]) for each in ranges
    )
