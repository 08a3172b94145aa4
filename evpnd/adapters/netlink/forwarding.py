"""Switches on forwarding for devices of VRFs (Documentation/networking/ip-sysctl.rst).

IPv4 has a switch for each device. IPv6 has one for the host (`all`), and a host that
forwards takes no default route from router advertisements: where it has one, nothing
is changed.
"""

from collections.abc import Iterable
from pathlib import Path

from evpnd.model.vrf_events import ForwardingChanged

_NET = Path("/proc/sys/net")
_IPV6_ROUTES = Path("/proc/net/ipv6_route")
_FLAGS = 8
"""Which column of it the flags are."""
_BY_ADVERTISEMENT = 0x00010000 | 0x00040000
"""RTF_DEFAULT and RTF_ADDRCONF (linux/ipv6_route.h)."""


def enable_forwarding(devices: Iterable[str]) -> ForwardingChanged:
    """Switch on what is off; return what was changed, and why something was not."""
    changed: list[str] = []
    reasons: list[str] = []
    for path in (*(_NET / "ipv4/conf" / name for name in devices),):
        _enable(path / "forwarding", changed, reasons)
    six = _NET / "ipv6/conf/all/forwarding"
    device = _advertised_default()
    if device is None:
        _enable(six, changed, reasons)
    elif six.exists() and six.read_text().strip() == "0":
        reasons.append(
            f"{_name(six)}: {device} has its default route by router advertisements, "
            "which a host that forwards ignores; set "
            f"net.ipv6.conf.{device}.accept_ra=2 and net.ipv6.conf.all.forwarding=1"
        )
    return ForwardingChanged(tuple(changed), "; ".join(reasons))


def _enable(path: Path, changed: list[str], reasons: list[str]) -> None:
    try:
        if path.read_text().strip() == "0":
            path.write_text("1\n")
            changed.append(_name(path))
    except FileNotFoundError:
        pass  # the device is gone, or the host is without IPv6
    except OSError as error:
        reasons.append(f"{_name(path)}: {error.strerror}")


def _name(path: Path) -> str:
    """Return a setting as `sysctl` writes it; a dot in a device's name is a slash."""
    parts = (part.replace(".", "/") for part in path.relative_to(_NET).parts)
    return "net." + ".".join(parts)


def _advertised_default() -> str | None:
    """Return a device with a default route by router advertisement."""
    try:
        lines = _IPV6_ROUTES.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        columns = line.split()
        flags = int(columns[_FLAGS], 16)
        if flags & _BY_ADVERTISEMENT == _BY_ADVERTISEMENT:
            return columns[-1]
    return None
