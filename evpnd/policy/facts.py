"""The attributes of a path as one number: a bit for each criterion that holds.

A criterion is asked once for each value that its field has had, and those on
addresses not even then: they are looked up together, once for each prefix length.
"""

from collections.abc import Callable
from typing import final

from evpnd.model.policy import Criterion, Field, Prefix, Subject
from evpnd.policy.criteria import compile_criterion, position

_MOST_REMEMBERED = 65536
_DESCRIPTION = Subject._fields.index("peer_description")
_ADDRESSES = frozenset({Field.VTEP, Field.ORIGINATOR, Field.GATEWAY})


@final
class _Column:
    """The criteria on one field."""

    __slots__ = ("_bits_of", "_others", "_tables")

    def __init__(self) -> None:
        self._others: list[tuple[int, Callable[[object], bool]]] = []
        self._tables: dict[tuple[int, int], dict[int, int]] = {}
        """Octets of an address and bits behind its prefix, to prefix to flags."""
        self._bits_of: dict[object, int] = {}

    def add(self, criterion: Criterion, flag: int, at: int) -> None:
        """Ask one more criterion."""
        self._bits_of.clear()
        if criterion.field not in _ADDRESSES:
            self._others.append((flag, compile_criterion(criterion, at)))
            return
        for prefix in criterion.values:
            assert isinstance(prefix, Prefix)
            shift = 8 * len(prefix.octets) - prefix.length
            table = self._tables.setdefault((len(prefix.octets), shift), {})
            begin = int.from_bytes(prefix.octets) >> shift
            table[begin] = table.get(begin, 0) | flag

    def bits(self, value: object) -> int:
        """Return the flags of the criteria that hold for a value."""
        known = self._bits_of.get(value)
        if known is not None:
            return known
        bits = 0
        for flag, holds in self._others:
            if holds(value):
                bits |= flag
        if isinstance(value, bytes):
            number = int.from_bytes(value)
            for (size, shift), table in self._tables.items():
                if size == len(value):
                    bits |= table.get(number >> shift, 0)
        if len(self._bits_of) >= _MOST_REMEMBERED:
            self._bits_of.clear()
        self._bits_of[value] = bits
        return bits


class FactIndex:
    """The criteria of some policies on what a path says."""

    def __init__(self) -> None:
        """Start without any."""
        self._columns: dict[int, _Column] = {}

    def add(self, criterion: Criterion, flag: int) -> None:
        """Set a flag for paths that a criterion holds for."""
        places = [position(criterion.field)]
        if criterion.field is Field.PEER:
            places.append(_DESCRIPTION)
        for at in places:
            column = self._columns.get(at)
            if column is None:
                column = self._columns[at] = _Column()
            column.add(criterion, flag, at)

    def facts(self, subject: Subject) -> int:
        """Return the bits of all criteria that hold for a path."""
        bits = 0
        for at, column in self._columns.items():
            bits |= column.bits(subject[at])
        return bits
