"""A second reading of an UPDATE, slow and plain, to compare the codec with.

Written from the RFCs and not from the codec, with which it shares no line: nothing
is cached, and no path is faster than another. It says what matters to the routes:
is the session reset, which are announced, which withdrawn, is it End-of-RIB.
"""

from typing import NamedTuple

Route = tuple[object, ...]
"""Type and what identifies the route (RFC 7432, section 7)."""

OPTIONAL, TRANSITIVE, EXTENDED = 0x80, 0x40, 0x10
WELL_KNOWN, LOCAL, GLOBAL = TRANSITIVE, OPTIONAL, OPTIONAL | TRANSITIVE
KINDS = {1: WELL_KNOWN, 2: WELL_KNOWN, 3: WELL_KNOWN, 5: WELL_KNOWN, 6: WELL_KNOWN}
KINDS |= {4: LOCAL, 9: LOCAL, 10: LOCAL, 14: LOCAL, 15: LOCAL}
KINDS |= {7: GLOBAL, 8: GLOBAL, 16: GLOBAL, 17: GLOBAL, 18: GLOBAL, 22: GLOBAL}
KINDS |= {32: GLOBAL}
UNITS = {8: 4, 10: 4, 16: 8, 32: 12}
"""Attributes that are lists, and the octets of an element."""
SIZES = {1: 1, 3: 4, 4: 4, 5: 4, 6: 0, 9: 4, 18: 8}
HARMLESS = {6, 7, 17, 18}
"""Attributes that are dropped when they are malformed."""
INTERNAL = {5, 9, 10}
"""Attributes that are dropped when an external peer sends them."""
TUNNELS = {3: (8, 32), 4: (8, 32), 5: (8, 32), 6: (4, 16), 10: (4, 16)}
EVPN = b"\x00\x19\x46"


class Reset(Exception):  # noqa: N818 - a verdict on the octets, no error
    """RFC 7606 leaves nothing but to reset the session."""


class Verdict(NamedTuple):
    """What an UPDATE does."""

    reset: bool = False
    announced: frozenset[Route] = frozenset()
    withdrawn: frozenset[Route] = frozenset()
    end_of_rib: bool = False


class Attribute(NamedTuple):
    """One path attribute."""

    flags: int
    code: int
    value: bytes


def read(body: bytes, *, asn4: bool, ibgp: bool) -> Verdict:
    """Judge the body of an UPDATE, without its header."""
    try:
        return _read(body, asn4=asn4, ibgp=ibgp)
    except Reset:
        return Verdict(reset=True)


def _read(body: bytes, *, asn4: bool, ibgp: bool) -> Verdict:
    block, nlri4 = _body(body)
    attributes, cut_short = _attributes(block)
    codes = [each.code for each in attributes]
    if max(codes.count(14), codes.count(15)) > 1 or cut_short[1:2] in (
        b"\x0e",
        b"\x0f",
    ):
        raise Reset
    reach = next((each.value for each in attributes if each.code == 14), None)
    unreach = next((each.value for each in attributes if each.code == 15), None)
    hop, new = _reach(reach) if reach is not None else (b"", b"")
    old = _unreach(unreach) if unreach is not None else b""
    announced, broken = _routes(new)
    gone, gone_broken = _routes(old)

    first = {each.code: each for each in reversed(attributes)}.values()
    verdicts = {_judge(each, asn4=asn4, ibgp=ibgp) for each in first}
    if cut_short:
        verdicts.add("withdraw")
    if "reset" in verdicts:
        raise Reset
    foreign = reach is not None and reach[:3] != EVPN
    reachable = bool(nlri4 or new or foreign)
    only_unreach = not cut_short and set(codes) <= {15}
    if "withdraw" in verdicts and not reachable and not only_unreach:
        raise Reset  # RFC 7606, section 5.2
    needed = {1, 2, 5} if ibgp else {1, 2}
    if new and (not needed <= set(codes) or not _is_host(hop)):
        verdicts.add("withdraw")

    withdrawn = gone | gone_broken | broken
    if "withdraw" in verdicts:
        return Verdict(withdrawn=withdrawn | announced)
    empty = codes == [15] and unreach == EVPN and len(body) == 4 + len(block)
    return Verdict(False, announced, withdrawn, empty and verdicts == {"sound"})


