"""What we send: path attributes, UPDATEs, withdrawals, End-of-RIB (docs/wire.md)."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from evpnd.model.advert import Advert
from evpnd.model.communities import encode_communities
from evpnd.model.ids import AS2_MAX
from evpnd.model.numbers import (
    DEFAULT_LOCAL_PREFERENCE,
    EVPN,
    HEADER_SIZE,
    MARKER,
    MESSAGE_SIZE_MAX,
    OPTIONAL,
    TRANSITIVE,
    UPDATE,
    Code,
)
from evpnd.model.routes import INGRESS_REPLICATION
from evpnd.wire.as_path import encode_path
from evpnd.wire.framing import encode_attribute, split_attributes

_UPDATE_TYPE = bytes([UPDATE])
_HEAD_SIZE = HEADER_SIZE + 4
"""BGP header, length of withdrawn routes (none), total length of attributes."""

KEPT = 512
"""Blocks of attributes that are kept in the form for one kind of session: the routes of
an EVI have the same ones, and come one at a time as well."""

END_OF_RIB = MARKER + bytes.fromhex("001d 02 0000 0006 800f03") + EVPN
"""Complete message (RFC 4724, section 2)."""


def encode_attributes(advert: Advert) -> bytes:
    """Write the attributes of routes that we announce, in order of their types.

    AS_PATH and MP_REACH_NLRI are not there: `build_updates` adds what a session
    calls for. LOCAL_PREF always is, and is dropped where it does not belong.
    """
    parts = [encode_attribute(TRANSITIVE, Code.ORIGIN, b"\x00")]
    if advert.med is not None:
        med = advert.med.to_bytes(4, "big")
        parts.append(encode_attribute(OPTIONAL, Code.MULTI_EXIT_DISC, med))
    preference = advert.local_preference
    if preference is None:
        preference = DEFAULT_LOCAL_PREFERENCE
    parts.append(
        encode_attribute(TRANSITIVE, Code.LOCAL_PREF, preference.to_bytes(4, "big"))
    )
    pmsi = b""
    if advert.pmsi_vni is not None:
        label = advert.pmsi_vni.to_bytes(3, "big")
        pmsi = bytes([0, INGRESS_REPLICATION]) + label + advert.next_hop
    for code, value in (
        (Code.COMMUNITIES, b"".join(advert.communities)),
        (Code.EXTENDED_COMMUNITIES, b"".join(encode_communities(advert))),
        (Code.PMSI_TUNNEL, pmsi),
        (Code.LARGE_COMMUNITIES, b"".join(advert.large_communities)),
    ):
        if value:
            parts.append(encode_attribute(OPTIONAL | TRANSITIVE, code, value))
    return b"".join(parts)


def build_updates(
    attributes: bytes,
    next_hop: bytes,
    nlris: Sequence[bytes],
    *,
    ibgp: bool,
    local_asn: int,
    asn4: bool,
    max_size: int = MESSAGE_SIZE_MAX,
) -> Iterator[bytes]:
    """Write complete messages that announce NLRIs, as few as hold them all.

    MP_REACH_NLRI comes first, so that it is found whatever is wrong behind it
    (RFC 7606, section 5.1). AS_PATH is empty for iBGP; for eBGP it is our AS, with
    AS_TRANS and AS4_PATH towards a peer without 4-octet ASNs (RFC 6793, 4.2.2).
    Raises ValueError for attributes that are malformed, or leave no room for an
    NLRI in max_size octets.
    """
    rest = _session_attributes(attributes, ibgp=ibgp, local_asn=local_asn, asn4=asn4)
    reach = EVPN + bytes([len(next_hop)]) + next_hop + b"\x00"
    return _pack(Code.MP_REACH_NLRI, reach, nlris, rest, max_size)


def pack_reach(
    head: bytes,
    nlris: Sequence[bytes],
    rest: bytes,
    *,
    max_size: int = MESSAGE_SIZE_MAX,
) -> Iterator[bytes]:
    """Write complete messages that announce NLRIs with attributes as they came.

    `head` is what stands before the NLRIs in MP_REACH_NLRI, `rest` the octets of all
    other attributes. Raises ValueError where they leave no room for an NLRI.
    """
    return _pack(Code.MP_REACH_NLRI, head, nlris, rest, max_size)


def build_withdraws(
    nlris: Sequence[bytes], *, max_size: int = MESSAGE_SIZE_MAX
) -> Iterator[bytes]:
    """Write complete messages that withdraw NLRIs, as few as hold them all."""
    return _pack(Code.MP_UNREACH_NLRI, EVPN, nlris, b"", max_size)


@lru_cache(maxsize=KEPT)
def _session_attributes(
    attributes: bytes, *, ibgp: bool, local_asn: int, asn4: bool
) -> bytes:
    """Return the attributes of a route as one kind of session has them, in order."""
    asns = () if ibgp else (local_asn,)
    path = encode_path(asns, asn4=asn4)
    parts: dict[int, bytes] = {
        Code.AS_PATH: encode_attribute(TRANSITIVE, Code.AS_PATH, path)
    }
    if asns and not asn4 and local_asn > AS2_MAX:
        as4_path = encode_path(asns, asn4=True)
        parts[Code.AS4_PATH] = encode_attribute(
            OPTIONAL | TRANSITIVE, Code.AS4_PATH, as4_path
        )
    found, end = split_attributes(attributes)
    if end != len(attributes):
        raise ValueError(f"an attribute runs past its {len(attributes)} octets")
    for _, code, start, _, stop in found:
        if ibgp or code != Code.LOCAL_PREF:
            parts[code] = attributes[start:stop]
    return b"".join(parts[code] for code in sorted(parts))


def _pack(
    code: Code, head: bytes, nlris: Sequence[bytes], rest: bytes, max_size: int
) -> Iterator[bytes]:
    """Fill messages with NLRIs behind the head of their MP attribute."""
    # The attribute's own header has 3 octets, and 4 when its value passes 255.
    room = max_size - _HEAD_SIZE - len(rest) - 3
    if room > 255:
        room = max(255, room - 1)
    room -= len(head)
    if nlris and max(map(len, nlris)) > room:
        raise ValueError(f"no room for an NLRI in messages of {max_size} octets")
    batch: list[bytes] = []
    used = 0
    for nlri in nlris:
        used += len(nlri)
        if used > room:
            yield _message(code, head, batch, rest)
            batch, used = [], len(nlri)
        batch.append(nlri)
    if batch:
        yield _message(code, head, batch, rest)


def _message(code: Code, head: bytes, nlris: list[bytes], rest: bytes) -> bytes:
    block = encode_attribute(OPTIONAL, code, head + b"".join(nlris)) + rest
    size = (_HEAD_SIZE + len(block)).to_bytes(2, "big")
    length = len(block).to_bytes(2, "big")
    return b"".join((MARKER, size, _UPDATE_TYPE, b"\x00\x00", length, block))
