"""Identifiers: parsed from text once at the edge, compared as octets inside.

On the hot path a MAC, an IP, an RD or a route target is its octets in network
order. The functions here are the only place where they become text or come from
it.
"""

import ipaddress
import re
from typing import NewType

Vni = NewType("Vni", int)
"""VXLAN Network Identifier, 1..16777215 (RFC 7348, section 5)."""

Mac = NewType("Mac", bytes)
"""MAC address, 6 octets."""

Ip = NewType("Ip", bytes)
"""IP address, 4 or 16 octets; a VTEP address is one too."""

Rd = NewType("Rd", bytes)
"""Route distinguisher, 8 octets (RFC 4364, section 4.2)."""

RouteTarget = NewType("RouteTarget", bytes)
"""Route target extended community, 8 octets (RFC 4360, section 4)."""

Peer = NewType("Peer", str)
"""A BGP peer: the text of its address, as Python's ipaddress prints it."""

_MAPPED = bytes(10) + b"\xff\xff"
"""What an IPv4-mapped IPv6 address begins with (RFC 4291, section 2.5.5.2)."""

VNI_MAX = (1 << 24) - 1
FLOOD_MAC = Mac(bytes(6))

TWO_OCTET_AS = 0x00
IPV4_ADDRESS = 0x01
FOUR_OCTET_AS = 0x02
ROUTE_TARGET_SUBTYPE = 0x02
SITE_OF_ORIGIN_SUBTYPE = 0x03
IPV4_LENGTH = 4
MULTICAST_IPV4 = 224
"""First octet; addresses from here on belong to no host (RFC 1112, section 4)."""
MULTICAST_IPV6 = 0xFF
AS2_MAX = 0xFFFF
AS4_MAX = 0xFFFFFFFF
RD_INDEXES = 0xFFFF
"""Number of route distinguishers of one router ID: 16 bits without 0."""
RFC8365_VXLAN = 0x10000000
"""Local administrator of RFC 8365, 5.1.2.1: A=0, type 1 (VXLAN), domain 0."""

_LINK_LOCAL_IPV4 = b"\xa9\xfe"
_LINK_LOCAL_IPV6, _LINK_LOCAL_IPV6_2 = 0xFE, 0x80
_MAPPED_IPV4 = bytes(10) + b"\xff\xff"
_ASN = re.compile(r"[0-9]{1,100}(?:\.[0-9]{1,100})?")
_MAC = re.compile(
    r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}"
    r"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}|[0-9A-Fa-f]{12}"
)


def parse_vni(raw: int) -> Vni:
    """Check a 24-bit VXLAN Network Identifier (RFC 7348, section 5).

    Raises ValueError outside 1..16777215.
    """
    if not 0 < raw <= VNI_MAX:
        raise ValueError(f"VNI {raw} is outside 1..{VNI_MAX}")
    return Vni(raw)


def parse_mac(text: str) -> Mac:
    """Read ``02:00:00:00:00:01``; ValueError otherwise.

    Dashes, Cisco's ``0200.0000.0001`` and twelve digits alone do as well.
    """
    if not _MAC.fullmatch(text):
        raise ValueError(f"{text!r} is not a MAC address such as 02:00:00:00:00:01")
    return Mac(bytes.fromhex(re.sub("[:.-]", "", text)))


def format_mac(mac: bytes) -> str:
    """Write six octets as lower-case colon-separated text."""
    return mac.hex(":")


