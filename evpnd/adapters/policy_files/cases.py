"""The cases of a policy file, and routes that are tried from the shell."""

from collections.abc import Iterator

from evpnd.adapters.policy_files import schema
from evpnd.adapters.policy_files.sets import Sets
from evpnd.adapters.yaml.errors import KeyPath
from evpnd.adapters.yaml.findings import Findings
from evpnd.adapters.yaml.values import did_you_mean
from evpnd.model.communities import (
    DEFAULT_GATEWAY,
    MAC_MOBILITY,
    ROUTE_TARGETS,
    mac_mobility,
    mobility_of,
)
from evpnd.model.ids import parse_ip
from evpnd.model.policy import (
    DEFAULT_RULE,
    TYPES_WITH,
    Field,
    Key,
    Learned,
    Policy,
    Prefix,
    RouteType,
    Subject,
    Verdict,
)
from evpnd.model.policy_cases import Case, TriedRoute


def build_cases(
    file: schema.PolicyFile, policy: Policy, sets: Sets, findings: Findings
) -> Iterator[Case]:
    """Turn the cases of a file of sound shape into values."""
    names = {rule.name for rule in policy.rules} | {DEFAULT_RULE}
    names |= _written_names(findings)
    for at, case in enumerate(file.cases):
        place: KeyPath = ("cases", at)
        expect = case.expect
        if expect.rule is not None and expect.rule not in names:
            meant = did_you_mean(expect.rule, names)
            known = f"known: {', '.join(sorted(names))}"
            findings.add(
                (*place, "expect", "rule"),
                f"no rule is named {expect.rule!r}; "
                f"{f'did you mean {meant}?' if meant else known}",
            )
        yield Case(
            line=findings.document.line(findings.original(place)) or 1,
            route=build_route(case.route, (*place, "route"), findings),
            verdict=Verdict(expect.verdict),
            rule=expect.rule,
            changes=None
            if expect.set is None
            else sets.changes(expect.set, (*place, "expect", "set")),
        )


def _written_names(findings: Findings) -> set[str]:
    """Return the names of rules that have errors of their own."""
    rules = findings.document.section("rules")
    listed = rules if isinstance(rules, list) else []
    names = (rule.get("name") for rule in listed if isinstance(rule, dict))
    return {name for name in names if isinstance(name, str)}


def build_route(route: schema.Route, place: KeyPath, findings: Findings) -> TriedRoute:
    """Turn a written route into a value; note what its type has not."""
    kind = next(each for each in RouteType if each.word == route.type)
    _check_route(route, kind, place, findings)
    communities = [*route.route_target]
    communities += [c for c in route.extended_community if c not in communities]
    gateway = route.default_gateway or any(
        community[:2] == DEFAULT_GATEWAY[:2] for community in communities
    )
    if route.default_gateway is False and gateway:
        findings.add(
            (*place, "default-gateway"),
            "the extended community default-gateway contradicts this; remove one",
        )
    if gateway and DEFAULT_GATEWAY not in communities:
        communities.append(DEFAULT_GATEWAY)
    sequence, sticky = _mobility(route, communities, place, findings)
    address, description = _peer(route.peer)
    mac_ip = kind is RouteType.MAC_IP
    subject = Subject(
        type=kind,
        vni=route.vni,
        ethernet_tag=(
            (route.ethernet_tag or 0)
            if kind in TYPES_WITH[Field.ETHERNET_TAG]
            else None
        ),
        sequence=sequence if mac_ip else None,
        asn=route.asn,
        as_path_length=route.as_path_length or 0,
        vtep=route.vtep or b"",
        originator=route.originator or b"",
        gateway=route.gateway or b"",
        rd=route.rd or b"",
        route_targets=tuple(each for each in communities if each[:2] in ROUTE_TARGETS),
        communities=route.community,
        large_communities=route.large_community,
        extended_communities=tuple(communities),
        peer=address,
        peer_description=description,
        sticky=sticky and mac_ip,
        default_gateway=gateway and mac_ip,
        local=route.local or route.learned is not None,
        learned=Learned(route.learned) if route.learned else None,
    )
    ip = route.ip or Prefix(b"", 0)
    return TriedRoute(
        text=_text(place, findings),
        subject=subject,
        key=Key(route.mac or b"", ip.octets, ip.length),
    )


def _mobility(
    route: schema.Route, communities: list[bytes], place: KeyPath, findings: Findings
) -> tuple[int, bool]:
    """Set `sequence` and `sticky` to what the MAC mobility community says.

    Whichever of the two is written stands for the other.
    """
    said = mobility_of(communities)
    sequence = said[0] if route.sequence is None else route.sequence
    sticky = said[1] if route.sticky is None else route.sticky
    if (sequence, sticky) == said:
        return said
    written = next((each for each in communities if each[:2] == MAC_MOBILITY), None)
    if written == mac_mobility(0):  # `mac-mobility` alone says that it is there
        communities.remove(written)
    elif written is not None:
        key = "sequence" if sequence != said[0] else "sticky"
        findings.add(
            (*place, key),
            f"the extended community 0x{written.hex()} contradicts this; remove one",
        )
    communities.append(mac_mobility(sequence, sticky=sticky))
    return sequence, sticky


def _check_route(
    route: schema.Route, kind: RouteType, place: KeyPath, findings: Findings
) -> None:
    given = {name.replace("_", "-") for name in route.model_fields_set}
    for field in Field:
        types = TYPES_WITH[field]
        if field in (Field.STICKY, Field.DEFAULT_GATEWAY):
            types = TYPES_WITH[Field.MAC]
        if field.value in given and kind not in types:
            findings.add(
                (*place, field.value),
                f"a route of type {kind.word} has none; remove it",
            )
    if kind is RouteType.MAC_IP:
        if route.mac is None:
            findings.add(
                place, "a mac-ip route has a MAC; add `mac: 02:00:00:00:00:01`"
            )
        if route.ip is not None and route.ip.length < 8 * len(route.ip.octets):
            findings.add(
                (*place, "ip"), "is the address of a host; remove the prefix length"
            )
    if kind is RouteType.IP_PREFIX and route.ip is None:
        findings.add(place, "an ip-prefix route has a prefix; add `ip: 192.0.2.0/24`")
    if route.learned is not None and route.local is False:
        findings.add(
            (*place, "learned"),
            "only local routes have it; remove it or `local: false`",
        )


def _peer(text: str | None) -> tuple[bytes, str]:
    try:
        return parse_ip(text or ""), ""
    except ValueError:
        return b"", text or ""


def _text(place: KeyPath, findings: Findings) -> str:
    value: object = findings.document.value
    for part in findings.original(place):
        value = value[part]  # type: ignore[index]
    assert isinstance(value, dict)
    return " ".join(
        str(each) if key == "type" else f"{key} {_item(each)}"
        for key, each in value.items()
    )


def _item(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)
