"""The best path for a MAC or for a binding of one EVI."""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from evpnd.core.bgp.crowds import Crowd, order
from evpnd.core.bgp.path import Path
from evpnd.core.evi.mac_vrf import MacVrf, Slot
from evpnd.model.ids import is_unicast_mac
from evpnd.model.key import MAC
from evpnd.model.routes import IMMUTABLE

_first: Callable[[Any], Any] = itemgetter(0)


def best(paths: Iterable[Path]) -> Path | None:
    """Pick the path of the smallest rank."""
    return min(paths, key=order, default=None)


def slot_best(slot: Slot) -> Path:
    """Return the path of the smallest rank of those for one MAC, or MAC and IP."""
    if type(slot) is Path:
        return slot
    if type(slot) is Crowd:
        return slot.best().path
    return min(slot, key=order)


def candidates(vrf: MacVrf, key: bytes) -> tuple[Path, ...]:
    """List the paths for exactly this MAC or MAC and IP."""
    found = vrf.routes.get(key)
    if found is None:
        return ()
    if type(found) is Path:
        return (found,)
    return tuple(found.paths() if type(found) is Crowd else found)


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
    crowd = vrf.crowds.get(mac)
    if crowd is not None:
        return crowd.best().path
    return best(mac_candidates(vrf, mac))


def binding_order(mac: bytes, path: Path) -> object:
    """Return what orders the bindings of an IP to MACs: the smallest is the best.

    What binds it to no station's MAC goes last. An immutable binding goes before
    all others (RFC 9047, section 3.2).
    """
    return not is_unicast_mac(mac), not is_immutable(path), order(path), mac


def best_binding(vrf: MacVrf, key: bytes, slot: Slot) -> Path:
    """Return the path that goes first of those for a MAC with an IP."""
    if type(slot) is Crowd:
        immutable = vrf.immutables.get(key)
        return slot_best(slot) if immutable is None else slot_best(immutable)
    if type(slot) is list:
        return min(slot, key=lambda path: (not is_immutable(path), order(path)))
    return slot_best(slot)


def best_for_ip(
    vrf: MacVrf, ip: bytes, macs: Iterable[bytes] | None = None
) -> tuple[bytes, Path] | None:
    """Find the MAC that an IP is bound to remotely, and the path saying so.

    Of `macs`, or of all.
    """
    if macs is None:
        crowd = vrf.crowds.get(ip)
        if crowd is not None:
            _, _, key, path = crowd.best()
            return key[MAC], path
        macs = vrf.macs_of.get(ip, ())
    bound: list[tuple[object, bytes, Path]] = []
    for mac in macs:
        slot = vrf.routes.get(mac + ip)
        if slot is not None:
            path = best_binding(vrf, mac + ip, slot)
            bound.append((binding_order(mac, path), mac, path))
    if not bound:
        return None
    _, mac, path = min(bound, key=_first)
    return mac, path


def is_immutable(path: Path) -> bool:
    """Tell whether a path's MAC/IP bindings are configured ones (RFC 9047)."""
    flags = path.attributes.arp_nd_flags
    return flags is not None and bool(flags & IMMUTABLE)
