"""AS_PATH and AS4_PATH (RFC 4271 section 5.1.2, RFC 5065, RFC 6793)."""

from itertools import chain
from typing import NamedTuple

from evpnd.model.ids import AS2_MAX
from evpnd.model.numbers import AS_TRANS

AS_SET = 1
AS_SEQUENCE = 2
AS_CONFED_SEQUENCE = 3
AS_CONFED_SET = 4


class Segment(NamedTuple):
    """One segment of a path."""

    kind: int
    asns: tuple[int, ...]

    @property
    def hops(self) -> int:
        """What it adds to the length: a set counts as one, a confederation as none."""
        if self.kind == AS_SEQUENCE:
            return len(self.asns)
        return 1 if self.kind == AS_SET else 0


Path = tuple[Segment, ...]


def decode_path(value: bytes, *, asn4: bool) -> Path:
    """Read the segments of a path of four- or two-octet ASNs.

    Raises ValueError for what RFC 7606, section 7.2, and RFC 7607 call malformed.
    """
    width = 4 if asn4 else 2
    segments = []
    position = 0
    while position < len(value):
        if position + 2 > len(value):
            raise ValueError("one octet is left behind the last segment")
        kind, count = value[position : position + 2]
        start = position + 2
        position = start + count * width
        if not AS_SET <= kind <= AS_CONFED_SET:
            raise ValueError(f"segment type {kind} is not known")
        if not count:
            raise ValueError("a segment is empty")
        if position > len(value):
            raise ValueError(f"a segment of {count} ASNs runs past the attribute")
        asns = tuple(
            int.from_bytes(value[at : at + width])
            for at in range(start, position, width)
        )
        if 0 in asns:
            raise ValueError("AS 0 is in it")
        segments.append(Segment(kind, asns))
    return tuple(segments)


def encode_path(asns: tuple[int, ...], *, asn4: bool) -> bytes:
    """Write one AS_SEQUENCE of at most 255 ASNs; no octets without ASNs."""
    if not asns:
        return b""
    width = 4 if asn4 else 2
    octets = b"".join(
        (asn if asn4 or asn <= AS2_MAX else AS_TRANS).to_bytes(width, "big")
        for asn in asns
    )
    return bytes([AS_SEQUENCE, len(asns)]) + octets


def merge_paths(path: Path, as4_path: Path) -> Path:
    """Return a path of two-octet ASNs with the four-octet ones merged in.

    AS4_PATH replaces the end of AS_PATH; a longer one is ignored, confederation
    segments are dropped from it (RFC 6793, sections 4.2.3 and 6).
    """
    as4_path = tuple(s for s in as4_path if s.kind in (AS_SET, AS_SEQUENCE))
    missing = path_length(path) - path_length(as4_path)
    if missing < 0 or not as4_path:
        return path
    leading = []
    for segment in path:
        if missing <= 0 and segment.hops:
            break
        if segment.kind == AS_SEQUENCE:
            segment = Segment(AS_SEQUENCE, segment.asns[:missing])  # noqa: PLW2901
        leading.append(segment)
        missing -= segment.hops
    return (*leading, *as4_path)


def path_length(path: Path) -> int:
    """Count the hops for the decision (RFC 4271, 9.1.2.2; RFC 5065, 5.3)."""
    return sum(segment.hops for segment in path)


def flatten(path: Path) -> tuple[int, ...]:
    """List the ASNs in order; a confederation's own are not for others to see."""
    return tuple(chain.from_iterable(s.asns for s in path if s.hops))


def has_confederation(path: Path) -> bool:
    """Return whether a path has segments of a confederation."""
    return any(segment.kind >= AS_CONFED_SEQUENCE for segment in path)
