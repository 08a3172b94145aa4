"""Lists of equally long values, kept as the octets in which they came.

A tuple of 900 communities takes twelve times the octets of the message; a peer may
send that with every route.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TypeVar, final, overload

T = TypeVar("T")


class _Packed(Sequence[T]):
    """An immutable sequence that is equal to a tuple of the same values."""

    __slots__ = ("octets",)

    size: int
    """Octets of one value."""

    def __init__(self, octets: bytes) -> None:
        """Store the values in one piece; its length is a multiple of their size."""
        self.octets = octets

    @staticmethod
    @abstractmethod
    def _value(octets: bytes) -> T:
        """Return the value of its octets."""

    def __len__(self) -> int:
        return len(self.octets) // self.size

    def __iter__(self) -> Iterator[T]:
        octets, size, value = self.octets, self.size, self._value
        for at in range(0, len(octets), size):
            yield value(octets[at : at + size])

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...

    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        at = range(0, len(self.octets), self.size)[index]
        return self._value(self.octets[at : at + self.size])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Packed):
            return self.size == other.size and self.octets == other.octets
        return tuple(self) == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


class _Octets(_Packed[bytes]):
    """Values that are octets themselves."""

    __slots__ = ()

    @staticmethod
    def _value(octets: bytes) -> bytes:
        return octets

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, bytes) or len(value) != self.size:
            return False
        at = self.octets.find(value)
        while at % self.size and at >= 0:
            at = self.octets.find(value, at + 1)
        return at >= 0


@final
class Octets4(_Octets):
    """Communities (RFC 1997), or the cluster identifiers of a CLUSTER_LIST."""

    __slots__ = ()
    size = 4


@final
class Octets8(_Octets):
    """Extended communities (RFC 4360)."""

    __slots__ = ()
    size = 8


@final
class Octets12(_Octets):
    """Large communities (RFC 8092)."""

    __slots__ = ()
    size = 12


@final
class Numbers(_Packed[int]):
    """AS numbers of 4 octets."""

    __slots__ = ()
    size = 4

    @staticmethod
    def _value(octets: bytes) -> int:
        return int.from_bytes(octets)

    @classmethod
    def of(cls, numbers: Sequence[int]) -> "Numbers | tuple[int, ...]":
        """Return some numbers packed; a tuple where there is none."""
        return cls(b"".join(n.to_bytes(4) for n in numbers)) if numbers else ()


OctetStrings = tuple[bytes, ...] | _Octets
"""Values of equal length; a plain tuple where there are none, or they are our own."""
NumberList = tuple[int, ...] | Numbers
