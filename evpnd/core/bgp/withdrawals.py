"""Routes that a peer no longer has: those not sent again, or all of them.

A peer can have millions, and one that ends its session takes all away at once. They
are no routes of the peer from then on; the EVIs lose them in slices, in turn with what
other peers say.
"""

from collections.abc import Iterable, Mapping

from evpnd.core.bgp.imports import Imported
from evpnd.core.bgp.path import Path
from evpnd.core.bgp.pieces import Pieces

Table = Pieces[bytes, Path]
"""The routes of one RD and Ethernet Tag: MAC and IP to path."""
AT_ONCE = 10_000
"""Routes that are withdrawn at once: some 10 ms."""


class Again:
    """Routes that a peer has sent since it began to send all its routes again.

    What it has not is stale. Kept this way round, for a peer may begin as often as it
    likes, and a mark must not cost what there is in its table.
    """

    __slots__ = ("mac_ip", "others")

    def __init__(self) -> None:
        """Start with nothing sent."""
        self.mac_ip: dict[bytes, set[bytes]] = {}
        """RD and Ethernet Tag to MAC and IP."""
        self.others: set[tuple[object, ...]] = set()

    def __len__(self) -> int:
        """Return the number of routes."""
        return sum(map(len, self.mac_ip.values())) + len(self.others)

    def take(self, source: bytes, keys: Iterable[bytes]) -> None:
        """Record that type 2 routes were sent."""
        known = self.mac_ip.get(source)
        if known is None:
            known = self.mac_ip[source] = set()
        known.update(keys)

    def forget(self, source: bytes, keys: Iterable[bytes]) -> None:
        """Record that type 2 routes were withdrawn."""
        known = self.mac_ip.get(source)
        if known is not None:
            known.difference_update(keys)


class Leaving:
    """Type 2 routes that are still to be withdrawn from the EVIs.

    Their paths are those of no route that comes later: the peer may announce the same
    MACs again in the meantime.
    """

    __slots__ = ("_imports", "_kept", "_tables")

    def __init__(
        self,
        tables: dict[bytes, Table],
        kept: Mapping[bytes, set[bytes]],
        imports: Mapping[Path, Imported],
    ) -> None:
        """Store the tables of a peer; `kept` are the keys that stay."""
        self._imports = imports
        self._tables = tables
        self._kept = kept

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._tables)

    def paths(self) -> set[Path]:
        """Return the paths of the routes."""
        return {path for table in self._tables.values() for path in table.values()}

    def withdraw(self, most: int | None) -> None:
        """Withdraw some routes, or all if there is no limit."""
        tables = self._tables
        left = most
        while tables and left != 0:
            source, table = tables.popitem()
            kept = self._kept.get(source, ())
            while table and left != 0:
                key, path = table.popitem()
                if left is not None:
                    left -= 1
                if key not in kept:
                    for evi in self._imports[path].evis:
                        evi.remove(key, path)
            if table:
                tables[source] = table


def has_limits(tables: Mapping[bytes, Table], imports: Mapping[Path, Imported]) -> bool:
    """Return whether limits of policies count any of the routes."""
    paths = {path for table in tables.values() for path in table.values()}
    admissions = (imports[path].admission for path in paths)
    return any(each is not None and each.limits is not None for each in admissions)
