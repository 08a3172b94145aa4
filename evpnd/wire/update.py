"""BGP UPDATE messages of the family l2vpn/evpn, decoded (RFC 4271, 4760, 7606)."""

from functools import cache
from hashlib import blake2b
from typing import NamedTuple
from weakref import WeakValueDictionary

from evpnd.model.numbers import EVPN, EXTENDED_LENGTH, OPTIONAL, TRANSITIVE, Code
from evpnd.model.routes import Malformed, PathAttributes, Treatment, Update
from evpnd.wire.framing import split_attributes
from evpnd.wire.nlri import DecodedNlris, decode_nlris, decode_uniform
from evpnd.wire.path_attributes import (
    DecodedAttributes,
    decode_path_attributes,
    strongest,
)

_CACHE_SIZE = 1024
_CACHE_OCTETS = 1 << 18
"""Bound of the cache: long and distinct attributes cost some megabytes at most."""
_KIND = OPTIONAL | TRANSITIVE
_REACH = Code.MP_REACH_NLRI.value
_UNREACH = Code.MP_UNREACH_NLRI.value
_END_OF_RIB = bytes.fromhex("0000 0006 800f03") + EVPN
_HEADER_ERROR = 1
_BAD_LENGTH = 2
_UPDATE_ERROR = 3
_MALFORMED_LIST = 1
_FLAGS = 4
_OPTIONAL_ATTRIBUTE = 9
_INVALID_NETWORK = 10

_NOTHING = DecodedNlris([], [], [], [], ())
_NO_ATTRIBUTES = DecodedAttributes(None, ())


class _Reset(Exception):  # noqa: N818 - a verdict on the peer, not an error of ours
    """The session cannot go on (RFC 7606, section 2)."""

    def __init__(self, reason: str, subcode: int, code: int = _UPDATE_ERROR) -> None:
        super().__init__(reason)
        self.finding = Malformed(Treatment.SESSION_RESET, reason, code, subcode)


class _Reach(NamedTuple):
    """Content of an MP_REACH_NLRI of our family."""

    next_hop: bytes
    """With its length octet in front."""
    nlris: bytes


class UpdateDecoder:
    """Decodes the UPDATEs of one session.

    Keeps the path attributes that it decoded, so that routes with the same
    attributes share one object; a result never depends on that otherwise.
    """

    def __init__(self, *, asn4: bool = True, ibgp: bool = True) -> None:
        """Decode for a session with 4-octet ASNs (RFC 6793) or without."""
        self._asn4 = asn4
        self._ibgp = ibgp
        self._cache: dict[bytes, DecodedAttributes] = {}
        self._cached = 0
        """Octets of its keys."""
        self._before = b""
        """What stood before MP_REACH_NLRI in the last UPDATE that had to be taken
        apart; a peer keeps to its order of attributes."""
        self._in_use: WeakValueDictionary[bytes, PathAttributes] = WeakValueDictionary()
        """Sound attributes that some route has, by the digest of their octets: a
        block that left the cache and comes again is not kept twice."""

    def decode(self, body: bytes | bytearray | memoryview) -> Update:
        """Decode an UPDATE without its header of 19 octets.

        Raises nothing, whatever the octets: findings are in the result, and with
        a session reset among them nothing else is. With treat-as-withdraw the
        announced routes are among the withdrawn, which apply before the others.
        """
        body = bytes(body)
        update = self._decode_known(body)
        if update is not None:
            return update
        if body == _END_OF_RIB:
            return Update(None, [], [], [], [], end_of_rib=True)
        try:
            return self._decode(body)
        except _Reset as reset:
            return Update(None, [], [], [], [], malformed=(reset.finding,))

    def _decode_known(self, body: bytes) -> Update | None:
        """Decode the most frequent case; None in any other, valid or not.

        MP_REACH_NLRI stands behind the same octets as before, the other attributes
        and the next hop were sound in an earlier UPDATE, the NLRIs differ in MAC and
        IP alone.
        """
        before = self._before
        at = 4 + len(before)
        if (
            len(body) < at + 9
            or body[at + 1] != _REACH
            or body[at] & _KIND != OPTIONAL
            or int.from_bytes(body[:4]) != len(body) - 4
            or not body.startswith(before, 4)
        ):
            return None
        if body[at] & EXTENDED_LENGTH:
            start = at + 4
            stop = start + (body[at + 2] << 8 | body[at + 3])
        else:
            start = at + 3
            stop = start + body[at + 2]
        if stop > len(body) or start + 4 >= stop:
            return None
        nlris = start + 5 + body[start + 3]
        if nlris >= stop or body[start : start + 3] != EVPN:
            return None
        known = self._cache.get(body[start + 3 : nlris - 1] + before + body[stop:])
        if known is None or known.attributes is None:
            return None
        batch = decode_uniform(body[nlris:stop])
        if batch is None:
            return None
        return Update(known.attributes, [batch], [], [], [], False, known.malformed)  # noqa: FBT003

    def _decode(self, body: bytes) -> Update:
        block, nlri = _cut_body(body)
        reach: _Reach | None = None
        unreach: bytes | None = None
        rest: list[bytes] = []
        seen: set[int] = set()
        reachable = bool(nlri)
        flagged: tuple[Malformed, ...] = ()
        attributes, end = split_attributes(block)
        for flags, code, start, at, stop in attributes:
            if code != _REACH and code != _UNREACH:  # noqa: PLR1714 - half the time
                rest.append(block[start:stop])
                continue
            if code in seen:
                raise _Reset(f"{Code(code).name} occurs twice", _MALFORMED_LIST)
            seen.add(code)
            if flags & _KIND != OPTIONAL:
                flagged += (_wrong_flags(code, flags),)
            value = block[at:stop]
            if code == _UNREACH:
                unreach = _cut_unreach(value)
            else:
                reach = _cut_reach(value)
                self._before = block[:start]
                reachable = reachable or reach is None or bool(reach.nlris)
        if end < len(block):
            if end + 1 < len(block) and block[end + 1] in (_REACH, _UNREACH):
                raise _Reset("an MP attribute is cut short", _MALFORMED_LIST)
            rest.append(block[end:])

        announced = _decode_block(reach.nlris) if reach else _NOTHING
        gone = _decode_block(unreach) if unreach else _NOTHING
        known = self._attributes(reach, b"".join(rest))
        found = known.malformed + flagged
        worst = strongest(found) if found else None
        if worst and (
            worst.treatment is Treatment.SESSION_RESET
            or (
                worst.treatment is Treatment.TREATED_AS_WITHDRAW
                and not reachable
                and (rest or _REACH in seen)
            )
        ):
            # RFC 7606, section 5.2: attributes without reachable NLRIs mean that
            # these may be what was not understood.
            raise _Reset(worst.reason, worst.subcode)
        malformed = found + announced.malformed + gone.malformed
        withdrawn_mac_ip = gone.mac_ip + gone.broken_mac_ip + announced.broken_mac_ip
        withdrawn_routes = gone.routes + gone.broken + announced.broken
        if known.attributes is None or flagged:
            alone = len(attributes) == 1 and len(body) == 4 + len(block)
            return Update(
                None,
                [],
                [],
                [*withdrawn_mac_ip, *announced.mac_ip],
                [*withdrawn_routes, *announced.routes],
                end_of_rib=unreach == b"" and alone and not flagged,
                malformed=malformed,
            )
        return Update(
            known.attributes if announced.mac_ip or announced.routes else None,
            announced.mac_ip,
            announced.routes,
            withdrawn_mac_ip,
            withdrawn_routes,
            malformed=malformed,
        )

    def _attributes(self, reach: _Reach | None, rest: bytes) -> DecodedAttributes:
        if reach is None or not reach.nlris:
            if not rest:
                return _NO_ATTRIBUTES
            return decode_path_attributes(rest, b"", asn4=self._asn4, ibgp=self._ibgp)
        key = reach.next_hop + rest
        known = self._cache.get(key)
        if known is None:
            known = self._decode_attributes(key, reach.next_hop[1:17], rest)
            self._cached += len(key)
            if len(self._cache) >= _CACHE_SIZE or self._cached > _CACHE_OCTETS:
                self._cache.clear()
                self._cached = len(key)
            self._cache[key] = known
        return known

    def _decode_attributes(
        self, key: bytes, next_hop: bytes, rest: bytes
    ) -> DecodedAttributes:
        digest = blake2b(key, digest_size=16).digest()
        in_use = self._in_use.get(digest)
        if in_use is not None:
            return DecodedAttributes(in_use, ())
        known = decode_path_attributes(rest, next_hop, asn4=self._asn4, ibgp=self._ibgp)
        if known.attributes is not None and not known.malformed:
            self._in_use[digest] = known.attributes
        return known


