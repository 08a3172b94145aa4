"""What the keys of a configuration take: value, sentence when wrong, JSON Schema.

Each is a plain validator for pydantic. It raises ValueError with a sentence that
says what was expected, what was found and, where it is not plain, what to do.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from evpnd.adapters.config_yaml.reader import describe
from evpnd.adapters.config_yaml.scalars import Dotted
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
    parse_asn,
    parse_ip,
    parse_mac,
    parse_rd,
    parse_route_target,
    parse_site_of_origin,
)

_LONGEST_TEXT = 255
_LONGEST_DEVICE = 15
_LONGEST_SOCKET = 100
"""sun_path has 108 octets; some are left for temporary names."""
_BROADCAST = b"\xff\xff\xff\xff"


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """Pydantic metadata: how a value is read, and its JSON Schema."""

    parse: Callable[[object], object]
    schema: Mapping[str, object]

    def __get_pydantic_core_schema__(
        self, source: object, handler: object
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, core: object, handler: object
    ) -> dict[str, object]:
        return dict(self.schema)


class Also:
    """Pydantic metadata: other JSON Schemas that a validator in front accepts."""

    def __init__(self, *others: Mapping[str, object]) -> None:
        self._others = others

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        return {"anyOf": [*self._others, handler(core)]}


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Find the known word that a misspelt one probably stands for."""
    by_lower = {name.lower(): name for name in known}
    lower = word[:_LONGEST_TEXT].lower().replace("_", "-")
    close = difflib.get_close_matches(lower, by_lower, n=1, cutoff=0.7)
    if not close:  # `vin`: of a short word two letters that changed places are much
        close = [name for name in by_lower if sorted(name) == sorted(lower)]
    return by_lower[close[0]] if close else None


def flag(value: object) -> bool:
    """Read a boolean."""
    if isinstance(value, bool):
        return value
    raise ValueError(f"expected true or false, not {describe(value)}")


def number(value: object, low: int, high: int) -> int:
    """Read a whole number within bounds."""
    if isinstance(value, int) and not isinstance(value, bool):
        if low <= value <= high:
            return value
        raise ValueError(
            f"expected a number from {low} to {high}, not {describe(value)}"
        )
    hint = ""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        hint = "; remove the quotes"
    elif value in ("external", "internal", "auto"):
        hint = "; peers of any AS are not supported, give the number"
    raise ValueError(f"expected a whole number, not {describe(value)}{hint}")


def asn(value: object) -> int:
    """Read an AS number, plain or in asdot (RFC 5396)."""
    if isinstance(value, Dotted):
        value = value.text
    if isinstance(value, str) and "." in value:
        value = parse_asn(value)
    return number(value, 1, AS4_MAX)


def text(value: object) -> str:
    """Read printable text of 1 to 255 characters."""
    if not isinstance(value, str):
        hint = "; put it in quotes" if isinstance(value, int | float) else ""
        raise ValueError(  # noqa: TRY004 - what pydantic collects
            f"expected text, not {describe(value)}{hint}"
        )
    if not value:
        raise ValueError("expected text, not an empty one; remove it")
    if len(value) > _LONGEST_TEXT:
        raise ValueError(
            f"is {len(value)} characters long; at most {_LONGEST_TEXT} are taken"
        )
    line = value.rstrip("\n")  # which a block of YAML (`>`) ends with
    if not line.isprintable():
        hint = ", or as a block behind `>`" if "\n" in line else ""
        raise ValueError(
            f"{describe(value)} holds control characters; write it on one line{hint}"
        )
    return line


def whole(low: int, high: int) -> Parsed:
    """Take a whole number within bounds."""
    return Parsed(
        lambda value: number(value, low, high),
        {"type": "integer", "minimum": low, "maximum": high},
    )


def choice(*words: str, other_words: Mapping[str, str] | None = None) -> Parsed:
    """Take one of a few words; the others are what people write instead."""

    def parse(value: object) -> str:
        word = text(value) if isinstance(value, str) else describe(value)
        if isinstance(value, str) and word in words:
            return word
        meant = (other_words or {}).get(word.lower()) or did_you_mean(word, words)
        hint = f"did you mean {meant}?" if meant else f"write {_either(words)}"
        raise ValueError(f"{describe(value)} is not known; {hint}")

    return Parsed(parse, {"enum": list(words)})


