"""Condenses a history of UPDATEs to the few that leave the same routes.

Attributes are copied as they came, so that whoever reads them afterwards judges them
as before; what cannot be taken apart with certainty is not condensed at all.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evpnd.model.numbers import EVPN, EXTENDED_LENGTH, HEADER_SIZE, OPTIONAL, Code
from evpnd.wire.attributes import END_OF_RIB, pack_reach
from evpnd.wire.framing import split_attributes
from evpnd.wire.nlri import nlri_key, split_nlris

_NO_ROUTES = b"\x00\x00"
PIECE = 64 << 10
"""Octets of UPDATEs in one piece of the result."""

Block = tuple[bytes, bytes]
"""What stands before the NLRIs in MP_REACH_NLRI, and all other attributes."""


class NotCondensableError(Exception):
    """An UPDATE is malformed so that its routes cannot be told."""


class Condensed(NamedTuple):
    """The condensed history."""

    updates: list[bytes]
    """Whole messages with their headers, many in one piece."""
    routes: int


class _Standing:
    """The routes that stand after the UPDATEs that were read."""

    def __init__(self) -> None:
        self.routes: dict[bytes, tuple[Block, bytes]] = {}
        self.end_of_rib = False
        self._blocks: dict[Block, Block] = {}

    def read(self, body: bytes) -> None:
        """Add one UPDATE without its header; raises NotCondensableError."""
        size = int.from_bytes(body[2:4], "big")
        if body[:2] != _NO_ROUTES or len(body) != 4 + size:
            raise NotCondensableError("routes of IPv4 unicast")
        attributes = body[4:]
        found, end = split_attributes(attributes)
        if end != size:
            raise NotCondensableError("an attribute runs past the end")
        reach = withdrawn = None
        rest: list[bytes] = []
        for flags, code, start, at, stop in found:
            if code == Code.MP_REACH_NLRI and reach is None:
                reach = attributes[at:stop]
            elif code == Code.MP_UNREACH_NLRI and withdrawn is None:
                withdrawn = attributes[at:stop]
            elif code in (Code.MP_REACH_NLRI, Code.MP_UNREACH_NLRI):
                raise NotCondensableError("an MP attribute twice")
            else:
                rest.append(attributes[start:stop])
                continue
            if flags & ~EXTENDED_LENGTH != OPTIONAL:
                raise NotCondensableError("flags of an MP attribute")
        if withdrawn is not None:
            self._withdraw(withdrawn, alone=len(found) == 1)
        if reach is not None:
            self._announce(reach, b"".join(rest))

    def _withdraw(self, value: bytes, *, alone: bool) -> None:
        if value[:3] != EVPN:
            raise NotCondensableError("another address family")
        self.end_of_rib |= alone and len(value) == len(EVPN)
        for nlri in _split(value[3:]):
            self.routes.pop(nlri_key(nlri), None)

    def _announce(self, value: bytes, rest: bytes) -> None:
        start = 5 + value[3] if len(value) > 3 else 0
        if value[:3] != EVPN or start > len(value) or not start:
            raise NotCondensableError(
                "MP_REACH_NLRI is too short, or of another family"
            )
        made = (value[:start], rest)
        block = self._blocks.setdefault(made, made)
        routes = self.routes
        for nlri in _split(value[start:]):
            key = nlri_key(nlri)
            # The key moves to the end: the UPDATEs that are left keep their order.
            routes.pop(key, None)
            routes[key] = (block, nlri)


def _split(nlris: bytes) -> list[bytes]:
    try:
        found = split_nlris(nlris)
    except ValueError as error:
        raise NotCondensableError(str(error)) from error
    if any(len(nlri) < 33 and nlri[0] == 2 for nlri in found):
        raise NotCondensableError("a type 2 NLRI that is too short for its key")
    return found


def condense(pieces: Iterable[bytes], octets: int) -> Iterator[Condensed | None]:
    """Condense whole UPDATE messages with their headers, oldest first.

    Gives None after each `octets` of them, and the result at the end. Raises
    NotCondensableError.
    """
    standing = _Standing()
    read = 0
    for piece in pieces:
        start, end = 0, len(piece)
        while start < end:
            stop = start + (piece[start + 16] << 8 | piece[start + 17])
            standing.read(piece[start + HEADER_SIZE : stop])
            read += stop - start
            start = stop
            if read >= octets:
                read = 0
                yield None
    together: dict[Block, list[bytes]] = {}
    for block, nlri in standing.routes.values():
        together.setdefault(block, []).append(nlri)
    yield None
    updates: list[bytes] = []
    waiting: list[bytes] = []
    size = 0
    for (head, rest), nlris in together.items():
        try:
            for message in pack_reach(head, nlris, rest):
                waiting.append(message)
                size += len(message)
                if size >= PIECE:
                    updates.append(b"".join(waiting))
                    waiting, size = [], 0
                    yield None
        except ValueError as error:
            raise NotCondensableError(str(error)) from error
    if standing.end_of_rib:
        waiting.append(END_OF_RIB)
    if waiting:
        updates.append(b"".join(waiting))
    yield Condensed(updates, len(standing.routes))
