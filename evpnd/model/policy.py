"""Policies as values: what the YAML says, turned into octets and numbers.

``adapters/policy_files`` makes these; ``policy`` evaluates them. A criterion
says which field of a route it looks at and which values do; a match is criteria
that must all hold.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple

from evpnd.model.packed import OctetStrings

DEFAULT_RULE = "default"
"""Stands for the rule where none decided."""


class RouteType(IntEnum):
    """EVPN route types (RFC 7432, section 7; RFC 9136, section 3)."""

    ETHERNET_AD = 1
    MAC_IP = 2
    IMET = 3
    ETHERNET_SEGMENT = 4
    IP_PREFIX = 5

    @property
    def word(self) -> str:
        """Return the name that policies and tables use."""
        return self.name.lower().replace("_", "-")


class Learned(Enum):
    """How a local route came to be known."""

    DYNAMIC = "dynamic"
    STATIC = "static"
    NEIGHBOR = "neighbor"
    SNOOPED = "snooped"


class Verdict(Enum):
    """What a policy decides."""

    ACCEPT = "accept"
    REJECT = "reject"


def verdict_word(verdict: Verdict | None) -> str:
    """Return what a rule decides; ``next`` if later rules decide."""
    return "next" if verdict is None else verdict.value


class Field(Enum):
    """The field that a criterion compares; the words of `match`."""

    TYPE = "type"
    VNI = "vni"
    ETHERNET_TAG = "ethernet-tag"
    SEQUENCE = "sequence"
    ASN = "asn"
    AS_PATH_LENGTH = "as-path-length"
    MAC = "mac"
    IP = "ip"
    VTEP = "vtep"
    ORIGINATOR = "originator"
    GATEWAY = "gateway"
    RD = "rd"
    ROUTE_TARGET = "route-target"
    COMMUNITY = "community"
    LARGE_COMMUNITY = "large-community"
    EXTENDED_COMMUNITY = "extended-community"
    PEER = "peer"
    STICKY = "sticky"
    DEFAULT_GATEWAY = "default-gateway"
    LOCAL = "local"
    LEARNED = "learned"


KEY_FIELDS = frozenset({Field.MAC, Field.IP})
"""What differs among the routes of one path; all else is judged once for it."""

_EVERY_TYPE = frozenset(RouteType)
_WITH_LABEL = _EVERY_TYPE - {RouteType.ETHERNET_SEGMENT}
_MAC_IP = frozenset({RouteType.MAC_IP})
TYPES_WITH = dict.fromkeys(Field, _EVERY_TYPE) | {
    Field.VNI: _WITH_LABEL,
    Field.ETHERNET_TAG: _WITH_LABEL,
    Field.SEQUENCE: _MAC_IP,
    Field.MAC: _MAC_IP,
    Field.IP: frozenset({RouteType.MAC_IP, RouteType.IP_PREFIX}),
    Field.ORIGINATOR: frozenset({RouteType.IMET, RouteType.ETHERNET_SEGMENT}),
    Field.GATEWAY: frozenset({RouteType.IP_PREFIX}),
    Field.LEARNED: _MAC_IP,
}
"""A criterion on a field that a type has not never holds for a route of it, but for
`ip: none`."""


class Range(NamedTuple):
    """Numbers from low to high, both included."""

    low: int
    high: int


class Prefix(NamedTuple):
    """The first bits of a MAC or an IP address; the others are zero here."""

    octets: bytes
    length: int
    """Bits."""

    def covers(self, other: "Prefix") -> bool:
        """Return whether all of another prefix lies in this one."""
        return (
            len(self.octets) == len(other.octets)
            and self.length <= other.length
            and shorten(other.octets, self.length) == self.octets
        )


NO_ADDRESS = Prefix(b"", 0)
"""`ip: none`: a route without one, of whatever type."""


def shorten(octets: bytes, length: int) -> bytes:
    """Set all bits behind the first `length` to zero."""
    free = 8 * len(octets) - length
    return (int.from_bytes(octets) >> free << free).to_bytes(len(octets), "big")


class Masked(NamedTuple):
    """Octets of which some parts may be anything: equal under the mask.

    Both are the big-endian number of as many octets as the field has: 8 for an RD
    and an extended community, 4 for a community, 12 for a large one.
    """

    value: int
    mask: int

    def matches(self, octets: bytes) -> bool:
        """Return whether octets have this value where the mask is set."""
        return int.from_bytes(octets) & self.mask == self.value


class Glob(NamedTuple):
    """The description of a peer, with ``*`` for any characters."""

    pattern: str


Value = RouteType | Learned | Range | Prefix | Masked | Glob | bool


class Criterion(NamedTuple):
    """One of the values is what the field has."""

    field: Field
    values: tuple[Value, ...]


class Not(NamedTuple):
    """The match does not hold."""

    match: "Match"


class AnyOf(NamedTuple):
    """At least one of the matches holds."""

    matches: tuple["Match", ...]


Condition = Criterion | Not | AnyOf
Match = tuple[Condition, ...]
"""All of these hold; none: every route."""


class Edit(NamedTuple):
    """Change of a list of communities: replace, remove, add."""

    replace: tuple[bytes, ...] | None = None
    add: tuple[bytes, ...] = ()
    remove: tuple[Masked, ...] = ()
    removed: tuple[str, ...] = ()
    """How the operator wrote what is removed."""


class Changes(NamedTuple):
    """What a rule sets; None leaves it as it is."""

    local_preference: int | None = None
    med: int | None = None
    sticky: bool | None = None
    """Of type 2 routes alone."""
    communities: Edit | None = None
    large_communities: Edit | None = None
    route_targets: Edit | None = None


NO_CHANGES = Changes()


class Dimension(Enum):
    """What a limit counts by."""

    PEER = "peer"
    VTEP = "vtep"
    VNI = "vni"
    MAC = "mac"


class Counted(Enum):
    """What a limit counts."""

    MACS = "macs"
    IPS = "ips"


@dataclass(frozen=True, slots=True)
class Limit:
    """A maximum number, for each combination of the dimensions."""

    counted: Counted
    most: int
    per: tuple[Dimension, ...]
    line: int

    @property
    def text(self) -> str:
        """Write it on one line: ``macs 2000 per peer, vni``."""
        per = ", ".join(each.value for each in self.per)
        return f"{self.counted.value} {self.most} per {per}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; the first that matches and decides ends the policy."""

    name: str
    line: int
    match: Match
    verdict: Verdict | None
    """None: go on with the next rule."""
    changes: Changes = NO_CHANGES
    reason: str = ""
    """The operator's text, if there is one."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in order, and the default for routes that none of them decides."""

    name: str
    file: str
    """Where it stands, as the operator named it."""
    line: int
    """Of its default."""
    rules: tuple[Rule, ...] = ()
    default: Verdict = Verdict.ACCEPT
    limits: tuple[Limit, ...] = ()

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """Return the rules, and behind them the default as one that matches all."""
        return (*self.rules, Rule(DEFAULT_RULE, self.line, (), self.default))


class Subject(NamedTuple):
    """What a policy sees of a route beside MAC and IP.

    Thousands of routes share one. What a route has not is None or empty.
    """

    type: RouteType
    vni: int | None = None
    ethernet_tag: int | None = None
    sequence: int | None = None
    asn: int | None = None
    """The origin's: the last of the AS_PATH."""
    as_path_length: int = 0
    vtep: bytes = b""
    originator: bytes = b""
    gateway: bytes = b""
    rd: bytes = b""
    route_targets: OctetStrings = ()
    communities: OctetStrings = ()
    large_communities: OctetStrings = ()
    extended_communities: OctetStrings = ()
    """The route targets are among them."""
    peer: bytes = b""
    """Address of the peer it comes from or goes to."""
    peer_description: str = ""
    sticky: bool = False
    default_gateway: bool = False
    local: bool = False
    learned: Learned | None = None
    local_preference: int | None = None
    """No criterion looks at this and the next; they are there to be set."""
    med: int | None = None


class Key(NamedTuple):
    """MAC and IP of a route, for one that is looked at alone."""

    mac: bytes = b""
    ip: bytes = b""
    ip_length: int = 0
    """Bits of a type 5 route's prefix; else all of the IP's."""
