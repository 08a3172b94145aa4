"""What a changed policy would do to the routes that there are.

Run on a copy of the engine, which it uses up.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from evpnd.core import originate
from evpnd.core.admission import Fate, fate, imet_fate
from evpnd.core.engine import Engine
from evpnd.core.path import Path
from evpnd.core.policy.changing import difference
from evpnd.core.policy.subjects import received_mac_ip, to_announce
from evpnd.model.actions import ExportAttributes
from evpnd.model.events import ConfigChanged
from evpnd.model.ids import format_ip, format_mac, format_rd
from evpnd.model.policy import DEFAULT_RULE, Policy, Rule
from evpnd.model.routes import ImetRoute

Entry = dict[str, Any]

EXAMPLES = 20
"""Routes that change, of which more is told than their number."""

RouteId = tuple[str, str, bytes, bytes]
"""`import` or `export`, the peers, the RD, and MAC and IP (type 3: nothing)."""


class Standing(NamedTuple):
    """What the policies make of a route."""

    accepted: bool
    text: str


def rehearse(engine: Engine, policy: Policy, now: float) -> Entry:
    """Compare what becomes of all routes now and with a changed policy."""
    old = engine.config.policies[policy.name]
    before, counts = _judge_all(engine), engine.importer.attached.counts()
    policies = {**engine.config.policies, policy.name: policy}
    engine.handle(ConfigChanged(replace(engine.config, policies=policies)), now)
    engine.reconcile(now)
    after, counts_then = _judge_all(engine), engine.importer.attached.counts()
    # A rule that only stands elsewhere is no news to a route.
    files = {re.escape(each.file) for each in (old, policy)}
    place = re.compile(f"(?:{'|'.join(files)}):[0-9]+")
    changed = [
        (route, was, then)
        for route, was in before.items()
        if (then := after.get(route, was)) != was
        and place.sub("", then.text) != place.sub("", was.text)
    ]
    return {
        "policy": policy.name,
        "rules": list(_rules(old, policy, counts, counts_then)),
        "now": _sum(before),
        "then": _sum(after),
        "changed": len(changed),
        "examples": [_example(*each) for each in changed[:EXAMPLES]],
    }


def _rules(
    old: Policy,
    new: Policy,
    counts: Mapping[tuple[str, str], int],
    counts_then: Mapping[tuple[str, str], int],
) -> Iterator[Entry]:
    was = {rule.name for rule in old.rules} | {DEFAULT_RULE}
    last = Rule(DEFAULT_RULE, new.line, (), new.default)
    rules = (*new.rules, last)
    for rule in rules:
        yield {
            "rule": rule.name,
            "at": f"{new.file}:{rule.line}",
            "verdict": "next" if rule.verdict is None else rule.verdict.value,
            "now": counts.get((old.name, rule.name), 0) if rule.name in was else None,
            "then": counts_then.get((new.name, rule.name), 0),
        }
    left = {rule.name for rule in rules}
    for rule in old.rules:
        if rule.name not in left:
            yield {
                "rule": rule.name,
                "at": f"{old.file}:{rule.line}",
                "verdict": "next" if rule.verdict is None else rule.verdict.value,
                "now": counts.get((old.name, rule.name), 0),
                "then": None,
            }


def _sum(standings: Mapping[RouteId, Standing]) -> Entry:
    accepted = sum(each.accepted for each in standings.values())
    return {"accepted": accepted, "rejected": len(standings) - accepted}


def _judge_all(engine: Engine) -> dict[RouteId, Standing]:
    """Judge every route once, and count it for the rules that match."""
    engine.importer.attached.forget_counts()
    found: dict[RouteId, Standing] = {}
    for session in engine.peering.sessions.values():
        for table in session.rib.mac_ip.values():
            by_path: dict[Path, list[bytes]] = {}
            for key, path in table.items():
                by_path.setdefault(path, []).append(key)
            for path, keys in by_path.items():
                for key, standing in _received(path, keys):
                    found["import", session.peer, path.rd, key] = standing
        for route, path in session.rib.others.values():
            if isinstance(route, ImetRoute):
                name = "import", str(session.peer), route.rd, route.originator
                found[name] = _standing(imet_fate(path, route), path)
    for group in engine.exporter.groups.values():
        peers = ", ".join(group.peers)
        for vrf in engine.inventory.vrfs.values():
            for attributes, keys in originate.announced(vrf):
                told = group.treatment.routes(vrf.config, attributes, keys)
                for key, judged in zip(keys, told, strict=False):
                    name = "export", peers, vrf.rd, key
                    found[name] = _announced(attributes, judged)
    return found


def _received(path: Path, keys: list[bytes]) -> Iterator[tuple[bytes, Standing]]:
    admission = path.admission
    if admission is None:
        standing = _standing(fate(path, keys[0]), path)
        yield from ((key, standing) for key in keys)
        return
    for judged in admission.judge(keys):
        standing = _standing(judged, path)
        for key in judged.keys:
            within = judged
            if admission.limits is not None:
                within = admission.within_limits(judged._replace(keys=(key,)))
            same = within.takers == judged.takers
            yield key, standing if same else _standing(within, path)


def _standing(judged: Fate, path: Path) -> Standing:
    if not judged.takers:
        return Standing(accepted=False, text=judged.reason or "no EVI imports it")
    texts = []
    for vrf, taken in judged.takers:
        changes = _changes_in(path, taken)
        texts.append(f"into {vrf.config.name}{changes}")
    return Standing(accepted=True, text="; ".join(texts))


def _changes_in(path: Path, taken: Path) -> str:
    if path is taken:
        return ""
    nlri = (path.rd, path.ethernet_tag or bytes(4), path.esi, path.labels)
    before = received_mac_ip(path.attributes, nlri)
    return _written(difference(before, received_mac_ip(taken.attributes, nlri)))


def _announced(
    attributes: ExportAttributes, judged: ExportAttributes | None
) -> Standing:
    if judged is None:
        return Standing(accepted=False, text="not announced")
    if judged == attributes:
        return Standing(accepted=True, text="announced")
    before, after = (
        to_announce(each, vni=0, rd=b"", learned=None) for each in (attributes, judged)
    )
    return Standing(
        accepted=True, text=f"announced{_written(difference(before, after))}"
    )


def _written(changes: Mapping[str, object]) -> str:
    return "".join(f", set {word} {value}" for word, value in changes.items())


def _example(route: RouteId, was: Standing, then: Standing) -> Entry:
    direction, peer, rd, key = route
    entry: Entry = {"direction": direction, "peer": peer, "rd": format_rd(rd)}
    if len(key) in {6, 10, 22}:
        entry["mac"] = format_mac(key[:6])
        entry["ip"] = format_ip(key[6:]) if key[6:] else None
    else:
        entry["originator"] = format_ip(key) if key else None
    return entry | {"was": was.text, "then": then.text}