def _body(body: bytes) -> tuple[bytes, bytes]:
    """Cut path attributes and IPv4 routes (RFC 4271, section 4.3)."""
    withdrawn_size = int.from_bytes(body[:2])
    rest = body[2 + withdrawn_size :]
    size = int.from_bytes(rest[:2])
    if len(body) < 4 + withdrawn_size or len(rest) < 2 + size:
        raise Reset
    for prefixes in (body[2 : 2 + withdrawn_size], rest[2 + size :]):
        left = prefixes
        while left:
            octets = 1 + -(-left[0] // 8)
            if left[0] > 32 or len(left) < octets:
                raise Reset
            left = left[octets:]
    return rest[2 : 2 + size], rest[2 + size :]


def _attributes(block: bytes) -> tuple[list[Attribute], bytes]:
    """Cut attributes; and what is left when one is cut short."""
    found = []
    while block:
        head = 4 if block[0] & EXTENDED else 3
        size = int.from_bytes(block[2:head])
        if len(block) < head + size:
            break
        found.append(Attribute(block[0], block[1], block[head : head + size]))
        block = block[head + size :]
    return found, block


def _reach(value: bytes) -> tuple[bytes, bytes]:
    if len(value) < 5:
        raise Reset
    if value[:3] != EVPN:
        return b"", b""
    if value[3] not in (4, 16, 32) or len(value) < 5 + value[3]:
        raise Reset
    return value[4 : 4 + min(value[3], 16)], value[5 + value[3] :]


def _unreach(value: bytes) -> bytes:
    if len(value) < 3:
        raise Reset
    return value[3:] if value[:3] == EVPN else b""


def _is_host(hop: bytes) -> bool:
    if len(hop) == 4:
        return any(hop) and hop[0] < 224
    return any(hop) and hop[0] != 0xFF


def _judge(attribute: Attribute, *, asn4: bool, ibgp: bool) -> str:
    """Return what RFC 7606 has one do about an attribute's flags and value."""
    flags, code, value = attribute
    if code not in KINDS:
        return "sound" if flags & OPTIONAL else "reset"
    if code in INTERNAL and not ibgp:
        return "discard"
    bad = "discard" if code in HARMLESS else "withdraw"
    if flags & (OPTIONAL | TRANSITIVE) != KINDS[code]:
        return bad
    if code == 17 and asn4 and len(value) >= 6:
        return "sound"
    sound = True
    if code in SIZES:
        sound = len(value) == SIZES[code]
    elif code in UNITS:
        sound = bool(value) and len(value) % UNITS[code] == 0
    elif code == 7:
        sound = len(value) == (8 if asn4 else 6) and any(value[:-4])
    elif code == 2:
        sound = _is_path(value, 4 if asn4 else 2, (1, 2, 3, 4) if ibgp else (1, 2))
    elif code == 17:
        sound = len(value) >= 6 and _is_path(value, 4, (1, 2, 3, 4))
    elif code == 22:
        sizes = TUNNELS.get(value[1]) if len(value) >= 5 else ()
        sound = sizes is None or len(value) - 5 in sizes
    if code == 1 and sound:
        sound = value[0] <= 2
    if code == 18 and sound:
        sound = any(value[:4])
    return "sound" if sound else bad


def _is_path(value: bytes, width: int, kinds: tuple[int, ...]) -> bool:
    while value:
        if len(value) < 2 or value[0] not in kinds or not value[1]:
            return False
        segment = value[2 : 2 + width * value[1]]
        asns = {segment[at : at + width] for at in range(0, len(segment), width)}
        if len(segment) < width * value[1] or bytes(width) in asns:
            return False
        value = value[2 + len(segment) :]
    return True


def _routes(block: bytes) -> tuple[frozenset[Route], frozenset[Route]]:
    """Cut NLRIs; the sound ones, and of the others those whose key can be read."""
    sound: set[Route] = set()
    broken: set[Route] = set()
    while block:
        if len(block) < 2 or len(block) < 2 + block[1]:
            raise Reset
        kind, value = block[0], block[2 : 2 + block[1]]
        block = block[2 + len(value) :]
        reader = {1: _type1, 2: _type2, 3: _type3, 4: _type4, 5: _type5}.get(kind)
        if reader:
            key, good = reader(value)
            if key is not None:
                (sound if good else broken).add((kind, *key))
    return frozenset(sound), frozenset(broken)


Key = tuple[Route | None, bool]
"""The key, None where it cannot be read; and whether the rest is sound, too."""


def _type1(value: bytes) -> Key:
    if len(value) < 22:
        return None, False
    return (value[:8], value[8:18], value[18:22]), len(value) == 25


def _type2(value: bytes) -> Key:
    if len(value) < 30 or value[22] != 48 or value[29] not in (0, 32, 128):
        return None, False
    ip = value[30 : 30 + value[29] // 8]
    if 8 * len(ip) != value[29]:
        return None, False
    labels = len(value) - 30 - len(ip)
    return (value[:8], value[18:22], value[23:29], ip), labels in (3, 6)


def _type3(value: bytes) -> Key:
    ip = _address(value[12:])
    if ip is None:
        return None, False
    return (value[:8], value[8:12], ip), len(value) == 13 + len(ip)


def _type4(value: bytes) -> Key:
    ip = _address(value[18:])
    if ip is None:
        return None, False
    return (value[:8], value[8:18], ip), len(value) == 19 + len(ip)


def _type5(value: bytes) -> Key:
    size = {34: 4, 58: 16}.get(len(value))
    if size is None or value[22] > 8 * size:
        return None, False
    return (value[:8], value[18:22], value[22], value[23 : 23 + size]), True


def _address(octets: bytes) -> bytes | None:
    size = {32: 4, 128: 16}.get(octets[0]) if octets else None
    if size is None or len(octets) < 1 + size:
        return None
    return octets[1 : 1 + size]
