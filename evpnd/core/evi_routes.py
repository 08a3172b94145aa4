"""The routes that an EVI imports: one slot for a MAC, or a MAC with an IP.

A slot leads to one path, or to a list of them where several sources say it.
"""

from evpnd.core.evi import MacVrf
from evpnd.core.path import Path

MAC_LENGTH = 6


def add_fresh(vrf: MacVrf, keys: list[bytes], path: Path) -> None:
    """Import routes whose peer had none of these keys before."""
    routes = vrf.routes
    if len(keys) * MAC_LENGTH == sum(map(len, keys)) and routes.keys().isdisjoint(keys):
        routes.update(dict.fromkeys(keys, path))
        vrf.dirty_macs.update(keys)
        return
    for key in keys:
        add(vrf, key, path, None)


def add(vrf: MacVrf, key: bytes, path: Path, old: Path | None) -> None:
    """Import one route in place of the old path of the same source, if any."""
    found = vrf.routes.get(key)
    if found is None:
        vrf.routes[key] = path
    elif type(found) is Path:
        same = found.source is path.source or (old and found.source is old.source)
        vrf.routes[key] = path if same else [found, path]
    else:
        sources = (path.source, old and old.source)
        others = [other for other in found if other.source not in sources]
        vrf.routes[key] = [*others, path] if others else path
    mark(vrf, key)
    if found is None and len(key) > MAC_LENGTH:
        mac, ip = key[:MAC_LENGTH], key[MAC_LENGTH:]
        vrf.ips_of[mac] = (*vrf.ips_of.get(mac, ()), ip)
        known = vrf.macs_of.get(ip, ())
        vrf.macs_of[ip] = (*known, mac)
        if known:
            vrf.shared_ips.add(ip)


def remove(vrf: MacVrf, key: bytes, path: Path) -> None:
    """Take one route back out."""
    found = vrf.routes.get(key)
    if found is None:
        return
    mark(vrf, key)
    if type(found) is not Path:
        others = [other for other in found if other.source is not path.source]
        vrf.routes[key] = others[0] if len(others) == 1 else others
        return
    if found.source is not path.source:
        return
    del vrf.routes[key]
    if len(key) > MAC_LENGTH:
        mac, ip = key[:MAC_LENGTH], key[MAC_LENGTH:]
        _drop(vrf.ips_of, mac, ip)
        _drop(vrf.macs_of, ip, mac)


def mark(vrf: MacVrf, key: bytes) -> None:
    """Have reconciliation look at the MAC, and the IP, of a route."""
    if len(key) == MAC_LENGTH:
        vrf.dirty_macs.add(key)
    else:
        vrf.dirty_macs.add(key[:MAC_LENGTH])
        vrf.dirty_ips.add(key[MAC_LENGTH:])


def _drop(index: dict[bytes, tuple[bytes, ...]], key: bytes, value: bytes) -> None:
    left = tuple(other for other in index.get(key, ()) if other != value)
    if left:
        index[key] = left
    else:
        index.pop(key, None)
