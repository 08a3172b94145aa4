"""Rules of nftables, as `nft -j list ruleset` prints them (libnftables-json(5))."""

import ipaddress
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from evpnd.doctor.facts import Chain, Match, Rule

Json = Mapping[str, Any]
Ranges = tuple[tuple[int, int] | tuple[str, str], ...]

_FIELDS: Final = {
    ("meta", "l4proto"): "proto",
    ("meta", "iifname"): "iif",
    ("meta", "iif"): "iif",
    ("meta", "oifname"): "oif",
    ("meta", "oif"): "oif",
    ("meta", "nfproto"): "family",
    ("ct", "state"): "state",
    ("ip", "saddr"): "saddr",
    ("ip", "daddr"): "daddr",
    ("ip", "protocol"): "proto",
    ("ip6", "saddr"): "saddr",
    ("ip6", "daddr"): "daddr",
    ("ip6", "nexthdr"): "proto",
    ("tcp", "sport"): "sport",
    ("tcp", "dport"): "dport",
    ("udp", "sport"): "sport",
    ("udp", "dport"): "dport",
    ("th", "sport"): "sport",
    ("th", "dport"): "dport",
}
_IMPLIED: Final = {
    "tcp": Match("proto", ((6, 6),)),
    "udp": Match("proto", ((17, 17),)),
    "ip": Match("family", (("ip", "ip"),)),
    "ip6": Match("family", (("ip6", "ip6"),)),
}
"""What a header field takes for granted."""
_NAMES: Final[Mapping[str, Mapping[str, int | str]]] = {
    "proto": {
        "tcp": 6,
        "udp": 17,
        "icmp": 1,
        "ipv6-icmp": 58,
        "icmpv6": 58,
        "sctp": 132,
    },
    "family": {"ipv4": "ip", "ipv6": "ip6"},
    "dport": {"bgp": 179},
    "sport": {"bgp": 179},
}
_DECIDING: Final = {
    "accept": "accept",
    "drop": "drop",
    "reject": "drop",
    "return": "return",
}
_PASSING: Final = frozenset(
    {"counter", "log", "comment", "mangle", "notrack", "ct count"}
)
"""Statements that neither match nor decide."""
UNKNOWN: Final = Match("")


def parse_ruleset(text: str) -> list[Chain]:
    """Read a ruleset; raises ValueError where it is not one."""
    listed = json.loads(text)["nftables"]
    sets: dict[tuple[str, str, str], Any] = {}
    rules: dict[tuple[str, str, str], list[Rule]] = {}
    heads: list[Json] = []
    for entry in listed:
        for kind, value in entry.items():
            if kind in ("set", "map"):
                place = (value["family"], value["table"], value["name"])
                sets[place] = value.get("elem", [])
            elif kind == "chain":
                heads.append(value)
    for entry in listed:
        value = entry.get("rule")
        if value is not None:
            place = (value["family"], value["table"], value["chain"])
            reader = _Reader(sets, place[0], place[1])
            rules.setdefault(place, []).extend(reader.rules(value))
    return [
        Chain(
            program="nft",
            family=head["family"],
            table=head["table"],
            name=head["name"],
            hook=head.get("hook", ""),
            priority=int(head.get("prio", 0)),
            policy=head.get("policy", "accept"),
            device=_one(head.get("dev", "")),
            rules=tuple(rules.get((head["family"], head["table"], head["name"]), ())),
        )
        for head in heads
    ]


def _one(device: object) -> str:
    """Return the device of a netdev chain; of several none is told."""
    return device if isinstance(device, str) else ""


