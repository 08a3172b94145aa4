"""Parses a request: one line of JSON to normal form."""

import ipaddress
import json
from collections.abc import Mapping
from typing import Final

from evpnd.model.bridges import parse_vlan
from evpnd.model.ids import format_mac, parse_mac, parse_vni

TABLES: Final = (
    "peers",
    "evis",
    "vrfs",
    "prefixes",
    "macs",
    "neighbors",
    "vteps",
    "routes",
    "policies",
    "events",
)
FILTERS: Final = ("vni", "vlan", "peer", "mac", "ip")
FILTERS_OF: Final[Mapping[str, tuple[str, ...]]] = dict.fromkeys(TABLES, FILTERS) | {
    "peers": ("peer",),
    "evis": ("vni", "vlan"),
    "vrfs": ("vni",),
    "prefixes": ("vni", "peer"),
    "vteps": ("vni", "peer"),
    "policies": (),
    "events": ("vni", "peer", "mac", "ip"),
}
"""What each table can be filtered by."""
PARTS: Final = ("macs", "neighbors", "events")
"""Tables of which a part can be asked for, by `limit` and `offset`: of the events, the
latest; of the others, rows in order, also by `kind` and `vtep`. The answer has the
`total`."""
LIMIT_MAX: Final = 1000
KINDS: Final = ("local", "remote")
COMMANDS: Final = (
    "show",
    "status",
    "reload",
    "restart-agent",
    "clear",
    "clear-peer",
    "plan",
    "explain",
    "rehearse",
    "record",
)
QUESTIONS: Final = frozenset({"show", "status", "explain"})
"""Commands that any client may give, and not only root and the daemon's own user. Those
of a file are not among them: the daemon would read it for who may not."""
ADDRESS: Final = "address"
"""Kind of address to explain; for `address` the daemon finds out."""

Request = dict[str, object]


def parse_request(line: bytes) -> Request:
    """Read one request; ValueError with a sentence for anything else.

    Filters come out as the tables write the same things: lower-case MAC with
    colons, shortest text of an address, VNI in range. A filter that is null is
    left out; keys that are not known stay.
    """
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("the request is not one line of JSON") from None
    if not isinstance(request, dict):
        raise ValueError(  # noqa: TRY004 - an error of the client, not of a caller
            "the request is not a JSON object"
        )
    request = {key: value for key, value in request.items() if value is not None}
    if request.get("command") not in COMMANDS:
        raise ValueError(f"command must be one of {', '.join(COMMANDS)}")
    if request["command"] == "show" and request.get("what") not in TABLES:
        raise ValueError(f"what must be one of {', '.join(TABLES)}")
    if request["command"] == "show":
        what = str(request["what"])
        vain = [
            key for key in FILTERS if key in request and key not in FILTERS_OF[what]
        ]
        if vain:
            raise ValueError(f"{what} cannot be filtered by {' and '.join(vain)}")
        _check_part(request, what)
    if request["command"] == "clear":
        given = request.keys()
        if "vni" not in given or ("mac" in given) == ("ip" in given):
            raise ValueError("clear needs vni, and mac or ip")
    if request["command"] == "clear-peer" and "peer" not in request:
        raise ValueError("clear-peer needs peer")
    if request["command"] == "plan" and not isinstance(request.get("path"), str):
        raise ValueError("plan needs the path of a configuration")
    if request["command"] == "rehearse" and not isinstance(request.get("path"), str):
        raise ValueError("rehearse needs the path of a policy")
    if request["command"] == "explain":
        _check_explain(request)
    for key, parse in (("vni", parse_vni), ("vlan", parse_vlan)):
        if key in request:
            value = request[key]
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"{key} is not a whole number")
            request[key] = parse(value)
    for key in ("peer", "mac", "ip"):
        if key in request:
            value = request[key]
            if not isinstance(value, str):
                raise ValueError(f"{key} is not text")
            request[key] = normal_filter(key, value)
    return request


def _check_part(request: Request, what: str) -> None:
    for key in ("limit", "offset", "kind", "vtep"):
        if key in request and what not in PARTS:
            raise ValueError(f"{what} has no parts: {key} does not apply")
        if key in request and "limit" not in request:
            raise ValueError(f"{key} needs a limit")
    if "limit" not in request:
        return
    for key in () if what == "events" else ("peer", "mac", "ip"):
        if key in request:
            raise ValueError(f"{key} does not go with limit")
    for key, least, most in (("limit", 1, LIMIT_MAX), ("offset", 0, 1 << 32)):
        value = request.setdefault(key, 0)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(  # noqa: TRY004 - as above
                f"{key} is not a whole number"
            )
        if not least <= value <= most:
            raise ValueError(f"{key} must be {least} to {most}")
    if request.get("kind") not in (None, *KINDS):
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    vtep = request.get("vtep")
    if vtep is not None:
        if not isinstance(vtep, str):
            raise ValueError("vtep is not text")
        request["vtep"] = normal_filter("ip", vtep)


def _check_explain(request: Request) -> None:
    kinds = {"mac": "mac", "ip": "ip", "vtep": "ip", ADDRESS: "ip"}
    kind, value = request.get("what"), request.get("value")
    if kind not in kinds or not isinstance(value, str):
        raise ValueError("explain needs what (mac, ip, vtep or address) and value")
    request["value"] = normal_filter(kinds[str(kind)], value)


def normal_filter(key: str, text: str) -> str:
    """Write a filter as the tables do; ValueError where it is none.

    A peer may be given by its description, so any text is one.
    """
    match key:
        case "mac":
            return format_mac(parse_mac(text))
        case "ip":
            return str(ipaddress.ip_address(text))
        case _:
            try:
                return str(ipaddress.ip_address(text))
            except ValueError:
                return text
