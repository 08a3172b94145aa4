"""A slot in a table of routes, and the order of the paths that compete for it.

A place leads to one path, to a list of them where several sources say it, or to a
crowd where many do.
"""

from collections.abc import Iterable

from evpnd.core.bgp.crowds import FEW, Crowd, order
from evpnd.core.bgp.path import Path
from evpnd.model.ids import is_unicast_mac
from evpnd.model.routes import IMMUTABLE

Slot = Path | list[Path] | Crowd[Path]
"""The paths for one MAC, or one MAC and IP; a crowd has them by their source."""


def best(paths: Iterable[Path]) -> Path | None:
    """Return the path of the smallest rank."""
    return min(paths, key=order, default=None)


def slot_best(slot: Slot) -> Path:
    """Return the path of the smallest rank of those for one MAC, or MAC and IP."""
    if type(slot) is Path:
        return slot
    if type(slot) is Crowd:
        return slot.best().path
    return min(slot, key=order)


def slot_paths(slot: Slot | None) -> tuple[Path, ...]:
    """Return all paths for one MAC, or MAC and IP; None: nothing leads there."""
    if slot is None:
        return ()
    if type(slot) is Path:
        return (slot,)
    return tuple(slot.paths() if type(slot) is Crowd else slot)


def joined(found: Slot, path: Path, old: Path | None) -> Slot:
    """Return a slot with a path in place of the one of the same source."""
    if type(found) is Path:
        same = found.source is path.source or (old and found.source is old.source)
        return path if same else [found, path]
    if type(found) is Crowd:
        if old is not None:
            found.drop(old.source)
        found.put(path.source, order(path), path)
        return found
    sources = (path.source, old and old.source)
    others = [other for other in found if other.source not in sources]
    if len(others) < FEW:
        return [*others, path] if others else path
    crowd: Crowd[Path] = Crowd()
    for each in (*others, path):
        crowd.put(each.source, order(each), each)
    return crowd


def without(found: list[Path] | Crowd[Path], path: Path) -> Slot:
    """Return a slot of several paths without that of a source."""
    if type(found) is Crowd:
        found.drop(path.source)
        return found.best().path if len(found) == 1 else found
    others = [other for other in found if other.source is not path.source]
    return others[0] if len(others) == 1 else others


def binding_order(mac: bytes, path: Path) -> object:
    """Return the sort key of the bindings of an IP: the smallest is the best.

    A binding to a MAC that is not unicast goes last. An immutable binding goes before
    all others (RFC 9047, section 3.2).
    """
    return not is_unicast_mac(mac), not is_immutable(path), order(path), mac


def is_immutable(path: Path) -> bool:
    """Return whether a path's MAC/IP bindings are configured ones (RFC 9047)."""
    flags = path.attributes.arp_nd_flags
    return flags is not None and bool(flags & IMMUTABLE)