class _Reader:
    """Reads the rules of a table, with its sets."""

    def __init__(
        self, sets: Mapping[tuple[str, str, str], Any], family: str, table: str
    ) -> None:
        self._sets = sets
        self._family, self._table = family, table

    def rules(self, rule: Json) -> Iterator[Rule]:
        """Yield a rule; one with a verdict map becomes several."""
        matches: list[Match] = []
        text = f"handle {rule.get('handle')}"
        comment = rule.get("comment")
        words = [str(comment)] if comment else []
        for statement in rule.get("expr", []):
            for kind, value in statement.items():
                if kind == "match":
                    matches += self._match(value)
                    words.append(_words_of(value))
                elif kind in _DECIDING:
                    named = " ".join([*words, kind])
                    yield Rule(tuple(matches), _DECIDING[kind], "", f"{named} # {text}")
                elif kind in ("jump", "goto"):
                    target = str(value["target"])
                    named = " ".join([*words, kind, target])
                    yield Rule(tuple(matches), kind, target, f"{named} # {text}")
                elif kind == "vmap":
                    yield from self._map(value, matches, f"{' '.join(words)} # {text}")
                elif kind not in _PASSING:
                    matches.append(UNKNOWN)  # limit, xt, fib ...

    def _map(self, value: Json, matches: list[Match], text: str) -> Iterator[Rule]:
        for key, verdict in self._elements(value.get("data")):
            (kind, where), *_ = verdict.items()
            one = {"op": "==", "left": value.get("key"), "right": key}
            held = (*matches, *self._match(one))
            target = str(where["target"]) if kind in ("jump", "goto") else ""
            yield Rule(held, _DECIDING.get(kind, kind), target, f"{kind} {text}")

    def _elements(self, right: object) -> Sequence[Any]:
        if isinstance(right, str) and right.startswith("@"):
            found = self._sets.get((self._family, self._table, right[1:]), [])
            return found if isinstance(found, list) else [found]
        if isinstance(right, dict) and "set" in right:
            inner = right["set"]
            return inner if isinstance(inner, list) else [inner]
        return right if isinstance(right, list) else [right]

    def _match(self, value: Json) -> list[Match]:
        left = value.get("left")
        field, implied = _field(left)
        if not field or value.get("op") not in ("==", "!=", "in"):
            return [UNKNOWN]
        ranges: list[tuple[int, int] | tuple[str, str]] = []
        for each in self._elements(value.get("right")):
            found = _range(field, each)
            if found is None:
                return [*implied, UNKNOWN]
            ranges.append(found)
        return [*implied, Match(field, tuple(ranges), value["op"] == "!=")]


def _field(left: object) -> tuple[str, list[Match]]:
    """Return the property that an expression is of, and what it takes for granted."""
    if not isinstance(left, dict):
        return "", []
    for kind in ("meta", "ct"):
        if kind in left:
            return _FIELDS.get((kind, str(left[kind].get("key"))), ""), []
    payload = left.get("payload")
    if not isinstance(payload, dict) or "protocol" not in payload:
        return "", []
    protocol = str(payload["protocol"])
    implied = [_IMPLIED[protocol]] if protocol in _IMPLIED else []
    return _FIELDS.get((protocol, str(payload.get("field"))), ""), implied


def _range(field: str, value: Any) -> tuple[int, int] | tuple[str, str] | None:  # noqa: ANN401
    """Read one value, prefix or range; None: it is not understood."""
    if isinstance(value, dict):
        if "elem" in value:
            return _range(field, value["elem"].get("val"))
        if "prefix" in value:
            prefix = value["prefix"]
            return address_range(f"{prefix['addr']}/{prefix['len']}")
        if "range" in value:
            first, last = (_range(field, each) for each in value["range"])
            if first is None or last is None:
                return None
            return first[0], last[1]  # type: ignore[return-value]
        return None
    if isinstance(value, bool) or value is None:
        return None
    if field in ("saddr", "daddr"):
        return address_range(str(value))
    named: object = _NAMES.get(field, {}).get(str(value), value)
    if field in ("proto", "sport", "dport"):
        return (named, named) if isinstance(named, int) else None
    return str(named), str(named)


def address_range(text: str) -> tuple[int, int] | None:
    """Read an address or prefix as the numbers of its first and last address."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return int(network.network_address), int(network.broadcast_address)


def _words_of(match: Json) -> str:
    """Write a condition about as nft does, for people."""
    left, right = match.get("left"), match.get("right")
    words = []
    if isinstance(left, dict):
        for kind, value in left.items():
            if kind == "payload" and isinstance(value, dict):
                words += [str(value.get("protocol", "")), str(value.get("field", ""))]
            elif isinstance(value, dict):
                words += [] if kind == "meta" else [kind]
                words.append(str(value.get("key", "")))
    if match.get("op") == "!=":
        words.append("!=")
    return " ".join([*words, _value(right)])


def _value(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, dict):
        if "set" in value:
            inner = value["set"]
            listed = inner if isinstance(inner, list) else [inner]
            return "{ " + ", ".join(map(_value, listed)) + " }"
        if "prefix" in value:
            return f"{value['prefix']['addr']}/{value['prefix']['len']}"
        if "range" in value:
            return "-".join(map(_value, value["range"]))
        return "..."
    return str(value)
