"""From the sound shape of a policy file to a policy, and its contradictions."""

from collections.abc import Iterator
from typing import Final

from evpnd.adapters.policy_files import schema
from evpnd.adapters.policy_files.ranges import Values
from evpnd.adapters.policy_files.sets import Sets
from evpnd.adapters.policy_files.values import (
    PARSERS,
    Reference,
    set_name,
)
from evpnd.adapters.yaml.errors import KeyPath
from evpnd.adapters.yaml.findings import Findings
from evpnd.adapters.yaml.reader import Document
from evpnd.adapters.yaml.shape import Shape
from evpnd.model.policy import (
    DEFAULT_RULE,
    NO_CHANGES,
    AnyOf,
    Condition,
    Counted,
    Criterion,
    Dimension,
    Field,
    Limit,
    Match,
    Not,
    Policy,
    Rule,
    Verdict,
)


def _forgotten_dollar(document: Document, given: object) -> str:
    """Suggest a set where its name stands without `$`."""
    sets = document.section("sets")
    named = isinstance(given, str) and isinstance(sets, dict) and given in sets
    return f"; did you mean ${given}?" if named else ""


POLICY: Final = Shape(
    model=schema.PolicyFile,
    hint=_forgotten_dollar,
    first="policy: NAME",
    examples={
        "policy": "policy: tenant-guard",
        "per": "per: [peer, vni]",
        "route": "route: {type: mac-ip, mac: 02:00:00:00:00:01}",
        "expect": "expect: {verdict: accept}",
        "verdict": "verdict: accept",
        "type": "type: mac-ip",
    },
    sections={
        "rules": schema.Rule,
        "match": schema.Match,
        "not": schema.Match,
        "any": schema.Match,
        "set": schema.Set,
        "limits": schema.Limit,
        "cases": schema.Case,
        "route": schema.Route,
        "expect": schema.Expectation,
    },
    other_words={
        "name": "policy",
        "terms": "rules",
        "statements": "rules",
        "from": "match",
        "if": "match",
        "then": "set",
        "permit": "accept",
        "deny": "reject",
        "drop": "reject",
        "continue": "next",
        "nexthop": "vtep",
        "next-hop": "vtep",
        "rt": "route-target",
        "route-targets": "route-target",
        "neighbor": "peer",
        "tests": "cases",
        "metric": "med",
        "localpref": "local-preference",
        "local-pref": "local-preference",
        "evi": "vni",
        "tag": "ethernet-tag",
        "prefix": "ip",
        "address": "ip",
        "originator-ip": "originator",
        "mac-address": "mac",
        "seq": "sequence",
        "action": "accept",
        "route-type": "type",
        "evpn-type": "type",
        "origin-as": "asn",
        "extcommunity": "extended-community",
        "ext-community": "extended-community",
    },
)


def build_policy(file: schema.PolicyFile, sets: Sets, findings: Findings) -> Policy:
    """Turn a file of sound shape into a policy; note every contradiction."""
    return _Builder(file, sets, findings).build()


