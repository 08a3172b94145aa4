"""The shape of a policy file; `evpnd schema policy` is made from it.

What one value says about another is judged in ``policy_rules`` and
``policy_cases``.
"""

from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, WithJsonSchema
from pydantic import Field as Default

from evpnd.adapters.policy_files.ranges import Values, ip_prefix
from evpnd.adapters.policy_files.values import (
    COMMUNITIES,
    EXTENDED_COMMUNITIES,
    LARGE_COMMUNITIES,
    ROUTE_TARGETS,
    OneOrMore,
    Reference,
    WrittenEdit,
    edit,
    exact_members,
    reason,
)
from evpnd.adapters.yaml import values
from evpnd.adapters.yaml.reader import describe
from evpnd.adapters.yaml.section import Section
from evpnd.model.ids import AS4_MAX, VNI_MAX, Ip, Mac, Rd, parse_ip, parse_mac, parse_rd
from evpnd.model.policy import (
    Dimension,
    Field,
    Learned,
    Prefix,
    RouteType,
    Verdict,
)

_TYPES = tuple(each.word for each in RouteType)
_NUMBERS = {str(int(each)): each.word for each in RouteType}
_LEARNED = tuple(str(each.value) for each in Learned)

Items = list[Reference | Values]


_NOT_EMPTY = Default(json_schema_extra={"minProperties": 1})


class Match(Section):
    """Routes that a rule matches: all keys must hold, and any member of a list."""

    type: Annotated[Items, OneOrMore(Field.TYPE, _TYPES)] | None = None
    """Route type."""
    vni: Annotated[Items, OneOrMore(Field.VNI)] | None = None
    """VNI, or a range a-b, a- or -b."""
    ethernet_tag: Annotated[Items, OneOrMore(Field.ETHERNET_TAG)] | None = None
    """Ethernet Tag ID."""
    sequence: Annotated[Items, OneOrMore(Field.SEQUENCE)] | None = None
    """MAC mobility sequence."""
    asn: Annotated[Items, OneOrMore(Field.ASN)] | None = None
    """The origin's AS number."""
    as_path_length: Annotated[Items, OneOrMore(Field.AS_PATH_LENGTH)] | None = None
    """Length of the AS path."""
    mac: Annotated[Items, OneOrMore(Field.MAC)] | None = None
    """MAC address, or address/prefix length; $NAME for a set."""
    ip: Annotated[Items, OneOrMore(Field.IP)] | None = None
    """Tenant address or prefix; none matches a route without one."""
    vtep: Annotated[Items, OneOrMore(Field.VTEP)] | None = None
    """Address or prefix of the next hop."""
    originator: Annotated[Items, OneOrMore(Field.ORIGINATOR)] | None = None
    """Address or prefix of the originating router of a type 3 or 4 route."""
    gateway: Annotated[Items, OneOrMore(Field.GATEWAY)] | None = None
    """Gateway address or prefix of a type 5 route."""
    rd: Annotated[Items, OneOrMore(Field.RD)] | None = None
    """Route distinguisher; * for any part."""
    route_target: Annotated[Items, OneOrMore(Field.ROUTE_TARGET)] | None = None
    """Route target; * for any part."""
    community: Annotated[Items, OneOrMore(Field.COMMUNITY)] | None = None
    """Community; * for any part."""
    large_community: Annotated[Items, OneOrMore(Field.LARGE_COMMUNITY)] | None = None
    """Large community; * for any part."""
    extended_community: Annotated[Items, OneOrMore(Field.EXTENDED_COMMUNITY)] | None = (
        None
    )
    """rt:65000:1, soo:65000:1, encap:vxlan, default-gateway, 0x...; * for any part."""
    peer: Annotated[Items, OneOrMore(Field.PEER)] | None = None
    """Address, prefix, or the description with *."""
    sticky: values.Flag | None = None
    """The MAC must not move."""
    default_gateway: values.Flag | None = None
    """The route bears the default gateway community."""
    local: values.Flag | None = None
    """The route is this host's own."""
    learned: Annotated[Items, OneOrMore(Field.LEARNED, _LEARNED)] | None = None
    """How a local route was learned."""
    not_: "Annotated[Match, _NOT_EMPTY] | None" = Default(default=None, alias="not")
    """A match that must not hold."""
    any: "list[Annotated[Match, _NOT_EMPTY]] | None" = Default(
        default=None, json_schema_extra={"minItems": 1}
    )
    """At least one of these matches."""


_Number = Annotated[int, values.whole(0, AS4_MAX)]


class Set(Section):
    """Changes of a route by a rule."""

    local_preference: _Number | None = None
    """LOCAL_PREF."""
    med: _Number | None = None
    """MULTI_EXIT_DISC."""
    sticky: values.Flag | None = None
    """The MAC must not move; for type 2 routes only."""
    community: Annotated[WrittenEdit, edit(COMMUNITIES)] | None = None
    """Communities: a list that replaces, or {add: [], remove: []}."""
    large_community: Annotated[WrittenEdit, edit(LARGE_COMMUNITIES)] | None = None
    """Large communities: a list that replaces, or {add: [], remove: []}."""
    route_target: Annotated[WrittenEdit, edit(ROUTE_TARGETS)] | None = None
    """Route targets: a list that replaces, or {add: [], remove: []}."""


Reason = Annotated[
    str,
    values.Parsed(
        reason, {"anyOf": [{"const": True}, {"type": "string", "minLength": 1}]}
    ),
]


