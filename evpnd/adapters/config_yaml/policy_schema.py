"""The shape of a policy file, for editors: `evpnd schema policy` is made from it."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from evpnd.adapters.config_yaml.schema import Section

Range = Annotated[str, Field(pattern=r"^([0-9]+-[0-9]*|-[0-9]+)$")]
Numbers = int | Range | list[int | Range]
Texts = str | list[str]
RouteType = Literal["ethernet-ad", "mac-ip", "imet", "ethernet-segment", "ip-prefix"]
Learned = Literal["dynamic", "static", "neighbor", "snooped"]
Dimension = Literal["peer", "vtep", "vni", "mac"]
Reason = Annotated[
    str, WithJsonSchema({"anyOf": [{"const": True}, {"type": "string"}]})
]


class Match(Section):
    """Which routes a rule is for: all of the keys must match, any of a list."""

    type: RouteType | list[RouteType] | None = None
    """Route type."""
    vni: Numbers | None = None
    """VNI, or a range a-b, a- or -b."""
    ethernet_tag: Numbers | None = None
    """Ethernet Tag ID."""
    sequence: Numbers | None = None
    """MAC mobility sequence."""
    asn: Numbers | None = None
    """The origin's AS number."""
    as_path_length: Numbers | None = None
    """Length of the AS path."""
    mac: Texts | None = None
    """MAC address, or address/prefix length; $NAME for a set."""
    ip: Texts | None = None
    """Tenant address or prefix; none matches a route without one."""
    vtep: Texts | None = None
    """Address or prefix of the next hop."""
    originator: Texts | None = None
    """Address or prefix of the originating router."""
    gateway: Texts | None = None
    """Gateway address or prefix of a type 5 route."""
    rd: Texts | None = None
    """Route distinguisher; * for any part."""
    route_target: Texts | None = None
    """Route target; * for any part."""
    community: Texts | None = None
    """Community; * for any part."""
    large_community: Texts | None = None
    """Large community; * for any part."""
    extended_community: Texts | None = None
    """Extended community; * for any part."""
    peer: Texts | None = None
    """Address, prefix, or the description with *."""
    sticky: bool | None = None
    """The MAC must not move."""
    default_gateway: bool | None = None
    """The route bears the default gateway community."""
    local: bool | None = None
    """The route is this host's own."""
    learned: Learned | list[Learned] | None = None
    """How a local route was learned."""
    not_: "Match | None" = Field(default=None, alias="not")
    """A match turned round."""
    any: "list[Match] | None" = None
    """At least one of these matches."""


class Change(Section):
    """Members to add to a list and to take from it."""

    add: list[str] = Field(default_factory=list)
    """Members to add."""
    remove: list[str] = Field(default_factory=list)
    """Members to take away; * for any part."""


class Set(Section):
    """What a rule changes in a route."""

    local_preference: Annotated[int, Field(ge=0, le=0xFFFFFFFF)] | None = None
    """LOCAL_PREF."""
    med: Annotated[int, Field(ge=0, le=0xFFFFFFFF)] | None = None
    """MULTI_EXIT_DISC."""
    sticky: bool | None = None
    """The MAC must not move."""
    community: list[str] | Change | None = None
    """Communities: a list, or {add: [], remove: []}."""
    large_community: list[str] | Change | None = None
    """Large communities: a list, or {add: [], remove: []}."""
    route_target: list[str] | Change | None = None
    """Route targets: a list, or {add: [], remove: []}."""


class Rule(Section):
    """One rule; the first that matches and decides ends the policy."""

    name: str | None = None
    """Name for reasons and metrics."""
    match: Match | None = None
    """Which routes; absent: all."""
    accept: Reason | None = None
    """Accept the route: true, or the reason."""
    reject: Reason | None = None
    """Reject the route: true, or the reason."""
    set: Set | None = None
    """What to change in the route."""
    next: bool | None = None
    """Go on with the next rule."""


class Limit(Section):
    """What is over the limit is rejected; nothing else suffers."""

    macs: Annotated[int, Field(ge=1)] | None = None
    """So many MACs at most."""
    ips: Annotated[int, Field(ge=1)] | None = None
    """So many IPs at most."""
    per: list[Dimension]
    """What is counted by."""


class Route(Section):
    """The route of a case."""

    type: RouteType
    """Route type."""
    vni: int | None = None
    """VNI."""
    ethernet_tag: int | None = None
    """Ethernet Tag ID."""
    sequence: int | None = None
    """MAC mobility sequence."""
    asn: int | None = None
    """The origin's AS number."""
    as_path_length: int | None = None
    """Length of the AS path."""
    mac: str | None = None
    """MAC address."""
    ip: str | None = None
    """Tenant address, or the prefix of a type 5 route."""
    vtep: str | None = None
    """Next hop."""
    originator: str | None = None
    """Originating router."""
    gateway: str | None = None
    """Gateway address of a type 5 route."""
    rd: str | None = None
    """Route distinguisher."""
    route_target: Texts | None = None
    """Route targets."""
    community: Texts | None = None
    """Communities."""
    large_community: Texts | None = None
    """Large communities."""
    extended_community: Texts | None = None
    """Extended communities."""
    peer: str | None = None
    """Address or description of the peer."""
    sticky: bool | None = None
    """The MAC must not move."""
    default_gateway: bool | None = None
    """The route bears the default gateway community."""
    local: bool | None = None
    """The route is this host's own."""
    learned: Learned | None = None
    """How a local route was learned."""


class Expectation(Section):
    """What must come of the route of a case."""

    verdict: Literal["accept", "reject"]
    """The decision."""
    rule: str | None = None
    """The rule that decides."""
    set: Set | None = None
    """What was changed."""


class Case(Section):
    """A test beside what it tests."""

    route: Route
    """The route."""
    expect: Expectation
    """What must come of it."""


class PolicyFile(Section):
    """A policy of evpnd: which routes pass, and what is changed in them."""

    policy: Annotated[str, Field(min_length=1, pattern=r"^\S+$")]
    """Name that `import` and `export` call it by."""
    description: str | None = None
    """What it is for."""
    sets: dict[str, list[str | int]] = Field(default_factory=dict)
    """Names for lists; a rule refers to one as $NAME."""
    rules: list[Rule] = Field(default_factory=list)
    """First to last; the first rule that matches and decides ends it."""
    default: Literal["accept", "reject"] = "accept"
    """What happens to a route that no rule decides."""
    limits: list[Limit] = Field(default_factory=list)
    """What is over a limit is rejected with that reason."""
    cases: list[Case] = Field(default_factory=list)
    """Tests that `evpnd policy test` runs."""
