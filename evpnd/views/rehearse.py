"""What a changed policy would do to the present routes.

Run on a copy of the engine, which it uses up.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from evpnd.core.announce import originator
from evpnd.core.announce.export_policy import PeerExport
from evpnd.core.announce.update_groups import Group
from evpnd.core.bgp.adj_rib_in import by_path
from evpnd.core.bgp.import_policy import Fate
from evpnd.core.bgp.imports import Imported, fate, other_fate
from evpnd.core.bgp.path import Path
from evpnd.core.engine import Engine
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.advert import Advert
from evpnd.model.events import ConfigChanged
from evpnd.model.ids import Peer, format_ip, format_mac, format_rd
from evpnd.model.key import IP, MAC
from evpnd.model.policy import Policy, RouteType, Subject, verdict_word
from evpnd.model.routes import (
    IpPrefixRoute,
    OtherRoute,
    PathAttributes,
    identity,
)
from evpnd.policy.attached import Counts
from evpnd.policy.changing import difference, written
from evpnd.policy.subjects import received_mac_ip, received_other, to_announce
from evpnd.views.policies import attachments
from evpnd.views.query import Query

Entry = dict[str, Any]

EXAMPLES = 20
"""Number of changed routes that are listed."""

RouteId = tuple[str, bytes, object]
"""The peer that it is from, the RD, and what tells it from others of that RD: of type 2
the Ethernet Tag with MAC and IP."""


class Standing(NamedTuple):
    """What the policies make of a route."""

    accepted: bool
    text: str
    name: Entry
    """Type, VNI and addresses, as `show routes` names them."""


class Told(NamedTuple):
    """How our routes fare on their way to peers that are told the same."""

    peers: list[Peer]
    standings: dict[RouteId, Standing]
    """Made for a route without a peer."""
    counts: Counts


class Moment(NamedTuple):
    """How all routes fare, and how often each rule and limit was for one."""

    received: dict[RouteId, Standing]
    counts: Counts
    """Of the rules for these."""
    told: list[Told]
    waiting: dict[str, int]
    """Routes that wait at a limit of the policy, by its text."""


class Both(NamedTuple):
    """Routes that are the same ones now and then, and the rules for them."""

    direction: str
    peers: str
    """Those that an export is to: they are told the same now, and then."""
    now: dict[RouteId, Standing]
    then: dict[RouteId, Standing]
    counts: Counts
    counts_then: Counts


def rehearse(engine: Engine, policy: Policy, now: float) -> list[Entry]:
    """Compare what becomes of all routes now and with a changed policy.

    A policy that nothing names is tried as the last one of every peer's `import`.
    Gives entries of `kind` rule, limit, summary and route.
    """
    query = Query(engine)
    config = query.config
    old = config.policies.get(policy.name)
    attached = policy.name in attachments(config)
    if not attached:
        peers = tuple(
            replace(peer, import_policies=(*peer.import_policies, policy.name))
            for peer in config.peers
        )
        config = replace(config, peers=peers)
    before = _judge_all(query, policy.name)
    policies = {**config.policies, policy.name: policy}
    engine.handle(ConfigChanged(replace(config, policies=policies)), now)
    engine.reconcile(now)
    after = _judge_all(query, policy.name)
    both = list(_pair(before, after))
    changed = list(_changed(both, {policy.file, old.file if old else ""}))
    passed, stopped = _tally(pair.now for pair in both)
    will_pass, will_stop = _tally(pair.then for pair in both)
    counts: Counter[tuple[str, str]] = Counter()
    counts_then: Counter[tuple[str, str]] = Counter()
    for pair in both:
        counts.update(pair.counts)
        counts_then.update(pair.counts_then)
    return [
        *_rules(old if attached else None, policy, counts, counts_then),
        *_limits(policy, before.waiting, after.waiting),
        {
            "kind": "summary",
            "policy": policy.name,
            "attached": attached,
            "accepted": _moments(passed, will_pass),
            "rejected": _moments(stopped, will_stop),
            "changed": len(changed),
        },
        *changed[:EXAMPLES],
    ]


def _tally(standings: Iterable[Mapping[RouteId, Standing]]) -> tuple[int, int]:
    """Count who is accepted, and who is rejected."""
    accepted = total = 0
    for several in standings:
        accepted += sum(each.accepted for each in several.values())
        total += len(several)
    return accepted, total - accepted


def _moments(now: object, then: object) -> Entry:
    return {"now": now, "then": then}


def _pair(before: Moment, after: Moment) -> Iterator[Both]:
    """Merge differences of the same routes: a policy may part peers, or join."""
    ways = before.received, after.received, before.counts, after.counts
    yield Both("import", "", *ways)
    for was in before.told:
        for will in after.told:
            peers = [peer for peer in was.peers if peer in will.peers]
            if peers:
                ways = was.standings, will.standings, was.counts, will.counts
                yield Both("export", ", ".join(peers), *ways)


def _changed(both: list[Both], files: set[str]) -> Iterator[Entry]:
    # A rule that only stands elsewhere is no news to a route.
    places = "|".join(re.escape(file) for file in files if file)
    place = re.compile(f"(?:{places}):[0-9]+")
    for pair in both:
        for route, was in pair.now.items():
            then = pair.then.get(route, was)
            if place.sub("", then.text) == place.sub("", was.text):
                continue
            peer, rd, _ = route
            yield {
                "kind": "route",
                "direction": pair.direction,
                "peer": peer or pair.peers,
                "rd": format_rd(rd),
                **was.name,
                "was": was.text,
                "then": then.text,
            }


def _rules(
    old: Policy | None, new: Policy, counts: Counts, counts_then: Counts
) -> Iterator[Entry]:
    was = old.all_rules if old is not None else ()
    will = new.all_rules
    names, left = ({rule.name for rule in rules} for rules in (was, will))
    for rule in (*will, *(rule for rule in was if rule.name not in left)):
        there = rule.name in left
        yield {
            "kind": "rule",
            "policy": new.name,
            "rule": rule.name,
            "at": f"{new.file if there or old is None else old.file}:{rule.line}",
            "verdict": verdict_word(rule.verdict),
            "now": counts.get((new.name, rule.name), 0) if rule.name in names else None,
            "then": counts_then.get((new.name, rule.name), 0) if there else None,
        }


def _limits(
    policy: Policy, before: Mapping[str, int], after: Mapping[str, int]
) -> Iterator[Entry]:
    lines = {limit.text: limit.line for limit in policy.limits}
    for text in dict.fromkeys((*after, *before)):
        yield {
            "kind": "limit",
            "policy": policy.name,
            "limit": text,
            "at": f"{policy.file}:{lines[text]}" if text in lines else None,
            "waiting": _moments(before.get(text), after.get(text)),
        }


def _judge_all(query: Query, policy: str) -> Moment:
    """Evaluate every route once, and count it for the rules that match."""
    attached = query.attached
    with attached.counting_anew():
        received = dict(_received_all(query))
        counts = attached.counts()
    told = []
    for group in query.exporter.groups.values():
        with attached.counting_anew():
            standings = dict(_told(group, query))
            told.append(Told(list(group.peers), standings, attached.counts()))
    limiters = query.limits.limiters.get(policy, ())
    waiting = {
        limiter.limit.text: sum(each.parked for each in limiter.buckets.values())
        for limiter in limiters
    }
    return Moment(received, counts, told, waiting)


def _received_all(query: Query) -> Iterator[tuple[RouteId, Standing]]:
    for session in query.sessions.values():
        peer = str(session.peer)
        for table in session.rib.mac_ip.values():
            for path, keys in by_path(table).items():
                imported = session.imports[path]
                vni = int.from_bytes(path.labels[:3])
                for key, accepted, text in _received(path, imported, keys):
                    found = Standing(accepted, text, _mac_ip(vni, key))
                    yield (peer, path.rd, (path.ethernet_tag, key)), found
        for route, path in session.rib.others.values():
            judged = other_fate(path, session.imports[path], route)
            standing = _standing(judged, path, partial(_see_other, route))
            name = _other(_see_other(route, path.attributes), route)
            yield (peer, route.rd, identity(route)), Standing(*standing, name)


def _mac_ip(vni: int, key: bytes) -> Entry:
    mac, ip = key[MAC], key[IP]
    return {
        "type": RouteType.MAC_IP.word,
        "vni": vni,
        "mac": format_mac(mac),
        "ip": format_ip(ip) if ip else None,
        "originator": None,
    }


def _see_other(route: OtherRoute, attributes: PathAttributes) -> Subject:
    return received_other(attributes, route)[0]


def _other(subject: Subject, route: OtherRoute) -> Entry:
    prefix = None
    if isinstance(route, IpPrefixRoute):
        prefix = f"{format_ip(route.prefix)}/{route.prefix_length}"
    named = subject.originator
    return {
        "type": subject.type.word,
        "vni": subject.vni,
        "mac": None,
        "ip": prefix,
        "originator": format_ip(named) if named else None,
    }


def _received(
    path: Path, imported: Imported, keys: list[bytes]
) -> Iterator[tuple[bytes, bool, str]]:
    nlri = (path.rd, path.ethernet_tag or bytes(4), path.esi, path.labels)

    def standing(judged: Fate) -> tuple[bool, str]:
        return _standing(judged, path, lambda left: received_mac_ip(left, nlri))

    admission = imported.admission
    if admission is None:
        same = standing(fate(path, imported, keys[0]))
        yield from ((key, *same) for key in keys)
        return
    for judged in admission.judge(keys):
        all_alike = standing(judged)
        for key in judged.keys:
            within = judged
            if admission.limits is not None:
                within = admission.within_limits(judged._replace(keys=(key,)))
            alike = within.takers == judged.takers
            yield key, *(all_alike if alike else standing(within))


def _standing(
    judged: Fate, path: Path, see: Callable[[PathAttributes], Subject]
) -> tuple[bool, str]:
    """Return whether an EVI imports routes, and what becomes of them."""
    if not judged.takers:
        return False, judged.reason or "no EVI imports it"
    before = see(path.attributes)
    texts = []
    for evi, taken in judged.takers:
        changes = difference(before, see(taken.attributes)) if taken is not path else {}
        texts.append(f"into {evi.config.name}{written(changes)}")
    return True, "; ".join(texts)


def _told(group: Group, query: Query) -> Iterator[tuple[RouteId, Standing]]:
    for vrf in query.vrfs.values():
        vni = vrf.config.vni
        for advert, keys in originator.announced(vrf):
            told = group.treatment.routes(vrf.config, advert, keys)
            for key, judged in zip(keys, told, strict=False):
                text = "announced" if judged else _kept_back(group, vrf, advert, key)
                if judged not in (None, advert):
                    text += written(_difference(advert, judged))
                name = _mac_ip(vni, key)
                if not key:
                    imet = to_announce(advert, vni=vni, source=vrf.source, learned=None)
                    name = {**name, "type": imet.type.word, "mac": None}
                    name["originator"] = format_ip(imet.originator)
                yield ("", vrf.source, key), Standing(judged is not None, text, name)


def _kept_back(group: Group, vrf: MacVrf, advert: Advert, key: bytes) -> str:
    policy = group.treatment.policy
    outcome = None
    if isinstance(policy, PeerExport):
        form = group.treatment.form_of(vrf.config, advert)
        outcome = policy.outcome(vrf.config, form, key)
    return "not announced" + (f": {outcome.reason}" if outcome else "")


def _difference(advert: Advert, judged: Advert | None) -> Mapping[str, object]:
    before, after = (
        to_announce(each, vni=0, source=b"", learned=None)
        for each in (advert, judged or advert)
    )
    return difference(before, after)
