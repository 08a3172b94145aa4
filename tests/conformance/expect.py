"""What a case expects, against what is there; a difference is a small table."""

import difflib
import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from evpnd.adapters.yaml.scalars import NOTHING
from evpnd.model.ids import parse_mac
from tests.conformance import links
from tests.conformance.host import Host
from tests.conformance.routes import Route
from tests.conformance.speaker import PeerEnd
from tests.conformance.words import (
    Words,
    anything,
    number,
    one_of,
    only_key,
    refuse,
    some,
    text,
)

PRESENT_OR_NOT = ("ip", "sequence", "sticky", "default-gateway", "arp-nd", "label2")
"""Keys of a route that mean something by not being there."""
ROUTE_WORDS = frozenset(
    {
        *("type", "rd", "ethernet-tag", "esi", "mac", "ip", "vni", "label2"),
        *("originator", "prefix", "next-hop", "route-targets", "encapsulation"),
        *("origin", "as-path", "sequence", "sticky", "default-gateway", "arp-nd"),
        *("local-preference", "med", "pmsi", "communities", "site-of-origin"),
    }
)
SHOWN = ("peers", "evis", "macs", "neighbors", "vteps", "routes")


Comparison = tuple[str, list[str], list[str]]
"""What is compared, and both sides of it in lines."""


class Different(AssertionError):  # noqa: N818 - a verdict, not a mistake
    """What is there is not what the case expects."""

    def __init__(self, what: str, expected: list[str], got: list[str]) -> None:
        lines = difflib.ndiff(expected, got)
        table = "\n".join(f"    {line}" for line in lines if not line.startswith("?"))
        legend = "    (- expected and missing, + there and not expected)"
        super().__init__(f"{what} is not what the case expects:\n{table}\n{legend}")


def expect(host: Host, said: object, where: str) -> None:
    """Judge one `expect`; raises Different, or CaseError for an unknown key."""
    words = Words(said, where)
    first = host.config.evis[0].vni if host.config.evis else 100
    vni = words.take("vni", number, first)
    devices = host.kernel.evis[vni]
    tables: dict[str, Callable[[], Any]] = {
        "fdb": devices.fdb,
        "neighbors": devices.neighbors,
    }
    found: list[Comparison] = []

    for name, get in tables.items():
        if words.has(name):
            wanted = words.take(name, _table)
            found.append((name, _lines(wanted), _lines(get())))
    if words.has("vlans"):
        wanted = words.take("vlans", _table)
        found.append(("vlans", _lines(wanted), _lines(links.vlans(host))))
    lists: dict[str, Callable[[], list[str]]] = {
        "made": lambda: links.ours(host),
        "flood": devices.flood,
        "changes": lambda: sorted(host.changes),
        "probes": lambda: sorted(host.probes),
    }
    for name, listed in lists.items():
        if words.has(name):
            found.append((name, sorted(words.take(name, some(text))), listed()))
    if words.has("refused"):
        wanted = words.take("refused", some(text))
        found.append(("refused", *_globbed(wanted, list(host.refused))))
    if words.has("ready"):
        wanted = words.take("ready", one_of("fresh", "preserved"))
        found.append(("ready", [wanted], [str(host.speaker.ready)]))
    if words.has("events"):
        wanted = words.take("events", some(_event))
        found.append(("events", *_match_events(wanted, host)))
    if words.has("malformed"):
        counts = Words(words.take("malformed", anything), f"{where}: malformed")
        kinds = ("skipped", "attribute-discarded", "treated-as-withdraw")
        asked = {k: counts.take(k, number, 0) for k in (*kinds, "session-reset")}
        counts.done()
        got = host.malformed()
        mine = _lines({k: str(n) for k, n in asked.items() if n})
        found.append(("malformed", mine, _lines({k: str(n) for k, n in got.items()})))
    found += _expect_of_peers(host, words)
    for name in SHOWN:
        key = f"show {name}"
        if words.has(key):
            entries = words.take(key, some(anything))
            found.append((key, *_match_shown(entries, host.show(name), where)))
    words.done()
    wrong = [one for one in found if one[1] != one[2]]
    if wrong:
        raise Different(*wrong[0])
    if not found:
        refuse(where, "nothing is expected")


