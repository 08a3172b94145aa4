"""EVPN NLRI, AFI 25 and SAFI 70 (RFC 7432 section 7, RFC 9136 section 3).

``type(1) length(1) value(length)``. Type 2 comes by the hundred thousand and has
paths of its own: nothing is made for a route but its MAC and IP octets.

One NLRI whose inner lengths are impossible costs itself alone: it is withdrawn
when its key can be read. Only a broken outer length loses the framing, and with
it the whole block (RFC 7606, sections 3 j and 5.3).
"""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from evpnd.model.advert import RD_LENGTH, tag_of
from evpnd.model.key import IP, MAC, MAC_LENGTH
from evpnd.model.routes import (
    EthernetAdRoute,
    EthernetSegmentRoute,
    ImetRoute,
    IpPrefixRoute,
    MacIpBatch,
    Malformed,
    OtherRoute,
    Treatment,
)

MAC_IP = 2

_HEAD = 25
"""Octets of a type 2 NLRI before its MAC: type, length, RD, ESI, tag, MAC length."""
_IP_LENGTH = _HEAD + MAC_LENGTH
_NO_ESI = bytes(10)

_SHAPES = {33: 0, 36: 0, 37: 4, 40: 4, 49: 16, 52: 16}
"""Value length of a type 2 NLRI to octets of its IP; 3 octets a label, 1 or 2."""


class DecodedNlris(NamedTuple):
    """A block of NLRIs, and those of it that must be treated as withdrawn."""

    mac_ip: list[MacIpBatch]
    routes: list[OtherRoute]
    broken_mac_ip: list[MacIpBatch]
    broken: list[OtherRoute]
    malformed: tuple[Malformed, ...]


def encode_mac_ip(
    source: bytes, vni: int, keys: Iterable[bytes], l3_vni: int | None = None
) -> list[bytes]:
    """Write type 2 NLRIs: ESI 0, one label that is the VNI.

    The source is RD and Ethernet Tag (`source_of`). A key is a MAC (6 octets) and an
    IP (0, 4 or 16) in one piece; ValueError for another length. With an IP, the VNI of
    its VRF is a second label (RFC 9135, section 5.1). For a withdrawal the VNI may be 0
    (RFC 7432, section 7.2).
    """
    middle = source[:RD_LENGTH] + _NO_ESI + tag_of(source) + b"\x30"
    label = vni.to_bytes(3, "big")
    plain = b"\x02\x21" + middle
    plain_tail = b"\x00" + label
    labels = label if l3_vni is None else label + l3_vni.to_bytes(3, "big")
    bound = {
        size: (bytes([MAC_IP, 24 + size + len(labels)]) + middle, bits)
        for size, bits in ((10, b"\x20"), (22, b"\x80"))
    }
    nlris = []
    for key in keys:
        size = len(key)
        if size == MAC_LENGTH:
            nlris.append(plain + key + plain_tail)
        elif size in bound:
            head, bits = bound[size]
            nlris.append(head + key[MAC] + bits + key[IP] + labels)
        else:
            raise ValueError(f"a MAC/IP key of {size} octets, not 6, 10 or 22")
    return nlris


def encode_imet(source: bytes, originator: bytes) -> bytes:
    """Write a type 3 NLRI; the originator has 4 or 16 octets."""
    value = source[:RD_LENGTH] + tag_of(source)
    value += bytes([8 * len(originator)]) + originator
    return bytes([3, len(value)]) + value


def encode_prefixes(source: bytes, vni: int, prefixes: Iterable[bytes]) -> list[bytes]:
    """Write type 5 NLRIs: no ESI, no gateway, and the VNI of the VRF as their label.

    That is the interface-less form (RFC 9136, section 4.4.1). A prefix is an address (4
    or 16 octets) and its length in bits (1) in one piece; ValueError for another
    length. For a withdrawal the VNI may be 0.
    """
    middle = source[:RD_LENGTH] + _NO_ESI + tag_of(source)
    label = vni.to_bytes(3, "big")
    nlris = []
    for prefix in prefixes:
        address, bits = prefix[:-1], prefix[-1:]
        if len(address) not in (4, 16):
            raise ValueError(f"a prefix of {len(prefix)} octets, not 5 or 17")
        tail = bits + address + bytes(len(address)) + label
        nlris.append(bytes([5, len(middle) + len(tail)]) + middle + tail)
    return nlris