def _either(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _of_text(parse: Callable[[str], object], **schema: object) -> Parsed:
    def read(value: object) -> object:
        if isinstance(value, int | float) and not isinstance(value, bool):
            parse(str(value))  # what quotes would not mend is said at once
        return parse(text(value))

    return Parsed(read, {"type": "string", **schema})


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
            hint = "; leave the prefix length away"
        elif "%" in word:
            hint = "; one with a zone is not supported"
        elif word.isidentifier():
            hint = "; names and unnumbered peers (interfaces) are not supported"
        raise ValueError(
            f"{describe(word)} is not an IPv4 or IPv6 address{hint}"
        ) from None
    parsed = ipaddress.ip_address(ip)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        raise ValueError(f"{word} is IPv4 within IPv6; write {parsed.ipv4_mapped}")
    for kind, wrong in (
        ("unspecified", parsed.is_unspecified),
        ("a multicast address", parsed.is_multicast),
        ("the broadcast address", ip == _BROADCAST),
    ):
        if wrong:
            raise ValueError(f"{word} is {kind}; give an address of a host")
    return ip


def peer_address(word: str) -> Peer:
    """Read an address that a BGP session can run to or from."""
    ip = address(word)
    if len(ip) == 16 and ipaddress.ip_address(ip).is_link_local:
        raise ValueError(
            f"{word} is link-local, which needs a zone; give a routed address"
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
        raise ValueError("0.0.0.0 is no router ID (RFC 6286); write one like 10.0.0.1")
    return Ip(octets)


def device(word: str) -> str:
    """Read the name of a network device, as the kernel takes it."""
    if len(word.encode()) > _LONGEST_DEVICE:
        raise ValueError(
            f"{describe(word)} is longer than the {_LONGEST_DEVICE} characters "
            "of a device name"
        )
    if word in (".", "..") or any(char in "/:" or char.isspace() for char in word):
        raise ValueError(
            f"{describe(word)} is no device name: it has '/', ':' or a blank in it"
        )
    return word


def name(word: str) -> str:
    """Read a name for tables, labels and filters: no blanks."""
    if any(char.isspace() for char in word):
        raise ValueError(f"{describe(word)} has a blank in it; write - instead")
    return word


def station_mac(word: str) -> Mac:
    """Read a MAC that a station can have."""
    mac = parse_mac(word)
    if not is_unicast_mac(mac):
        raise ValueError(f"{word} is no unicast MAC address")
    return mac


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
        raise ValueError(f"{describe(word)}: after *: stands a number to {AS4_MAX}")
    return int(right)


def socket_path(word: str) -> str:
    """Read the path of a Unix socket."""
    if not word.startswith("/"):
        raise ValueError(f"{describe(word)} is relative; write the path from / on")
    if len(word.encode()) > _LONGEST_SOCKET:
        raise ValueError(
            f"is {len(word.encode())} octets long; a socket's path has at most "
            f"{_LONGEST_SOCKET}"
        )
    return word


def listen_address(word: str) -> tuple[str, int]:
    """Read ``127.0.0.1:9471`` or ``[::1]:9471``; unspecified is every address."""
    host, _, port = word.rpartition(":")
    example = "write it like 127.0.0.1:9471 or [::1]:9471"
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        ip = ipaddress.ip_address(bare)
    except ValueError:
        raise ValueError(
            f"{describe(word)} has no IP address before its port; {example}"
        ) from None
    if (ip.version == 6) == (bare is host):
        raise ValueError(f"{describe(word)} needs brackets around IPv6 only; {example}")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(f"{describe(word)} has no port from 1 to 65535; {example}")
    return str(ip), int(port)


_TARGET_TEXT = r"^(auto|[0-9]+:[0-9]+|[0-9.]+:[0-9]+)$"
_ORIGIN_TEXT = r"^([0-9]+|[0-9.]+):[0-9]+$"
_IMPORT_TEXT = r"^(auto|\*:[0-9]+|[0-9]+:[0-9]+|[0-9.]+:[0-9]+)$"
_ASDOT_TEXT = r"^[0-9]{1,5}\.[0-9]{1,5}$"
_MAC_TEXT = r"^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$"

Flag = Annotated[bool, Parsed(flag, {"type": "boolean"})]
Text = Annotated[str, _of_text(str, minLength=1, maxLength=_LONGEST_TEXT)]
Name = Annotated[str, _of_text(name, minLength=1, pattern=r"^\S+$")]
Asn = Annotated[
    int,
    Parsed(
        asn,
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": AS4_MAX},
                {"type": "string", "pattern": _ASDOT_TEXT},
            ]
        },
    ),
]
VniNumber = Annotated[int, whole(1, VNI_MAX)]
Port = Annotated[int, whole(1, 65535)]
HoldTime = Annotated[
    int, Parsed(hold_time, {"type": "integer", "minimum": 0, "maximum": 65535})
]
Seconds = Annotated[float, Parsed(seconds, {"type": "number", "exclusiveMinimum": 0})]
PeerAddress = Annotated[Peer, _of_text(peer_address, examples=["10.0.0.254"])]
VtepAddress = Annotated[Ip, _of_text(vtep_address, examples=["10.0.0.1"])]
RouterId = Annotated[Ip, _of_text(router_id, format="ipv4")]
Device = Annotated[str, _of_text(device, maxLength=15, pattern=r"^[^/:\s]+$")]
StationMac = Annotated[Mac, _of_text(station_mac, pattern=_MAC_TEXT)]
TenantIp = Annotated[Ip, _of_text(tenant_ip, examples=["192.0.2.1"])]
GivenRd = Annotated[Rd | None, _of_text(route_distinguisher, pattern=_TARGET_TEXT)]
ExportTarget = Annotated[
    RouteTarget | Literal["auto"], _of_text(export_target, pattern=_TARGET_TEXT)
]
ImportTarget = Annotated[
    RouteTarget | int | Literal["auto"], _of_text(import_target, pattern=_IMPORT_TEXT)
]
SiteOfOrigin = Annotated[
    bytes,
    _of_text(parse_site_of_origin, pattern=_ORIGIN_TEXT, examples=["65001:7"]),
]
SocketPath = Annotated[str, _of_text(socket_path, pattern=r"^/")]
ListenAddress = Annotated[
    tuple[str, int], _of_text(listen_address, examples=["127.0.0.1:9471"])
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
