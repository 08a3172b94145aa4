"""The routes that an EVI imports: one slot for a MAC, or a MAC with an IP.

A slot leads to one path, to a list of them where several sources say it, or to a
crowd where many do. Nothing here costs more the more routes there are of a MAC, an
IP, or both: one peer can send as many as it likes.
"""

from collections.abc import Collection, Iterable

from evpnd.core.bgp.crowds import FEW, Crowd, order
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.select import best_binding, binding_order, is_immutable, slot_best
from evpnd.core.evi.mac_vrf import MacVrf, Slot
from evpnd.model.key import IP, MAC, MAC_LENGTH


def add_fresh(vrf: MacVrf, keys: list[bytes], path: Path) -> None:
    """Import routes whose peer had none of these keys before."""
    routes = vrf.routes
    if (
        len(keys) * MAC_LENGTH == sum(map(len, keys))
        and routes.keys().isdisjoint(keys)
        and (not vrf.crowds or vrf.crowds.keys().isdisjoint(keys))
    ):
        routes.update(dict.fromkeys(keys, path))
        vrf.dirty_macs.update(keys)
        return
    for key in keys:
        add(vrf, key, path, None)


def add(vrf: MacVrf, key: bytes, path: Path, old: Path | None) -> None:
    """Import one route in place of the old path of the same source, if any."""
    found = vrf.routes.get(key)
    slot = path if found is None else _joined(found, path, old)
    vrf.routes[key] = slot
    mark(vrf, key)
    if len(key) > MAC_LENGTH:
        mac, ip = key[MAC], key[IP]
        if found is None:
            _note(vrf.ips_of, mac, ip)
            if ip in vrf.macs_of:
                vrf.shared_ips.add(ip)
            _note(vrf.macs_of, ip, mac)
        if type(slot) is Crowd:
            come = (path,) if slot is found else tuple(slot.paths())
            _keep_immutable(vrf, key, (path, old), come)
        _crowd_of_mac(vrf, mac, key, slot)
        _crowd_of_ip(vrf, ip, key, slot)
    elif vrf.crowds or type(slot) is Crowd:
        _crowd_of_mac(vrf, key, key, slot)


def remove(vrf: MacVrf, key: bytes, path: Path) -> None:
    """Take one route back out."""
    found = vrf.routes.get(key)
    if found is None:
        return
    mark(vrf, key)
    if type(found) is not Path:
        vrf.routes[key] = slot = _without(found, path)
        if key in vrf.immutables:
            _keep_immutable(vrf, key, (path,), ())
            if type(slot) is not Crowd:
                vrf.immutables.pop(key, None)
        if vrf.crowds:
            _crowd_of_mac(vrf, key[MAC], key, slot)
            if len(key) > MAC_LENGTH:
                _crowd_of_ip(vrf, key[IP], key, slot)
        return
    if found.source is not path.source:
        return
    del vrf.routes[key]
    mac, ip = key[MAC], key[IP]
    if ip:
        _drop(vrf.ips_of, mac, ip)
        _drop(vrf.macs_of, ip, mac)
    for name in (mac, ip) if vrf.crowds else ():
        crowd = vrf.crowds.get(name)
        if crowd is not None:
            crowd.drop(key)
            if not crowd:
                del vrf.crowds[name]


def mark(vrf: MacVrf, key: bytes) -> None:
    """Have reconciliation look at the MAC, and the IP, of a route."""
    if len(key) == MAC_LENGTH:
        vrf.dirty_macs.add(key)
    else:
        vrf.dirty_macs.add(key[MAC])
        vrf.dirty_ips.add(key[IP])


def _joined(found: Slot, path: Path, old: Path | None) -> Slot:
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


def _without(found: list[Path] | Crowd[Path], path: Path) -> Slot:
    """Return a slot of several paths without that of a source."""
    if type(found) is Crowd:
        found.drop(path.source)
        return found.best().path if len(found) == 1 else found
    others = [other for other in found if other.source is not path.source]
    return others[0] if len(others) == 1 else others


def _crowd_of_mac(vrf: MacVrf, mac: bytes, key: bytes, slot: Slot) -> None:
    """Keep the best path of each key of a MAC at hand, where there are many."""
    crowd = vrf.crowds.get(mac)
    if crowd is None:
        ips = vrf.ips_of.get(mac, ())
        if len(ips) <= FEW and type(slot) is not Crowd:
            return
        crowd = vrf.crowds[mac] = Crowd()
        for each in (mac, *(mac + ip for ip in ips)):
            known = vrf.routes.get(each)
            if known is not None:
                path = slot_best(known)
                crowd.put(each, order(path), path)
    path = slot_best(slot)
    crowd.put(key, order(path), path)


def _keep_immutable(
    vrf: MacVrf, key: bytes, gone: Iterable[Path | None], come: Iterable[Path]
) -> None:
    """Keep the immutable bindings of a MAC and IP that has many: they go first."""
    crowd = vrf.immutables.get(key) or Crowd()
    for path in gone:
        if path is not None:
            crowd.drop(path.source)
    for path in come:
        if is_immutable(path):
            crowd.put(path.source, order(path), path)
    if crowd:
        vrf.immutables[key] = crowd
    else:
        vrf.immutables.pop(key, None)


def _crowd_of_ip(vrf: MacVrf, ip: bytes, key: bytes, slot: Slot) -> None:
    """Keep the best path of each key of an IP at hand, where there are many."""
    crowd = vrf.crowds.get(ip)
    if crowd is None:
        macs = vrf.macs_of.get(ip, ())
        if len(macs) <= FEW:
            return
        crowd = vrf.crowds[ip] = Crowd()
        for each in [mac + ip for mac in macs]:
            path = best_binding(vrf, each, vrf.routes[each])
            crowd.put(each, binding_order(each[MAC], path), path)
    path = best_binding(vrf, key, slot)
    crowd.put(key, binding_order(key[MAC], path), path)


def _note(index: dict[bytes, Collection[bytes]], key: bytes, value: bytes) -> None:
    known = index.get(key, ())
    if isinstance(known, dict):
        known[value] = None
    elif len(known) < FEW:
        index[key] = (*known, value)
    else:
        index[key] = dict.fromkeys((*known, value))


def _drop(index: dict[bytes, Collection[bytes]], key: bytes, value: bytes) -> None:
    known = index.get(key, ())
    if isinstance(known, dict):
        known.pop(value, None)
        left: Collection[bytes] = known
    else:
        left = tuple(other for other in known if other != value)
    if left:
        index[key] = left
    else:
        index.pop(key, None)
