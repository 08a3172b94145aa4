"""Types of configuration keys beside text and numbers.

Each is a plain validator for pydantic. It raises ValueError with a sentence that
says what was expected, what was found and, where it is not plain, what to do.
"""

import ipaddress
import re
from typing import Annotated, Literal

from evpnd.adapters.config.placeholders import Unfilled, or_unfilled
from evpnd.adapters.config.ranges import Ranges, ranges
from evpnd.adapters.listening import listen_address
from evpnd.adapters.yaml.reader import describe
from evpnd.adapters.yaml.values import Parsed, choice, name, number, of_text, whole
from evpnd.model.bridges import LONGEST_NAME, VLAN_MAX
from evpnd.model.ids import (
    AS4_MAX,
    VNI_MAX,
    Ip,
    Mac,
    Peer,
    Rd,
    RouteTarget,
    format_ip,
    is_tenant_ip,
    is_unicast_mac,
    parse_ip,
    parse_mac,
    parse_prefix,
    parse_rd,
    parse_route_target,
    parse_site_of_origin,
)
from evpnd.model.sizes import parse_size

_LONGEST_SOCKET = 100
"""sun_path has 108 octets; some are left for temporary names."""
_BROADCAST = b"\xff\xff\xff\xff"


def hold_time(value: object) -> int:
    """Read a hold time (RFC 4271, 4.2): 0, or at least 3 seconds."""
    seconds = number(value, 0, 65535)
    if seconds in (1, 2):
        raise ValueError(f"{seconds} is too short; write 3 to 65535, or 0 for none")
    return seconds