class _Builder:
    def __init__(self, file: schema.PolicyFile, sets: Sets, findings: Findings) -> None:
        self._file = file
        self._findings = findings
        self._sets = sets

    def build(self) -> Policy:
        file, findings = self._file, self._findings
        for name, members in file.sets.items():
            try:
                set_name(name)
            except ValueError as error:
                findings.add(("sets", name), str(error))
            if not members:
                findings.add(("sets", name), "is empty; give it a member or remove it")
        rules = tuple(self._rule(at, rule) for at, rule in enumerate(file.rules))
        self._check_names(rules)
        # What a rule that was cut out would have used is not known.
        if not findings.errors:
            for name in file.sets:
                if name not in self._sets.used:
                    findings.warn(
                        ("sets", name),
                        f"no rule refers to it; write ${name} or remove it",
                    )
        return Policy(
            name=file.policy,
            file=str(findings.document.path),
            line=self._line(("default",) if "default" in file.model_fields_set else ()),
            rules=rules,
            default=Verdict(file.default),
            limits=tuple(self._limits()),
        )

    def _line(self, place: KeyPath) -> int:
        return self._findings.document.line(self._findings.original(place)) or 1

    def _rule(self, at: int, rule: schema.Rule) -> Rule:
        place: KeyPath = ("rules", at)
        add = self._findings.add
        changes = NO_CHANGES
        if rule.set is not None:
            changes = self._sets.changes(rule.set, (*place, "set"))
        accepts, rejects = rule.accept is not None, rule.reject is not None
        if accepts and rejects:
            add((*place, "reject"), "the rule also has accept; keep one of them")
        if rule.next and (accepts or rejects):
            word = "accept" if accepts else "reject"
            add((*place, "next"), f"has no effect, because {word} decides; keep one")
        if rule.set is not None and changes == NO_CHANGES:
            add((*place, "set"), "sets nothing; remove it")
        elif rule.set is not None and rejects:
            add((*place, "set"), "has no effect on a route that is rejected; remove it")
        if not accepts and not rejects and rule.set is None:
            if rule.next:
                self._findings.warn(
                    (*place, "next"), "the rule changes nothing; add set, or remove it"
                )
            else:
                add(place, "decides nothing; add `accept: true`, `reject: true` or set")
        original = self._findings.original(place)[1]
        assert isinstance(original, int)
        verdict = Verdict.REJECT if rejects else None if rule.next else Verdict.ACCEPT
        return Rule(
            name=rule.name or f"rule-{original + 1}",
            line=self._line(place),
            match=self._match(rule.match, (*place, "match")) if rule.match else (),
            verdict=verdict,
            changes=changes,
            reason=rule.accept or rule.reject or "",
        )

    def _match(self, match: schema.Match, place: KeyPath) -> Match:
        conditions: list[Condition] = []
        for field in Field:
            given = getattr(match, field.value.replace("-", "_"))
            if isinstance(given, bool):
                conditions.append(Criterion(field, (given,)))
            elif given is not None:
                # Without values where they are wrong: the match is not empty.
                values = self._values(field, given, (*place, field.value))
                conditions.append(Criterion(field, values))
        if match.not_ is not None:
            inner = self._match(match.not_, (*place, "not"))
            if not inner:
                self._empty((*place, "not"))
            conditions.append(Not(inner))
        if match.any is not None:
            matches = tuple(
                self._match(each, (*place, "any", at))
                for at, each in enumerate(match.any)
            )
            if not all(matches) or not matches:
                self._empty((*place, "any"))
            conditions.append(AnyOf(matches))
        return tuple(conditions)

    def _empty(self, place: KeyPath) -> None:
        self._findings.add(place, "needs a match with a key; add one or remove it")

    def _values(
        self, field: Field, items: list[Reference | Values], place: KeyPath
    ) -> Values:
        values: list[object] = []
        for at, item in enumerate(items):
            if isinstance(item, Reference):
                here = place
                if self._is_list(place):
                    here = (*place, at)
                found = self._sets.members(item.name, field.value, PARSERS[field], here)
                values.extend(value for several in found for value in several)
            else:
                values.extend(item)
        return tuple(dict.fromkeys(values))  # type: ignore[arg-type]

    def _is_list(self, place: KeyPath) -> bool:
        original = self._findings.original(place)
        return (*original, 0) in self._findings.document.lines

    def _check_names(self, rules: tuple[Rule, ...]) -> None:
        seen: dict[str, Rule] = {}
        for at, rule in enumerate(rules):
            first = seen.setdefault(rule.name, rule)
            place: KeyPath = ("rules", at, "name")
            if first is not rule:
                self._findings.add(
                    place,
                    f"{rule.name!r} is also the name of the rule on line {first.line}; "
                    "rename one",
                )
            elif rule.name == DEFAULT_RULE:
                self._findings.add(
                    place,
                    f"{rule.name!r} is the name for routes that no rule decides; "
                    "rename it",
                )

    def _limits(self) -> Iterator[Limit]:
        for at, limit in enumerate(self._file.limits):
            place: KeyPath = ("limits", at)
            add = self._findings.add
            if (limit.macs is None) == (limit.ips is None):
                given = "both macs and ips; split it into two limits"
                add(
                    place,
                    f"has {given}"
                    if limit.macs
                    else "needs macs or ips; add `macs: N`",
                )
                continue
            if not limit.per:
                add((*place, "per"), "is empty; write peer, vtep, vni or mac")
            if len(set(limit.per)) < len(limit.per):
                add((*place, "per"), "names one twice; name each once")
            if limit.macs is not None and "mac" in limit.per:
                add((*place, "per"), "would count the MACs of one MAC; write ips")
            yield Limit(
                counted=Counted.IPS if limit.macs is None else Counted.MACS,
                most=limit.macs or limit.ips or 0,
                per=tuple(map(Dimension, limit.per)),
                line=self._line(place),
            )