def split_nlris(block: bytes) -> list[bytes]:
    """Cut a block into whole NLRIs; ValueError when one runs past its end."""
    nlris = []
    position, end = 0, len(block)
    while position < end:
        stop = position + 2 + block[position + 1] if position + 1 < end else end + 1
        if stop > end:
            raise _overrun(position, end)
        nlris.append(block[position:stop])
        position = stop
    return nlris


def nlri_key(nlri: bytes) -> bytes:
    """Return the octets that identify a well-formed NLRI (RFC 7432, section 7).

    ESI and labels of type 2, the label of type 1, and ESI, gateway and label of
    type 5 are not among them; of an unknown type all octets are.
    """
    kind = nlri[0]
    if kind == MAC_IP:
        return b"\x02" + nlri[2:10] + nlri[20 : 32 + (nlri[31] >> 3)]
    if kind == 1:
        return nlri[:24]
    if kind == 5:
        return b"\x05" + nlri[2:10] + nlri[20 : 29 if nlri[1] == 34 else 41]
    return nlri


def key_within_source(nlri: bytes) -> bytes:
    """Return what identifies a well-formed NLRI apart from RD and Ethernet Tag.

    Two routes of type 2 or 3 with the same result say the same thing for two sources
    (`source_of`).
    """
    key = nlri_key(nlri)
    # The length octet, where the key has it, RD and Ethernet Tag follow the type.
    return key[:1] + key[13 if key[0] in (MAC_IP, 5) else 14 :]


def decode_nlris(block: bytes) -> DecodedNlris:
    """Read a block of NLRIs; ValueError when one runs past its end.

    Routes of equal RD, Ethernet Tag, ESI and labels share a batch, so that order
    is kept within a batch only.
    """
    batch = decode_uniform(block)
    if batch is not None:
        return DecodedNlris([batch], [], [], [], ())
    return _decode_mixed(block)


def decode_uniform(block: bytes) -> MacIpBatch | None:
    """Read a block of type 2 NLRIs that differ in MAC and IP alone.

    None for any other block, a broken one too: `decode_nlris` judges that.

    With everything but the key equal, what stands between two keys is always the
    same run of octets; `bytes.split` finds them all in one call.
    """
    if len(block) < 35 or block[0] != MAC_IP:
        return None
    stride = block[1] + 2
    ip_size = _SHAPES.get(stride - 2)
    if ip_size is None or block[24] != 48 or len(block) % stride:
        return None
    head = block[:_HEAD]
    label_at = 32 + ip_size
    labels = block[label_at:stride]
    if len(block) == stride:
        if block[_IP_LENGTH] != 8 * ip_size:
            return None
        keys = [block[_HEAD:_IP_LENGTH] + block[32:label_at]]
    else:
        # The IP's length stands between MAC and IP: it is judged as a column and
        # taken out, then each key is one piece.
        count = len(block) // stride
        if block[_IP_LENGTH::stride] != bytes([8 * ip_size]) * count:
            return None
        pieces = bytearray(block)
        del pieces[_IP_LENGTH::stride]
        keys = bytes(pieces)[_HEAD : -len(labels)].split(labels + head)
        if (
            len(keys) != count
            or set(map(len, keys)) != {MAC_LENGTH + ip_size}
            or not block.endswith(labels)
        ):
            return None
    return MacIpBatch(head[2:10], head[20:24], head[10:20], labels, keys)