def seconds(value: object) -> float:
    """Read a duration in seconds, up to a year."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(  # noqa: TRY004 - what pydantic collects
            f"expected a number of seconds, not {describe(value)}"
        )
    if not 0 < value <= 31_536_000:
        raise ValueError(f"{describe(value)} seconds is not within 0..31536000")
    return float(value)


def address(word: str) -> Ip:
    """Read an IPv4 or IPv6 address that a host can have."""
    try:
        ip = parse_ip(word)
    except ValueError:
        hint = ""
        if "/" in word:
            hint = "; remove the prefix length"
        elif "%" in word:
            hint = "; one with a zone is not supported"
        elif word.isidentifier():
            hint = "; names and unnumbered peers (interfaces) are not supported"
        raise ValueError(
            f"{describe(word)} is not an IPv4 or IPv6 address{hint}"
        ) from None
    parsed = ipaddress.ip_address(ip)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        raise ValueError(
            f"{word} is an IPv4-mapped IPv6 address; write {parsed.ipv4_mapped}"
        )
    for kind, wrong in (
        ("unspecified", parsed.is_unspecified),
        ("a multicast address", parsed.is_multicast),
        ("the broadcast address", ip == _BROADCAST),
    ):
        if wrong:
            raise ValueError(f"{word} is {kind}; write the address of a host")
    return ip


def peer_address(word: str) -> Peer:
    """Read an address that a BGP session can run to or from."""
    ip = address(word)
    if len(ip) == 16 and ipaddress.ip_address(ip).is_link_local:
        raise ValueError(
            f"{word} is link-local, which needs a zone; write a routed address"
        )
    return Peer(format_ip(ip))


def vtep_address(word: str) -> Ip:
    """Read an address that tunnels can end at."""
    ip = address(word)
    parsed = ipaddress.ip_address(ip)
    if parsed.is_loopback or parsed.is_link_local:
        kind = "a loopback" if parsed.is_loopback else "a link-local"
        raise ValueError(
            f"{word} is {kind} address, which other hosts cannot reach; "
            "give a routed one"
        )
    return ip


def router_id(word: str) -> Ip:
    """Read a BGP identifier (RFC 6286): IPv4 notation, not zero."""
    try:
        octets = ipaddress.IPv4Address(word).packed
    except ValueError:
        raise ValueError(
            f"{describe(word)} is not a router ID; write it like 10.0.0.1"
        ) from None
    if octets == bytes(4):
        raise ValueError(
            "0.0.0.0 is not a router ID (RFC 6286); write one like 10.0.0.1"
        )
    return Ip(octets)


def device(word: str) -> str:
    """Read the name of a network device, as the kernel takes it."""
    return _device(word, len(word.encode()))


def port(word: str) -> str:
    """Read the name of a network device, or a pattern of names: `vnet*`."""
    return _device(word, len(word.replace("*", "").encode()))


def _device(word: str, length: int) -> str:
    if length > LONGEST_NAME:
        raise ValueError(
            f"{describe(word)} is longer than the {LONGEST_NAME} characters "
            "of a device name"
        )
    if word in (".", "..") or any(char in "/:" or char.isspace() for char in word):
        raise ValueError(
            f"{describe(word)} is not a device name: it contains '/', ':' or a blank"
        )
    return word


def station_mac(word: str) -> Mac:
    """Read a MAC that a station can have."""
    mac = parse_mac(word)
    if not is_unicast_mac(mac):
        raise ValueError(f"{word} is not a unicast MAC address")
    return mac


def router_mac(word: str) -> Mac | None:
    """Read the MAC of a VRF on this host; None for ``auto``."""
    return None if word == "auto" else station_mac(word)


def tenant_ip(word: str) -> Ip:
    """Read an address that may be advertised with a MAC."""
    ip = address(word)
    if not is_tenant_ip(ip):
        raise ValueError(f"{word} stays on its link and is never advertised; remove it")
    return ip


def route_distinguisher(word: str) -> Rd | None:
    """Read an RD; None for ``auto``."""
    return None if word == "auto" else parse_rd(word)


def export_target(word: str) -> RouteTarget | Literal["auto"]:
    """Read a route target to export."""
    if word == "auto":
        return "auto"
    if word.startswith("*:"):
        raise ValueError(f"{word} cannot be exported; name one AS, or write auto")
    return parse_route_target(word)


def import_target(word: str) -> RouteTarget | int | Literal["auto"]:
    """Read a route target to import; a number N for ``*:N``."""
    if word == "auto":
        return "auto"
    left, _, right = word.rpartition(":")
    if left != "*":
        return parse_route_target(word)
    if not re.fullmatch(r"[0-9]{1,10}", right) or int(right) > AS4_MAX:
        raise ValueError(f"{describe(word)}: write a number up to {AS4_MAX} after *:")
    return int(right)


def socket_path(word: str) -> str:
    """Read the path of a Unix socket."""
    if not word.startswith("/"):
        raise ValueError(f"{describe(word)} is relative; write an absolute path")
    if len(word.encode()) > _LONGEST_SOCKET:
        raise ValueError(
            f"is {len(word.encode())} octets long; a socket's path has at most "
            f"{_LONGEST_SOCKET}"
        )
    return word


def recording_size(value: object) -> int:
    """Read a size: ``256M``, ``1G``, or a number of octets."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(  # noqa: TRY004 - what pydantic collects
            f"expected a size like 256M, not {describe(value)}"
        )
    return parse_size(value)


def recording_path(word: str) -> str:
    """Read the path of a recording."""
    if not word.startswith("/"):
        raise ValueError(f"{describe(word)} is no absolute path; begin it with /")
    return word


def vrf_prefix(word: str) -> bytes:
    """Read a prefix that a VRF may announce."""
    try:
        return parse_prefix(word)
    except ValueError as error:
        hint = ""
        if "host bits" in str(error):
            hint = f"; write {ipaddress.ip_network(word, strict=False)}"
        raise ValueError(
            f"{describe(word)} is not a prefix such as 192.0.2.0/24{hint}"
        ) from None


_RESERVED_TABLES = {253: "default", 254: "main", 255: "local"}


def table(value: object) -> int:
    """Read the number of a routing table that a VRF can have."""
    found = number(value, 1, AS4_MAX)
    if found in _RESERVED_TABLES:
        raise ValueError(
            f"{found} is the table {_RESERVED_TABLES[found]}; write another number"
        )
    return found