class Rule(Section):
    """One rule; the first that matches and decides ends the policy."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [key]} for key in ("accept", "reject", "set", "next")
            ],
            "not": {"required": ["accept", "reject"]},
        }
    )

    name: values.Name | None = None
    """Name for reasons and metrics; default: rule-N."""
    match: Match | None = None
    """The routes that the rule matches; absent: all."""
    accept: Reason | None = None
    """Accept the route: true, or the reason."""
    reject: Reason | None = None
    """Reject the route: true, or the reason."""
    set: Set | None = None
    """Changes of the route."""
    next: values.Flag | None = None
    """Continue with the next rule."""


_DIMENSIONS = tuple(str(each.value) for each in Dimension)


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Limit(Section):
    """Routes beyond the limit are rejected; others are not affected."""

    macs: Annotated[int, values.whole(1, AS4_MAX)] | None = None
    """Maximum number of MACs."""
    ips: Annotated[int, values.whole(1, AS4_MAX)] | None = None
    """Maximum number of IPs."""
    per: Annotated[
        list[Annotated[str, values.choice(*_DIMENSIONS)]],
        BeforeValidator(_several),
        values.Also({"enum": list(_DIMENSIONS)}),
    ]
    """Dimensions of the count."""


def _address(value: object) -> Ip:
    word = values.text(value)
    try:
        return parse_ip(word)
    except ValueError:
        raise ValueError(f"{describe(word)} is not an IPv4 or IPv6 address") from None


def _tenant(value: object) -> Prefix:
    word = values.text(value)
    (found,) = ip_prefix(word)
    assert isinstance(found, Prefix)
    return found


_TEXT = {"type": "string"}


def _mac(value: object) -> Mac:
    return parse_mac(values.text(value))


Address = Annotated[Ip, values.Parsed(_address, _TEXT)]


class Route(Section):
    """The route of a case."""

    type: Annotated[str, values.choice(*_TYPES, other_words=_NUMBERS)]
    """Route type."""
    vni: Annotated[int, values.whole(1, VNI_MAX)] | None = None
    """VNI."""
    ethernet_tag: _Number | None = None
    """Ethernet Tag ID."""
    sequence: _Number | None = None
    """MAC mobility sequence."""
    asn: values.Asn | None = None
    """The origin's AS number."""
    as_path_length: Annotated[int, values.whole(0, 65535)] | None = None
    """Length of the AS path."""
    mac: (
        Annotated[
            Mac, values.Parsed(lambda value: parse_mac(values.text(value)), _TEXT)
        ]
        | None
    ) = None
    """MAC address."""
    ip: Annotated[Prefix, values.Parsed(_tenant, _TEXT)] | None = None
    """Tenant address, or the prefix of a type 5 route."""
    vtep: Address | None = None
    """Next hop."""
    originator: Address | None = None
    """Originating router."""
    gateway: Address | None = None
    """Gateway address of a type 5 route."""
    rd: (
        Annotated[Rd, values.Parsed(lambda value: parse_rd(values.text(value)), _TEXT)]
        | None
    ) = None
    """Route distinguisher."""
    route_target: Annotated[tuple[bytes, ...], exact_members(ROUTE_TARGETS)] = ()
    """Route targets."""
    community: Annotated[tuple[bytes, ...], exact_members(COMMUNITIES)] = ()
    """Communities."""
    large_community: Annotated[tuple[bytes, ...], exact_members(LARGE_COMMUNITIES)] = ()
    """Large communities."""
    extended_community: Annotated[
        tuple[bytes, ...], exact_members(EXTENDED_COMMUNITIES)
    ] = ()
    """Extended communities."""
    peer: values.Text | None = None
    """Address or description of the peer."""
    sticky: values.Flag | None = None
    """The MAC must not move."""
    default_gateway: values.Flag | None = None
    """The route bears the default gateway community."""
    local: values.Flag | None = None
    """The route is this host's own."""
    learned: Annotated[str, values.choice(*_LEARNED)] | None = None
    """How a local route was learned."""


_OTHER_VERDICTS = dict.fromkeys(("permit", "allow", "pass", "true"), "accept")
_OTHER_VERDICTS |= dict.fromkeys(("deny", "drop", "discard", "false"), "reject")
VerdictWord = Annotated[
    str,
    values.choice(*(str(each.value) for each in Verdict), other_words=_OTHER_VERDICTS),
]


class Expectation(Section):
    """Expected result of a case."""

    verdict: VerdictWord
    """The decision."""
    rule: values.Text | None = None
    """The rule that decides; default where none does."""
    set: Set | None = None
    """What must be set: only these keys are compared; {}: nothing may be set."""


class Case(Section):
    """A test of the policy."""

    route: Route
    """The route."""
    expect: Expectation
    """The expected result."""


Member = Annotated[object, WithJsonSchema({"type": ["string", "integer"]})]


class PolicyFile(Section):
    """A policy of evpnd: which routes are accepted, and how they are changed."""

    policy: values.Name
    """Name for `import` and `export`."""
    description: values.Text | None = None
    """Purpose of the policy."""
    sets: dict[str, list[Member]] = Default(default_factory=dict)
    """Names for lists; a rule refers to one as $NAME."""
    rules: list[Rule] = Default(default_factory=list)
    """Rules in order; the first that matches and decides ends the policy."""
    default: VerdictWord = "accept"
    """What happens to a route that no rule decides."""
    limits: list[Limit] = Default(default_factory=list)
    """Routes beyond a limit are rejected, with the limit as the reason."""
    cases: list[Case] = Default(default_factory=list)
    """Tests that `evpnd policy test` runs."""