def _decode_mixed(block: bytes) -> DecodedNlris:
    batches: dict[tuple[bytes, bytes], list[bytes]] = {}
    routes: list[OtherRoute] = []
    broken_batches: list[MacIpBatch] = []
    broken: list[OtherRoute] = []
    malformed: list[Malformed] = []
    position, end = 0, len(block)
    while position < end:
        if position + 1 == end:
            raise _overrun(position, end)
        kind, length = block[position], block[position + 1]
        start, stop = position + 2, position + 2 + length
        if stop > end:
            raise _overrun(position, end)
        if kind == MAC_IP:
            ip_size = _SHAPES.get(length)
            if (
                ip_size is not None
                and block[position + _IP_LENGTH] == 8 * ip_size
                and block[position + 24] == 48
            ):
                label_at = position + 32 + ip_size
                shape = (block[start : start + 22], block[label_at:stop])
                keys = batches.get(shape)
                if keys is None:
                    keys = batches[shape] = []
                mac_at = position + _HEAD
                keys.append(
                    block[mac_at : mac_at + MAC_LENGTH]
                    + block[position + 32 : label_at]
                )
            else:
                batch = _broken_mac_ip(block[start:stop])
                if batch:
                    broken_batches.append(batch)
                malformed.append(_malformed(kind, length))
        elif kind in _DECODERS:
            route, sound = _DECODERS[kind](block[start:stop])
            if not sound:
                malformed.append(_malformed(kind, length))
                if route:
                    broken.append(route)
            elif route:
                routes.append(route)
        else:
            malformed.append(_skipped(kind))
        position = stop
    return DecodedNlris(
        [
            MacIpBatch(shape[:8], shape[18:], shape[8:18], labels, keys)
            for (shape, labels), keys in batches.items()
        ],
        routes,
        broken_batches,
        broken,
        tuple(malformed),
    )


def _overrun(position: int, end: int) -> ValueError:
    return ValueError(f"the NLRI at octet {position} runs past its attribute ({end})")


@cache
def _malformed(kind: int, length: int) -> Malformed:
    return Malformed(
        Treatment.TREATED_AS_WITHDRAW,
        f"type {kind} NLRI of {length} octets has impossible inner lengths",
    )


@cache
def _skipped(kind: int) -> Malformed:
    return Malformed(Treatment.SKIPPED, f"NLRI of type {kind} is not known")


def _broken_mac_ip(value: bytes) -> MacIpBatch | None:
    """Read the key of a type 2 value whose length fits no labels; None if none."""
    if len(value) < 30 or value[22] != 48 or value[29] not in (0, 32, 128):
        return None
    end = 30 + value[29] // 8
    if len(value) < end:
        return None
    key = value[23:29] + value[30:end]
    return MacIpBatch(value[:8], value[18:22], value[8:18], bytes(3), [key])


Decoded = tuple[OtherRoute | None, bool]
"""The route, None where its key cannot be read; and whether it is sound."""


def _decode_ethernet_ad(value: bytes) -> Decoded:
    if len(value) < 22:
        return None, False
    return (
        EthernetAdRoute(value[:8], value[8:18], value[18:22], value[22:25]),
        len(value) == 25,
    )


def _decode_imet(value: bytes) -> Decoded:
    originator = _address(value, 12)
    if originator is None:
        return None, False
    route = ImetRoute(value[:8], value[8:12], originator)
    return route, len(value) == 13 + len(originator)


def _decode_ethernet_segment(value: bytes) -> Decoded:
    originator = _address(value, 18)
    if originator is None:
        return None, False
    route = EthernetSegmentRoute(value[:8], value[8:18], originator)
    return route, len(value) == 19 + len(originator)


def _address(value: bytes, at: int) -> bytes | None:
    """Read an address behind its length in bits; None if it cannot be read."""
    if len(value) <= at or value[at] not in (32, 128):
        return None
    address = value[at + 1 : at + 1 + value[at] // 8]
    return address if 8 * len(address) == value[at] else None


def _decode_ip_prefix(value: bytes) -> Decoded:
    # Only the value's length says which family it is (RFC 9136, section 3.1), so
    # that no key can be read from one of another length.
    if len(value) not in (34, 58):
        return None, False
    size = 4 if len(value) == 34 else 16
    if value[22] > 8 * size:
        return None, False
    return (
        IpPrefixRoute(
            rd=value[:8],
            esi=value[8:18],
            ethernet_tag=value[18:22],
            prefix_length=value[22],
            prefix=value[23 : 23 + size],
            gateway=value[23 + size : 23 + 2 * size],
            label=value[23 + 2 * size :],
        ),
        True,
    )


_DECODERS = {
    1: _decode_ethernet_ad,
    3: _decode_imet,
    4: _decode_ethernet_segment,
    5: _decode_ip_prefix,
}