_RD_TEXT = r"^(auto|[0-9]+:[0-9]+|[0-9.]+:[0-9]+)$"
_NUMBER = r"([0-9]|\{vni\}|\{vlan\})+"
_TARGET_TEXT = rf"^(auto|[0-9.]+:{_NUMBER}|{_NUMBER}:{_NUMBER})$"
_ORIGIN_TEXT = r"^([0-9]+|[0-9.]+):[0-9]+$"
_IMPORT_TEXT = rf"^(auto|\*:{_NUMBER}|[0-9.]+:{_NUMBER}|{_NUMBER}:{_NUMBER})$"
_ROUTER_MAC_TEXT = r"^(auto|[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5})$"
_MAC_TEXT = r"^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$"

VniNumber = Annotated[int, whole(1, VNI_MAX)]
EthernetTag = Annotated[int, whole(0, AS4_MAX)]
VniRanges = Annotated[Ranges, ranges(1, VNI_MAX)]
VlanNumber = Annotated[int, whole(1, VLAN_MAX)]
VlanRanges = Annotated[Ranges, ranges(1, VLAN_MAX)]
Table = Annotated[
    int, Parsed(table, {"type": "integer", "minimum": 1, "maximum": AS4_MAX})
]
RouterMac = Annotated[Mac | None, of_text(router_mac, pattern=_ROUTER_MAC_TEXT)]
VrfPrefix = Annotated[bytes, of_text(vrf_prefix, examples=["192.0.2.0/24"])]
Port = Annotated[int, whole(1, 65535)]
HoldTime = Annotated[
    int, Parsed(hold_time, {"type": "integer", "minimum": 0, "maximum": 65535})
]
Seconds = Annotated[float, Parsed(seconds, {"type": "number", "exclusiveMinimum": 0})]
PeerAddress = Annotated[Peer, of_text(peer_address, examples=["10.0.0.254"])]
VtepAddress = Annotated[Ip, of_text(vtep_address, examples=["10.0.0.1"])]
RouterId = Annotated[Ip, of_text(router_id, format="ipv4")]
Device = Annotated[str, of_text(device, maxLength=15, pattern=r"^[^/:\s]+$")]
PortName = Annotated[str, of_text(port, pattern=r"^[^/:\s]+$")]
StationMac = Annotated[Mac, of_text(station_mac, pattern=_MAC_TEXT)]
TenantIp = Annotated[Ip, of_text(tenant_ip, examples=["192.0.2.1"])]
GivenRd = Annotated[Rd | None, of_text(route_distinguisher, pattern=_RD_TEXT)]
EviName = Annotated[
    str | Unfilled, of_text(or_unfilled(name), minLength=1, pattern=r"^\S+$")
]
EviDevice = Annotated[
    str | Unfilled, of_text(or_unfilled(device), pattern=r"^[^/:\s]+$")
]
ExportTarget = Annotated[
    RouteTarget | Literal["auto"] | Unfilled,
    of_text(or_unfilled(export_target), pattern=_TARGET_TEXT),
]
ImportTarget = Annotated[
    RouteTarget | int | Literal["auto"] | Unfilled,
    of_text(or_unfilled(import_target), pattern=_IMPORT_TEXT),
]
SiteOfOrigin = Annotated[
    bytes,
    of_text(parse_site_of_origin, pattern=_ORIGIN_TEXT, examples=["65001:7"]),
]
SocketPath = Annotated[str, of_text(socket_path, pattern=r"^/")]
ListenAddress = Annotated[
    tuple[str, int], of_text(listen_address, examples=["127.0.0.1:9471"])
]
RecordingPath = Annotated[str, of_text(recording_path, pattern=r"^/")]
RecordingSize = Annotated[
    int,
    Parsed(
        recording_size,
        {"type": ["string", "integer"], "examples": ["256M", "1G"]},
    ),
]
_VENDORS = {
    "cumulus": "frr",
    "sonic": "frr",
    "vyos": "frr",
    "arista": "eos",
    "cisco": "nxos",
    "nexus": "nxos",
    "juniper": "junos",
    "nokia": "srlinux",
}
ProfileName = Annotated[
    str,
    choice("generic", "frr", "eos", "nxos", "junos", "srlinux", other_words=_VENDORS),
]
MaxRoutesChoice = Annotated[str, choice("warn", "reject", "restart")]
DuplicateAction = Annotated[str, choice("warn", "freeze")]
LogLevel = Annotated[str, choice("debug", "info", "warning", "error")]
LogFormat = Annotated[str, choice("json", "console")]
