"""The best path for a MAC or for a binding of one EVI."""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.slots import best, binding_order, slot_paths
from evpnd.model.key import MAC

_first: Callable[[Any], Any] = itemgetter(0)


def candidates(evi: EviRoutes, key: bytes) -> tuple[Path, ...]:
    """Return the paths for exactly this MAC or MAC and IP."""
    return slot_paths(evi.slots.get(key))


def mac_candidates(evi: EviRoutes, mac: bytes) -> list[Path]:
    """Return all paths that lead to a MAC.

    A route with an IP gives the MAC as well: some peers send nothing else.
    """
    paths = list(candidates(evi, mac))
    for ip in evi.ips_of.get(mac, ()):
        paths.extend(candidates(evi, mac + ip))
    return paths


def best_for_mac(evi: EviRoutes, mac: bytes) -> Path | None:
    """Return the best path of a MAC."""
    found = evi.slots.get(mac)
    if mac not in evi.ips_of and (found is None or type(found) is Path):
        return found
    crowd = evi.crowds.get(mac)
    if crowd is not None:
        return crowd.best().path
    return best(mac_candidates(evi, mac))


def best_for_ip(
    evi: EviRoutes, ip: bytes, macs: Iterable[bytes] | None = None
) -> tuple[bytes, Path] | None:
    """Return the MAC that an IP is bound to remotely, and its path.

    Of `macs`, or of all.
    """
    if macs is None:
        crowd = evi.crowds.get(ip)
        if crowd is not None:
            _, _, key, path = crowd.best()
            return key[MAC], path
        macs = evi.macs_of.get(ip, ())
    bound: list[tuple[object, bytes, Path]] = []
    for mac in macs:
        slot = evi.slots.get(mac + ip)
        if slot is not None:
            path = evi.best_binding(mac + ip, slot)
            bound.append((binding_order(mac, path), mac, path))
    if not bound:
        return None
    _, mac, path = min(bound, key=_first)
    return mac, path
