"""Finds devices that a file names, or that evpnd would make, for two things."""

from enum import Enum

from evpnd.adapters.config.once import Once
from evpnd.adapters.yaml.errors import KeyPath
from evpnd.adapters.yaml.findings import Findings


class Shared(Enum):
    """What several EVIs may name together, each with its VLAN."""

    BRIDGE = "bridge"
    VXLAN = "VXLAN device"


class Devices:
    """The devices that a file names, or that evpnd makes for what it names."""

    def __init__(self, findings: Findings) -> None:
        self._once = Once(findings, _named)
        self._shared: dict[str, Shared] = {}

    def check(self, name: str, place: KeyPath) -> None:
        """Record the name of a bridge, its VXLAN device, or a port."""
        self._once.check(name, place)

    def check_made(self, name: str, place: KeyPath, member: str) -> None:
        """Record the name that a device gets which evpnd makes for an EVI."""
        self._once.check(name, place, _made, member=member)

    def check_evi(
        self, name: str, place: KeyPath, member: str, *, shared: Shared | None = None
    ) -> bool:
        """Record a device that an EVI names; `shared`: other EVIs may name it too.

        Returns whether others do.
        """
        if shared is not None and self._shared.get(name) is shared:
            return True
        new = self._once.check(name, place, _of_evis, member=member)
        if new and shared is not None:
            self._shared[name] = shared
        return False


def _named(name: object, first: str) -> str:
    return f"device {name} is also {first}; name each device once"


def _made(name: object, first: str) -> str:
    return f"makes a device {name}, which is also {first}; rename that one"


def _of_evis(name: object, first: str) -> str:
    return f"device {name} is also {first}; each EVI has its own"