@cache
def _wrong_flags(code: int, flags: int) -> Malformed:
    """Check the flags of an MP attribute whose value can still be read."""
    reason = f"{Code(code).name} has flags {flags:#04x}"
    return Malformed(Treatment.TREATED_AS_WITHDRAW, reason, _UPDATE_ERROR, _FLAGS)


def _cut_body(body: bytes) -> tuple[bytes, bytes]:
    """Return the path attributes and the IPv4 NLRIs of an UPDATE."""
    if len(body) < 4:
        raise _Reset(f"an UPDATE of {len(body)} octets", _BAD_LENGTH, _HEADER_ERROR)
    at = 2 + int.from_bytes(body[:2])
    start = at + 2
    stop = start + int.from_bytes(body[at:start])
    if max(start, stop) > len(body):
        raise _Reset(
            f"withdrawn routes and attributes of {stop} octets in {len(body)}",
            _MALFORMED_LIST,
        )
    nlris = body[stop:]
    if not (_are_prefixes(body[2:at]) and _are_prefixes(nlris)):
        raise _Reset("an IPv4 prefix has an impossible length", _INVALID_NETWORK)
    return body[start:stop], nlris


def _are_prefixes(field: bytes) -> bool:
    """Check the syntax of IPv4 prefixes, a family we never speak (RFC 7606, 5.3)."""
    position = 0
    while position < len(field):
        if field[position] > 32:
            return False
        position += 1 + (field[position] + 7) // 8
    return position == len(field)


def _cut_reach(value: bytes) -> _Reach | None:
    """Return next hop and NLRIs of an MP_REACH_NLRI; None: another family."""
    if len(value) < 5:
        raise _Reset(f"MP_REACH_NLRI of {len(value)} octets", _OPTIONAL_ATTRIBUTE)
    if value[:3] != EVPN:
        return None
    size = value[3]
    if size not in (4, 16, 32) or len(value) < 5 + size:
        raise _Reset(
            f"next hop of {size} octets in an MP_REACH_NLRI of {len(value)}",
            _OPTIONAL_ATTRIBUTE,
        )
    return _Reach(value[3 : 4 + size], value[5 + size :])


def _cut_unreach(value: bytes) -> bytes | None:
    """Return the NLRIs of an MP_UNREACH_NLRI; None: another family."""
    if len(value) < 3:
        raise _Reset(f"MP_UNREACH_NLRI of {len(value)} octets", _OPTIONAL_ATTRIBUTE)
    return value[3:] if value[:3] == EVPN else None


def _decode_block(block: bytes) -> DecodedNlris:
    try:
        return decode_nlris(block)
    except ValueError as error:
        raise _Reset(str(error), _OPTIONAL_ATTRIBUTE) from None
