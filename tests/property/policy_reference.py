"""Policies evaluated the slow way, on the very text of the YAML.

Written from the table that operators read, with nothing of evpnd's in it: what
the compiled policies decide is compared with this.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

Words = Mapping[str, Any]

HAVING = {
    "vni": {"ethernet-ad", "mac-ip", "imet", "ip-prefix"},
    "ethernet-tag": {"ethernet-ad", "mac-ip", "imet", "ip-prefix"},
    "sequence": {"mac-ip"},
    "mac": {"mac-ip"},
    "ip": {"mac-ip", "ip-prefix"},
    "originator": {"imet", "ethernet-segment"},
    "gateway": {"ip-prefix"},
    "learned": {"mac-ip"},
}
COMMUNITIES = ("route-target", "community", "large-community", "extended-community")


def evaluate(
    policies: Sequence[Words], route: Words
) -> tuple[str, str, dict[str, Any]]:
    """Return the verdict, the deciding rule, and the route as it was left."""
    state = dict(route)
    rule = ""
    for policy in policies:
        verdict, rule = _run(policy, state)
        if verdict == "reject":
            return "reject", rule, state
    return "accept", rule, state


def _run(policy: Words, state: dict[str, Any]) -> tuple[str, str]:
    sets = policy.get("sets", {})
    for number, rule in enumerate(policy.get("rules", []), 1):
        if not _matches(rule.get("match", {}), state, sets):
            continue
        name = rule.get("name", f"rule-{number}")
        if "reject" in rule:
            return "reject", name
        _change(rule.get("set", {}), state)
        if not rule.get("next"):
            return "accept", name
    return policy.get("default", "accept"), "default"


def _matches(match: Words, route: Words, sets: Words) -> bool:
    for key, value in match.items():
        if key == "not":
            if _matches(value, route, sets):
                return False
        elif key == "any":
            if not any(_matches(each, route, sets) for each in value):
                return False
        elif key in ("sticky", "default-gateway", "local"):
            if bool(route.get(key, False)) is not value:
                return False
        elif not any(_is(key, item, route) for item in _items(value, sets)):
            return False
    return True


def _items(value: object, sets: Words) -> list[Any]:
    found: list[Any] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and item.startswith("$"):
            found += sets[item[1:]]
        else:
            found.append(item)
    return found


def _is(key: str, item: Any, route: Words) -> bool:  # noqa: ANN401
    if key == "ip" and item == "none":
        return "ip" not in route
    if route["type"] not in HAVING.get(key, {route["type"]}):
        return False
    match key:
        case "type" | "learned":
            return bool(item == route.get(key))
        case "ethernet-tag" | "sequence" | "as-path-length":
            return _in_range(item, route.get(key, 0))
        case "vni" | "asn":
            return _in_range(item, route.get(key))
        case "mac":
            return _mac_in(item, route["mac"])
        case "ip" | "vtep" | "originator" | "gateway":
            return _ip_in(item, route.get(key))
        case "peer":
            return _is_peer(item, route.get("peer", ""))
        case "rd":
            return "rd" in route and _like(item, route["rd"])
    return any(_like(item, member) for member in route.get(key, []))


def _in_range(item: object, number: int | None) -> bool:
    if number is None:
        return False
    text = str(item)
    if "-" not in text:
        return number == int(text)
    low, high = text.split("-")
    return int(low or 0) <= number <= int(high or 1 << 32)


def _mac_in(item: str, mac: str) -> bool:
    address, _, length = item.partition("/")
    bits = int(length or 48)
    first, second = (
        f"{int(text.replace(':', ''), 16):048b}" for text in (address, mac)
    )
    return first[:bits] == second[:bits]


def _ip_in(item: str, ip: str | None) -> bool:
    if ip is None:
        return False
    prefix, address = ipaddress.ip_network(item), ipaddress.ip_network(ip)
    return prefix.version == address.version and address.subnet_of(prefix)  # type: ignore[arg-type]


def _is_peer(item: str, peer: str) -> bool:
    if item == "*":
        return bool(peer)
    try:
        ipaddress.ip_address(peer)
    except ValueError:
        try:
            ipaddress.ip_network(item)
        except ValueError:
            return bool(peer) and _glob(item, peer)
        return False
    try:
        return _ip_in(item, peer)
    except ValueError:
        return False


def _glob(pattern: str, text: str) -> bool:
    head, star, tail = pattern.partition("*")
    if not star:
        return pattern == text
    return text.startswith(head) and any(
        _glob(tail, text[at:]) for at in range(len(head), len(text) + 1)
    )


def _like(item: str, text: str) -> bool:
    """Compare part by part; ``*`` alone is like everything."""
    if item == "*":
        return True
    if item == "mac-mobility":
        return text.startswith("0x0600")
    if item.startswith("0x") and item.endswith("*"):
        return text.startswith(item[:-1])
    parts, others = (each.replace(".", ":").split(":") for each in (item, text))
    if item.split(":", maxsplit=1)[0] == "rt" and item.count("*") == 2:
        return others[0] == "rt"
    if "." not in item and "." in text and "*" in parts[:2]:
        others = text.split(":")  # one * for all of an address
    return len(parts) == len(others) and all(
        part in ("*", other) for part, other in zip(parts, others, strict=True)
    )


def with_mobility(route: Words) -> list[str]:
    """Return the extended communities, with what sequence and sticky come to."""
    sequence, sticky = route.get("sequence", 0), route.get("sticky", False)
    others = [m for m in route.get("extended-community", []) if m[:6] != "0x0600"]
    if not sequence and not sticky:
        return others
    return [*others, f"0x0600{int(sticky):02x}00{sequence:08x}"]


def _change(changes: Words, state: dict[str, Any]) -> None:
    for key, value in changes.items():
        if key in ("local-preference", "med"):
            state[key] = value
        elif key == "sticky":
            if state["type"] == "mac-ip":
                state[key] = value
                state["extended-community"] = with_mobility(state)
        else:
            old = list(state.get(key, []))
            if isinstance(value, list):
                new = list(value)
            else:
                removed = value.get("remove", [])
                new = [m for m in old if not any(_like(r, m) for r in removed)]
                new += [m for m in value.get("add", []) if m not in new]
            state[key] = new
            if key == "route-target":
                others = [
                    m
                    for m in state.get("extended-community", [])
                    if not m.startswith("rt:")
                ]
                state["extended-community"] = [f"rt:{m}" for m in new] + others
