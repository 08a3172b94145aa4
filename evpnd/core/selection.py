"""The best path for a MAC or for a binding of one EVI."""

from collections.abc import Iterable
from operator import attrgetter

from evpnd.core.evi import MacVrf
from evpnd.core.path import Path
from evpnd.model.ids import is_unicast_mac
from evpnd.model.routes import IMMUTABLE

_order = attrgetter("rank", "rd", "ethernet_tag")
"""Ranks are equal where one peer sends a MAC by two RDs; then the order of arrival
would choose."""


def best(paths: Iterable[Path]) -> Path | None:
    """Pick the path of the smallest rank."""
    return min(paths, key=_order, default=None)


def candidates(vrf: MacVrf, key: bytes) -> tuple[Path, ...]:
    """List the paths for exactly this MAC or MAC and IP."""
    found = vrf.routes.get(key)
    if found is None:
        return ()
    return (found,) if type(found) is Path else tuple(found)


def mac_candidates(vrf: MacVrf, mac: bytes) -> list[Path]:
    """List all paths that tell where a MAC is.

    A route with an IP gives the MAC as well: some peers send nothing else.
    """
    paths = list(candidates(vrf, mac))
    for ip in vrf.ips_of.get(mac, ()):
        paths.extend(candidates(vrf, mac + ip))
    return paths


def mac_obstacle(vrf: MacVrf, mac: bytes) -> str | None:
    """Say why a MAC that a path was chosen for gets no row; None: it does."""
    if mac in vrf.frozen:
        return "the MAC is a duplicate and frozen"
    if not is_unicast_mac(mac):
        return "the MAC is no station's: a group address, or zero"
    if mac in vrf.own_macs:
        return "the MAC is an own interface's"
    if mac in vrf.foreign_rows:
        return "somebody else's row for the MAC is on the VXLAN device"
    return None if vrf.ready else f"{vrf.config.name} is not ready"


def why_not_announced(vrf: MacVrf, mac: bytes) -> str:
    """Return why peers are not told of a local MAC that is not announced."""
    if not vrf.ready:
        return f"{vrf.config.name} is not ready"
    if mac in vrf.own_macs:
        return "it is an own interface's"
    if mac in vrf.ceded:
        return "a remote VTEP has a better claim"
    if mac in vrf.frozen:
        return "it is a duplicate and frozen"
    return "advertise.macs is false, and it has no IP to be announced with"


def best_for_mac(vrf: MacVrf, mac: bytes) -> Path | None:
    """Find the path that a MAC is reached by."""
    found = vrf.routes.get(mac)
    if mac not in vrf.ips_of and (found is None or type(found) is Path):
        return found
    return best(mac_candidates(vrf, mac))


def best_for_ip(
    vrf: MacVrf, ip: bytes, macs: Iterable[bytes] | None = None
) -> tuple[bytes, Path] | None:
    """Find the MAC that an IP is bound to remotely, and the path saying so.

    Of `macs`, or of all. An immutable binding goes before all others (RFC 9047,
    section 3.2).
    """
    bound = [
        (not is_immutable(path), _order(path), mac, path)
        for mac in (vrf.macs_of.get(ip, ()) if macs is None else macs)
        for path in candidates(vrf, mac + ip)
    ]
    if not bound:
        return None
    *_, mac, path = min(bound, key=lambda entry: entry[:3])
    return mac, path


def is_immutable(path: Path) -> bool:
    """Tell whether a path's MAC/IP bindings are configured ones (RFC 9047)."""
    flags = path.attributes.arp_nd_flags
    return flags is not None and bool(flags & IMMUTABLE)
