"""The neighbours of the bridge's device: what the bridge answers ARP and ND with."""

from typing import NamedTuple

from evpnd.core.tables.table import Table
from evpnd.model.ids import format_ip


class Neighbor(NamedTuple):
    """A neighbour of ours on the bridge."""

    mac: bytes
    router: bool
    local: bool
    """Of a tenant behind one of our ports."""


UNREAD = Neighbor(b"", router=False, local=False)
"""Stands for a row of which nothing is known but that it is there."""


class Neighbors(Table[bytes, Neighbor]):
    """IPs to the neighbour that the bridge has for them."""

    def __init__(self) -> None:
        """Start with nothing known."""
        super().__init__("neighbor", format_ip, lambda _: UNREAD)

    def put(self, ip: bytes, found: Neighbor) -> None:
        """Store that a neighbour of ours is there."""
        before = self.actual.get(ip)
        self.actual[ip] = found
        self.foreign.discard(ip)
        if before is not None and before != found:
            self.drift.change(ip, found)
        self.dirty.add(ip)

    def leave(self) -> None:
        """Forget our neighbours: they are deleted, or their device is gone."""
        self.dirty.update(self.actual)
        self.actual.clear()

    def lose(self, ip: bytes) -> None:
        """Store that no neighbour of ours is there, or no longer."""
        if self.actual.pop(ip, None) is not None:
            self.drift.lose(ip)
            self.dirty.add(ip)