def _table(value: object, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        refuse(where, "expected a mapping, {} for an empty table")
    return {key: text(value[key], f"{where}: {key}") for key in value}


def _lines(table: dict[str, str]) -> list[str]:
    return [f"{key}  {value}" for key, value in sorted(table.items())]


# Peers


def _expect_of_peers(host: Host, words: Words) -> list[Comparison]:
    every = list(host.speaker.peers.values())
    up = [peer for peer in every if peer.session is not None]
    found = []
    lists: dict[str, Callable[[PeerEnd], list[Route]]] = {
        "announced": lambda peer: peer.announced,
        "withdrawn": lambda peer: peer.withdrawn,
        "told": lambda peer: peer.table(),
    }
    for name, get in lists.items():
        asked = {f"{name} to {peer.address}": [peer] for peer in every}
        for key, peers in {name: up, **asked}.items():
            wanted = words.take(key, some(_route), None)
            if wanted is not None and not peers:
                refuse(words.where, f"{name}: no session is up; say to whom")
            for peer in peers if wanted is not None else ():
                label = f"{name} to {peer.address}"
                found.append((label, *_match_routes(wanted, get(peer))))
    if words.has("sessions"):
        wanted = sorted(words.take("sessions", some(text)))
        got = [f"{ask} to {peer.address}" for peer in every for ask in peer.asks]
        found.append(("sessions", wanted, sorted(got)))
    return found


def _route(value: object, where: str) -> Route:
    if not isinstance(value, dict):
        refuse(where, "expected a route, such as {type: mac-ip, mac: ...}")
    unknown = sorted(set(value) - ROUTE_WORDS)
    if unknown:
        refuse(where, f"{', '.join(unknown)} is not known of a route that we send")
    if "type" not in value:
        refuse(where, "type is missing")
    route = {key: _plain(one) for key, one in value.items()}
    if "mac" in route:
        route["mac"] = parse_mac(route["mac"]).hex(":")
    if isinstance(route.get("route-targets"), list):
        route["route-targets"] = sorted(route["route-targets"])
    return route


def _plain(value: Any) -> Any:  # noqa: ANN401
    return "" if value is NOTHING else value


def _match_routes(wanted: list[Route], got: list[Route]) -> tuple[list[str], list[str]]:
    """Compare what the expectation names; the rest of a route is as it is."""
    left = list(got)
    for route in wanted:
        same = next((one for one in left if _fits(route, one)), None)
        if same is not None:
            left.remove(same)
            left.append(route)
    theirs = []
    keys = {key for route in wanted for key in route}
    for route in left:
        known = any(route is one for one in wanted)
        theirs.append(_say(route if known else _cut(route, keys)))
    return sorted(map(_say, wanted)), sorted(theirs)


def _fits(wanted: Route, got: Route) -> bool:
    return all(wanted.get(key) == got.get(key) for key in {*wanted, *PRESENT_OR_NOT})


def _cut(route: Route, keys: set[str]) -> Route:
    shown = {*keys, *PRESENT_OR_NOT, "type", "mac", "ip", "originator"}
    return {key: value for key, value in route.items() if key in shown}


def _say(route: Route) -> str:
    first = ("type", "mac", "ip")
    order = [*(key for key in first if key in route), *sorted({*route} - {*first})]
    return "  ".join(f"{key}: {_short(route[key])}" for key in order)


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# Events and `show`


def _event(value: object, where: str) -> tuple[str, dict[str, Any]]:
    name, fields = only_key(value, where)
    if fields is not None and not isinstance(fields, dict):
        refuse(where, "expected an event's name, or {name: {field: value}}")
    return name, fields or {}


def _match_events(
    wanted: list[tuple[str, dict[str, Any]]], host: Host
) -> tuple[list[str], list[str]]:
    mine = [_say_event(name, fields) for name, fields in wanted]
    theirs = []
    at = 0
    for notice in host.notices:
        if at < len(wanted):
            name, fields = wanted[at]
            if name == notice.event and _has(fields, notice.fields):
                theirs.append(mine[at])
                at += 1
                continue
        named = {key for name, keys in wanted if name == notice.event for key in keys}
        shown = {key: value for key, value in notice.fields.items() if key in named}
        theirs.append(_say_event(notice.event, shown))
    return mine, theirs


def _say_event(name: str, fields: dict[str, Any]) -> str:
    return "  ".join([name, *(f"{k}: {_short(v)}" for k, v in fields.items())])


def _has(fields: dict[str, Any], there: dict[str, Any]) -> bool:
    return all(_alike(value, there.get(key)) for key, value in fields.items())


def _alike(wanted: object, got: object) -> bool:
    if wanted is NOTHING:
        return got is None
    if isinstance(wanted, str) and isinstance(got, str):
        return wanted == got or ("*" in wanted and fnmatchcase(got, _pattern(wanted)))
    return wanted == got


def _pattern(wanted: str) -> str:
    return wanted.replace("[", "[[]").replace("?", "[?]")


def _match_shown(
    wanted: list[Any], got: list[dict[str, Any]], where: str
) -> tuple[list[str], list[str]]:
    keys = set()
    for entry in wanted:
        if not isinstance(entry, dict):
            refuse(where, "show: expected mappings of field to value")
        keys |= set(entry)
    unknown = sorted(key for key in keys if got and key not in got[0])
    if unknown:
        refuse(where, f"show has no field {', '.join(unknown)}")
    left = list(got)
    theirs = []
    for entry in wanted:
        same = next((one for one in left if _has(entry, one)), None)
        if same is not None:
            left = [one for one in left if one is not same]
            theirs.append(_say(_as_text(entry)))
    theirs += [_say({k: v for k, v in one.items() if k in keys}) for one in left]
    return sorted(_say(_as_text(entry)) for entry in wanted), sorted(theirs)


def _as_text(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: None if value is NOTHING else value for key, value in entry.items()}


def _globbed(wanted: list[str], got: list[str]) -> tuple[list[str], list[str]]:
    theirs = [
        next((pattern for pattern in wanted if _alike(pattern, line)), line)
        for line in got
    ]
    return sorted(wanted), sorted(theirs)
