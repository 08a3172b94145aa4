"""The routes that an EVI imports: one slot for a MAC, or a MAC with an IP.

Nothing here costs more the more routes there are of a MAC, an IP, or both: one peer
can send as many as it likes.
"""

from collections.abc import Collection, Iterable

from evpnd.core.bgp.crowds import FEW, Crowd, order
from evpnd.core.bgp.imets import Imets
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.pieces import Pieces
from evpnd.core.bgp.slots import (
    Slot,
    binding_order,
    is_immutable,
    joined,
    slot_best,
    without,
)
from evpnd.model.config import InstanceConfig
from evpnd.model.key import IP, MAC, MAC_LENGTH


class EviRoutes:
    """The routes that one EVI imports. Compared by identity.

    Keys are octets: a MAC (6), or a MAC with an IP (10 or 22).
    """

    __slots__ = (
        "_shared_ips",
        "config",
        "crowds",
        "imets",
        "immutables",
        "ips_of",
        "macs_of",
        "slots",
        "touched_ips",
        "touched_macs",
        "touched_vteps",
    )

    def __init__(self, config: InstanceConfig) -> None:
        """Start with no route."""
        self.config = config
        self.slots: Pieces[bytes, Slot] = Pieces()
        self.ips_of: dict[bytes, Collection[bytes]] = {}
        self.macs_of: dict[bytes, Collection[bytes]] = {}
        self.crowds: dict[bytes, Crowd[bytes]] = {}
        """MACs and IPs with many routes: the best path of each key, by key."""
        self.immutables: dict[bytes, Crowd[Path]] = {}
        """MACs with an IP that have many routes: the immutable ones, by source."""
        self.imets = Imets()
        self._shared_ips: set[bytes] = set()
        """IPs that got routes with a second MAC since they were taken."""
        self.touched_macs: set[bytes] = set()
        """MACs whose routes changed since reconciliation last took them; like the two
        that follow."""
        self.touched_ips: set[bytes] = set()
        self.touched_vteps: set[bytes] = set()
        """VTEPs that type 3 routes name."""

    def add_fresh(self, keys: list[bytes], path: Path) -> None:
        """Import routes whose peer had none of these keys before."""
        slots = self.slots
        if (
            len(keys) * MAC_LENGTH == sum(map(len, keys))
            and slots.isdisjoint(keys)
            and (not self.crowds or self.crowds.keys().isdisjoint(keys))
        ):
            slots.add(keys, path)
            self.touched_macs.update(keys)
            return
        for key in keys:
            self.add(key, path, None)

    def add(self, key: bytes, path: Path, old: Path | None) -> None:
        """Import one route in place of the old path of the same source, if any."""
        found = self.slots.get(key)
        slot = path if found is None else joined(found, path, old)
        self.slots.replace(key, slot)
        self._touch(key)
        if len(key) > MAC_LENGTH:
            mac, ip = key[MAC], key[IP]
            if found is None:
                _note(self.ips_of, mac, ip)
                if ip in self.macs_of:
                    self._shared_ips.add(ip)
                _note(self.macs_of, ip, mac)
            if type(slot) is Crowd:
                come = (path,) if slot is found else tuple(slot.paths())
                self._keep_immutable(key, (path, old), come)
            self._crowd_of_mac(mac, key, slot)
            self._crowd_of_ip(ip, key, slot)
        elif self.crowds or type(slot) is Crowd:
            self._crowd_of_mac(key, key, slot)

    def remove(self, key: bytes, path: Path) -> None:
        """Remove one route."""
        found = self.slots.get(key)
        if found is path and len(key) == MAC_LENGTH and not self.crowds:
            # The overwhelming case: the only route of a MAC, without an IP.
            self.slots.pop(key, None)
            self.touched_macs.add(key)
            return
        if found is None:
            return
        self._touch(key)
        if type(found) is not Path:
            slot = without(found, path)
            self.slots.replace(key, slot)
            if key in self.immutables:
                self._keep_immutable(key, (path,), ())
                if type(slot) is not Crowd:
                    self.immutables.pop(key, None)
            if self.crowds:
                self._crowd_of_mac(key[MAC], key, slot)
                if len(key) > MAC_LENGTH:
                    self._crowd_of_ip(key[IP], key, slot)
            return
        if found.source is not path.source:
            return
        self.slots.pop(key, None)
        mac, ip = key[MAC], key[IP]
        if ip:
            _drop(self.ips_of, mac, ip)
            _drop(self.macs_of, ip, mac)
        for name in (mac, ip) if self.crowds else ():
            crowd = self.crowds.get(name)
            if crowd is not None:
                crowd.drop(key)
                if not crowd:
                    del self.crowds[name]

    def add_imet(self, name: tuple[object, ...], vtep: bytes) -> None:
        """Import a type 3 route, in place of one of the same name."""
        self.imets.put(name, vtep)
        self.touched_vteps.add(vtep)

    def remove_imet(self, name: tuple[object, ...]) -> None:
        """Remove a type 3 route; an absent one is no error."""
        vtep = self.imets.drop(name)
        if vtep is not None:
            self.touched_vteps.add(vtep)

    def add_prefix(self, prefix: bytes, path: Path) -> None:
        """Import a type 5 route: an EVI has no use for it."""

    def remove_prefix(self, prefix: bytes, path: Path) -> None:
        """Remove a type 5 route; an absent one is no error."""

    def clear(self) -> None:
        """Remove all routes; the caller marks all keys dirty."""
        self.slots = Pieces()
        self.ips_of.clear()
        self.macs_of.clear()
        self.crowds.clear()
        self.immutables.clear()
        self.imets.clear()

    def touch_ips(self) -> None:
        """Mark all IPs that routes bind as dirty."""
        self.touched_ips.update(self.macs_of)

    def take_shared_ips(self) -> set[bytes]:
        """Return the IPs that got routes with a second MAC since the last call."""
        shared, self._shared_ips = self._shared_ips, set()
        return shared

    def best_binding(self, key: bytes, slot: Slot) -> Path:
        """Return the best path of those for a MAC with an IP."""
        if type(slot) is Crowd:
            immutable = self.immutables.get(key)
            return slot_best(slot) if immutable is None else slot_best(immutable)
        if type(slot) is list:
            return min(slot, key=lambda path: (not is_immutable(path), order(path)))
        return slot_best(slot)

    def _touch(self, key: bytes) -> None:
        """Mark the MAC, and the IP, of a route as dirty."""
        if len(key) == MAC_LENGTH:
            self.touched_macs.add(key)
        else:
            self.touched_macs.add(key[MAC])
            self.touched_ips.add(key[IP])

    def _crowd_of_mac(self, mac: bytes, key: bytes, slot: Slot) -> None:
        """Update the best path of each key of a MAC that has many."""
        crowd = self.crowds.get(mac)
        if crowd is None:
            ips = self.ips_of.get(mac, ())
            if len(ips) <= FEW and type(slot) is not Crowd:
                return
            crowd = self.crowds[mac] = Crowd()
            for each in (mac, *(mac + ip for ip in ips)):
                known = self.slots.get(each)
                if known is not None:
                    path = slot_best(known)
                    crowd.put(each, order(path), path)
        path = slot_best(slot)
        crowd.put(key, order(path), path)

    def _keep_immutable(
        self, key: bytes, gone: Iterable[Path | None], come: Iterable[Path]
    ) -> None:
        """Update the immutable bindings of a MAC and IP that has many routes."""
        crowd = self.immutables.get(key) or Crowd()
        for path in gone:
            if path is not None:
                crowd.drop(path.source)
        for path in come:
            if is_immutable(path):
                crowd.put(path.source, order(path), path)
        if crowd:
            self.immutables[key] = crowd
        else:
            self.immutables.pop(key, None)

    def _crowd_of_ip(self, ip: bytes, key: bytes, slot: Slot) -> None:
        """Update the best path of each key of an IP that has many."""
        crowd = self.crowds.get(ip)
        if crowd is None:
            macs = self.macs_of.get(ip, ())
            if len(macs) <= FEW:
                return
            crowd = self.crowds[ip] = Crowd()
            for each in [mac + ip for mac in macs]:
                path = self.best_binding(each, self.slots[each])
                crowd.put(each, binding_order(each[MAC], path), path)
        path = self.best_binding(key, slot)
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
    if len(known) == 1 and value in known:
        del index[key]
        return
    if isinstance(known, dict):
        known.pop(value, None)
        left: Collection[bytes] = known
    else:
        left = tuple(other for other in known if other != value)
    if left:
        index[key] = left
    else:
        index.pop(key, None)