def parse_ip(text: str) -> Ip:
    """Read an IPv4 or IPv6 address without zone; ValueError otherwise."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        raise ValueError(f"{text!r} carries a zone")
    return Ip(address.packed)


def format_ip(ip: bytes) -> str:
    """Write 4 or 16 octets as the usual text, ``::ffff:10.0.0.9`` as RFC 5952 does."""
    if ip.startswith(_MAPPED) and len(ip) == 16:
        # Python writes this in hexadecimal digits before 3.13.
        return f"::ffff:{ipaddress.IPv4Address(ip[12:])}"
    return str(ipaddress.ip_address(ip))


def format_prefix(prefix: bytes) -> str:
    """Write a prefix, an address and its length in bits (1 octet): ``192.0.2.0/24``."""
    return f"{format_ip(prefix[:-1])}/{prefix[-1]}"


def parse_prefix(text: str) -> bytes:
    """Read ``192.0.2.0/24``; ValueError for another text, and for host bits.

    Returns the address and the length in bits (1 octet) in one piece.
    """
    network = ipaddress.ip_network(text)
    return network.network_address.packed + bytes([network.prefixlen])


def parse_asn(text: str) -> int:
    """Read an AS number: ``4200000001`` or, in asdot, ``64086.59905`` (RFC 5396).

    Returns 0..4294967295. Raises ValueError where the text is neither.
    """
    if not _ASN.fullmatch(text):
        raise ValueError(f"{text!r} is not an AS number such as 65001 or 64086.59905")
    high, dot, low = text.partition(".")
    if not dot:
        asn, fits = int(text), int(text) <= AS4_MAX
    else:
        asn = int(high) << 16 | int(low)
        fits = int(high) <= AS2_MAX and int(low) <= AS2_MAX
    if not fits:
        each = "16 bits before and after the dot" if dot else "32 bits"
        raise ValueError(f"AS {text} does not fit into {each}")
    return asn


def parse_rd(text: str) -> Rd:
    """Read ``10.0.0.1:100`` (type 1), ``65000:7`` (type 0) or a 4-octet AS (type 2).

    Raises ValueError when a part does not fit (RFC 4364, section 4.2).
    """
    kind, administrator, number = _parse_administrator(text, "route distinguisher")
    return Rd(bytes([0, kind]) + administrator + number)


def parse_route_target(text: str) -> RouteTarget:
    """Read ``65000:10100``, ``10.0.0.1:7``, ``4200000001:10100``, ``64086.59905:7``.

    Raises ValueError when a part does not fit: with a 4-octet AS or an IPv4
    address only 16 bits are left for the number (RFC 4360, section 3).
    """
    kind, administrator, number = _parse_administrator(text, "route target")
    return RouteTarget(bytes([kind, ROUTE_TARGET_SUBTYPE]) + administrator + number)


def parse_site_of_origin(text: str) -> bytes:
    """Read a site of origin, written like a route target (RFC 4360, section 5)."""
    kind, administrator, number = _parse_administrator(text, "site of origin")
    return bytes([kind, SITE_OF_ORIGIN_SUBTYPE]) + administrator + number


def _parse_administrator(text: str, what: str) -> tuple[int, bytes, bytes]:
    left, separator, right = text.rpartition(":")
    if not separator or not right.isascii() or not right.isdigit():
        raise ValueError(f"{text!r} is not a {what} such as 65000:10100 or 10.0.0.1:7")
    number = int(right)
    if _ASN.fullmatch(left):
        try:
            asn = parse_asn(left)
        except ValueError as error:
            raise ValueError(f"{text!r}: {error}") from None
        if asn <= AS2_MAX:
            if number > AS4_MAX:
                raise ValueError(f"{text!r}: {number} does not fit into 32 bits")
            return TWO_OCTET_AS, asn.to_bytes(2, "big"), number.to_bytes(4, "big")
        kind, administrator = FOUR_OCTET_AS, asn.to_bytes(4, "big")
    else:
        try:
            kind, administrator = IPV4_ADDRESS, ipaddress.IPv4Address(left).packed
        except ValueError:
            raise ValueError(
                f"{text!r}: {left!r} is neither an AS number nor an IPv4 address"
            ) from None
    if number > AS2_MAX:
        raise ValueError(
            f"{text!r}: {number} does not fit into the 16 bits that "
            f"{'a 4-octet AS' if kind == FOUR_OCTET_AS else 'an IPv4 address'} leaves"
        )
    return kind, administrator, number.to_bytes(2, "big")


def format_rd(rd: bytes) -> str:
    """Write an RD as ``administrator:number``; an unknown type as hex."""
    return _format_administrator(rd[1], rd) if rd[0] == 0 else "0x" + rd.hex()


def format_route_target(target: bytes) -> str:
    """Write a route target as ``administrator:number``; an unknown type as hex."""
    return _format_administrator(target[0], target)


def _format_administrator(kind: int, octets: bytes) -> str:
    match kind:
        case 0:
            return f"{int.from_bytes(octets[2:4])}:{int.from_bytes(octets[4:8])}"
        case 1:
            return f"{format_ip(octets[2:6])}:{int.from_bytes(octets[6:8])}"
        case 2:
            return f"{int.from_bytes(octets[2:6])}:{int.from_bytes(octets[6:8])}"
        case _:
            return "0x" + octets.hex()


def is_tenant_ip(ip: bytes) -> bool:
    """Return whether an address may be advertised with a MAC.

    Not link-local ones: each VTEP may have the same (interop finding: FRR 7862;
    RFC 3927 for IPv4). Nor what is no station's address: multicast, unspecified,
    loopback, IPv4's 0/8 and 240/4 (RFC 6890) and IPv6-mapped IPv4.
    """
    return is_host_ip(ip) and not is_link_local(ip) and not is_mapped_ipv4(ip)


def is_link_local(ip: bytes) -> bool:
    """Return whether it is link-local (RFC 3927; RFC 4291, 2.4: fe80::/10)."""
    if len(ip) == IPV4_LENGTH:
        return ip[:2] == _LINK_LOCAL_IPV4
    return ip[0] == _LINK_LOCAL_IPV6 and ip[1] & 0xC0 == _LINK_LOCAL_IPV6_2


def is_mapped_ipv4(ip: bytes) -> bool:
    """Return whether it is IPv4 within IPv6, ::ffff:0:0/96 (RFC 4291, 2.5.5.2)."""
    return ip[:12] == _MAPPED_IPV4


def is_host_ip(ip: bytes) -> bool:
    """Return whether an address can belong to a host, by its octets.

    Link-local ones can: FRR announces them (FRR 7862). Quick, for each binding.
    """
    if len(ip) == IPV4_LENGTH:
        return ip[0] not in (0, 127) and ip[0] < MULTICAST_IPV4
    return ip[0] != MULTICAST_IPV6 and ip[:15] != bytes(15)


def is_multicast(ip: bytes) -> bool:
    """Return whether an address is a group's, or of IPv4's reserved 240/4."""
    if len(ip) == IPV4_LENGTH:
        return ip[0] >= MULTICAST_IPV4
    return ip[0] == MULTICAST_IPV6


def is_unicast_mac(mac: bytes) -> bool:
    """Return whether a MAC is unicast: group bit clear, not all zeros."""
    return not mac[0] & 1 and mac != FLOOD_MAC
