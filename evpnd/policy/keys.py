"""MACs and IPs against all prefixes of some policies at once.

A criterion on MAC or IP has one bit. A route's MAC and IP are looked up once for
each prefix length that occurs, not once for each criterion, and the bits found
say which criteria hold.
"""

from collections.abc import Sequence
from operator import or_
from typing import final

from evpnd.model.key import MAC_LENGTH
from evpnd.model.policy import NO_ADDRESS, Criterion, Field, Key, Prefix

_Place = tuple[int, int]
"""Where the address begins in a key, and its octets."""


@final
class _Table:
    """All prefixes of one length, of MACs or of one family of IPs."""

    __slots__ = ("_bits_of", "_shift", "_start", "_stop", "flags")

    def __init__(self, start: int, length: int) -> None:
        self.flags = 0
        self._start = start
        self._stop = start + (length + 7) // 8
        self._shift = -length % 8
        self._bits_of: dict[bytes | int, int] = {}

    def add(self, octets: bytes, flag: int) -> None:
        """Set a flag for addresses that begin like this one."""
        self.flags |= flag
        begin = octets[: self._stop - self._start]
        entry = int.from_bytes(begin) >> self._shift if self._shift else begin
        self._bits_of[entry] = self._bits_of.get(entry, 0) | flag

    def shared(self, low: bytes, high: bytes) -> int | None:
        """Return the flags of all keys between two; None: they differ in what counts.

        Of MACs alone, with which keys begin.
        """
        stop, shift = self._stop, self._shift
        begin = low[:stop]
        if not shift:
            return self._bits_of.get(begin, 0) if begin == high[:stop] else None
        number = int.from_bytes(begin) >> shift
        if number != int.from_bytes(high[:stop]) >> shift:
            return None
        return self._bits_of.get(number, 0)

    def column(self, keys: Sequence[bytes]) -> list[int]:
        """Return the flags of many keys."""
        bits_of, start, stop = self._bits_of.get, self._start, self._stop
        if not self._shift:
            return [bits_of(key[start:stop], 0) for key in keys]
        shift, number = self._shift, int.from_bytes
        return [bits_of(number(key[start:stop]) >> shift, 0) for key in keys]


class KeyIndex:
    """The criteria on MAC and IP of some policies."""

    def __init__(self) -> None:
        """Start without any."""
        self._tables: dict[_Place, dict[int, _Table]] = {}
        self.without_ip = 0
        """The bits of `ip: none`."""

    def add(self, criterion: Criterion, flag: int) -> None:
        """Set a flag for routes that a criterion holds for."""
        start = 0 if criterion.field is Field.MAC else MAC_LENGTH
        for prefix in criterion.values:
            assert isinstance(prefix, Prefix)
            if prefix == NO_ADDRESS:
                self.without_ip |= flag
                continue
            tables = self._tables.setdefault((start, len(prefix.octets)), {})
            table = tables.get(prefix.length)
            if table is None:
                table = tables[prefix.length] = _Table(start, prefix.length)
            table.add(prefix.octets, flag)

    def bits(self, keys: Sequence[bytes], relevant: int) -> list[int]:
        """Return the relevant bits of type 2 keys, MAC and IP in one piece each."""
        size, *others = set(map(len, keys))
        if others:
            parts = {
                each: iter(self.bits([k for k in keys if len(k) == each], relevant))
                for each in (size, *others)
            }
            return [next(parts[len(key)]) for key in keys]
        fixed, columns = self._mac_columns(keys, relevant)
        if size > MAC_LENGTH:
            columns += self._columns(keys, (MAC_LENGTH, size - MAC_LENGTH), relevant)
        else:
            fixed |= self.without_ip & relevant
        if not columns:
            return [fixed] * len(keys)
        bits = columns[0]
        for column in columns[1:]:
            bits = list(map(or_, bits, column))
        return [found & relevant | fixed for found in bits]

    def _mac_columns(
        self, keys: Sequence[bytes], relevant: int
    ) -> tuple[int, list[list[int]]]:
        """Return what the MACs of all keys have, and columns of what they differ in.

        A batch is mostly of one vendor, or one hypervisor: one look does for all.
        """
        fixed = 0
        columns = []
        low, high = min(keys), max(keys)
        for table in self._tables.get((0, MAC_LENGTH), {}).values():
            if table.flags & relevant:
                bits = table.shared(low, high)
                if bits is None:
                    columns.append(table.column(keys))
                else:
                    fixed |= bits & relevant
        return fixed, columns

    def _columns(
        self, keys: Sequence[bytes], place: _Place, relevant: int
    ) -> list[list[int]]:
        return [
            table.column(keys)
            for table in self._tables.get(place, {}).values()
            if table.flags & relevant
        ]

    def bits_of_prefix(self, key: Key, relevant: int) -> int:
        """Return the relevant bits of a type 5 route: the prefixes around its own."""
        bits = 0
        tables = self._tables.get((MAC_LENGTH, len(key.ip)), {})
        for length, table in tables.items():
            if length <= key.ip_length:
                (found,) = table.column((bytes(MAC_LENGTH) + key.ip,))
                bits |= found
        return bits & relevant
