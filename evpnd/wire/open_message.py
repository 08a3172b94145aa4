"""OPEN messages (RFC 4271 section 4.2, RFC 5492, RFC 9072).

Only the capabilities that we have a use for are looked into; whatever stands in the
others is the peer's own affair.
"""

from collections.abc import Iterator
from typing import NamedTuple

from evpnd.model.numbers import AS_TRANS, EVPN_FAMILY

VERSION = 4
SIZE_MIN = 10
"""Octets of the fixed part, without the message header."""
EXTENDED_SIZE_MIN = 13
"""Octets with the marks and the length of RFC 9072."""

OPEN_ERROR = 2
"""Error code of all that is wrong with an OPEN (RFC 4271, section 6.2)."""

_CAPABILITIES = 2
_EXTENDED = 255
"""Optional parameter type that stands for wide lengths (RFC 9072, section 2)."""

_MULTIPROTOCOL = 1
_ROUTE_REFRESH = 2
_GRACEFUL_RESTART = 64
_FOUR_OCTET_ASN = 65
_ENHANCED_REFRESH = 70

_AFI, _SAFI = EVPN_FAMILY
_EVPN_CAPABILITY = bytes([_MULTIPROTOCOL, 4, 0, _AFI, 0, _SAFI])

Family = tuple[int, int]


class OpenError(ValueError):
    """An error in an OPEN: error subcode, its data, and a sentence."""

    def __init__(self, subcode: int, reason: str, data: bytes = b"") -> None:
        """Store what a NOTIFICATION of code 2 carries, and the reason in words."""
        super().__init__(reason)
        self.subcode = subcode
        self.reason = reason
        self.data = data


class GracefulRestart(NamedTuple):
    """The graceful restart capability (RFC 4724, section 3)."""

    flags: int
    """4 bits; the highest is R."""
    time: int
    """Window, in seconds."""
    families: dict[Family, int]
    """Flags of each; the highest of 8 bits is F."""


class OpenMessage(NamedTuple):
    """Content of a peer's OPEN."""

    asn: int
    """Of four octets where the peer has the capability (RFC 6793)."""
    asn4: bool
    hold_time: int
    """Window, in seconds."""
    router_id: bytes
    families: tuple[Family, ...]
    restart: GracefulRestart | None
    route_refresh: bool
    enhanced_refresh: bool


def decode_open(body: bytes) -> OpenMessage:
    """Read an OPEN without its message header. Raises OpenError."""
    if len(body) < SIZE_MIN:
        raise OpenError(0, f"its OPEN has {len(body)} octets, {SIZE_MIN} at least")
    if body[0] != VERSION:
        reason = f"the peer speaks BGP version {body[0]}"
        raise OpenError(1, reason, VERSION.to_bytes(2, "big"))
    found: dict[int, list[bytes]] = {}
    for code, value in _capabilities(body):
        found.setdefault(code, []).append(value)
    asn = int.from_bytes(body[1:3], "big")
    four = found.get(_FOUR_OCTET_ASN)
    restart = found.get(_GRACEFUL_RESTART)
    return OpenMessage(
        asn=asn if four is None else _four_octet_asn(four[-1], asn),
        asn4=four is not None,
        hold_time=int.from_bytes(body[3:5], "big"),
        router_id=body[5:9],
        families=tuple(_family(value) for value in found.get(_MULTIPROTOCOL, ())),
        # Of several instances the last one counts (RFC 4724, section 3).
        restart=None if restart is None else _graceful_restart(restart[-1]),
        route_refresh=_ROUTE_REFRESH in found,
        enhanced_refresh=_ENHANCED_REFRESH in found,
    )


def _capabilities(body: bytes) -> Iterator[tuple[int, bytes]]:
    declared, start, wide = body[9], SIZE_MIN, 1
    if declared and body[start : start + 1] == bytes([_EXTENDED]):
        if len(body) < EXTENDED_SIZE_MIN:
            raise OpenError(0, f"its OPEN ends after {len(body)} octets")
        declared, wide = int.from_bytes(body[11:EXTENDED_SIZE_MIN], "big"), 2
        start = EXTENDED_SIZE_MIN
    parameters = body[start:]
    if len(parameters) != declared:
        raise OpenError(
            0,
            f"its OPEN announces {declared} octets of optional parameters "
            f"and has {len(parameters)}",
        )
    for kind, value in _split(parameters, wide, "optional parameter"):
        if kind != _CAPABILITIES:
            raise OpenError(4, f"optional parameter of type {kind}")
        yield from _split(value, 1, "capability")


def _split(octets: bytes, wide: int, what: str) -> Iterator[tuple[int, bytes]]:
    """Cut types and values, with lengths of one octet or two."""
    position = 0
    while position < len(octets):
        start = position + 1 + wide
        length = int.from_bytes(octets[position + 1 : start], "big")
        if start + length > len(octets):
            raise OpenError(0, f"{what} {octets[position]} runs past its end")
        yield octets[position], octets[start : start + length]
        position = start + length


def _four_octet_asn(value: bytes, short: int) -> int:
    if len(value) != 4:
        raise OpenError(0, f"capability 65 (4-octet AS) of {len(value)} octets")
    asn = int.from_bytes(value, "big")
    if short not in (asn, AS_TRANS):
        raise OpenError(2, f"the peer claims both AS {short} and AS {asn}")
    return asn


def _family(value: bytes) -> Family:
    if len(value) != 4:
        raise OpenError(0, f"capability 1 (multiprotocol) of {len(value)} octets")
    return int.from_bytes(value[:2], "big"), value[3]


def _graceful_restart(value: bytes) -> GracefulRestart:
    if len(value) % 4 != 2:
        raise OpenError(0, f"capability 64 (graceful restart) of {len(value)} octets")
    head = int.from_bytes(value[:2], "big")
    families = {
        (int.from_bytes(value[at : at + 2], "big"), value[at + 2]): value[at + 3]
        for at in range(2, len(value), 4)
    }
    return GracefulRestart(head >> 12, head & 0xFFF, families)


def check_open(
    message: OpenMessage, *, expected_asn: int, local_asn: int, local_id: bytes
) -> None:
    """Check that the OPEN is the configured peer's, and offers our family.

    Raises OpenError. A BGP Identifier is unique within an AS (RFC 6286).
    """
    if message.asn != expected_asn:
        reason = f"the peer is AS {message.asn}, configured is AS {expected_asn}"
        raise OpenError(2, reason)
    identifier = ".".join(map(str, message.router_id))
    if not any(message.router_id):
        raise OpenError(3, f"the peer's router id is {identifier}")
    if message.asn == local_asn and message.router_id == local_id:
        raise OpenError(3, f"the peer's router id is ours, {identifier}")
    if message.hold_time in (1, 2):
        raise OpenError(6, f"the peer's hold time is {message.hold_time} s")
    if EVPN_FAMILY not in message.families:
        offers = ", ".join(f"AFI {afi} SAFI {safi}" for afi, safi in message.families)
        reason = f"the peer does not offer l2vpn evpn, only {offers or 'IPv4 unicast'}"
        raise OpenError(7, reason, _EVPN_CAPABILITY)
