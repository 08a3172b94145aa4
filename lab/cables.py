"""The links of a topology file, from either of their forms."""

import re
from collections.abc import Collection

from lab.checker import Checker
from lab.document import KeyPath, describe, similar
from lab.keys import ADDRESSES, BRIEF, END, LINKS, VETH
from lab.model import DEFAULT_MTU, Endpoint, Link

_SPECIAL_ENDS = ("host", "mgmt-net", "macvlan")
"""In the brief form, in place of a node's name."""


def read_links(links: object, checker: Checker, nodes: Collection[str]) -> list[Link]:
    """Read links; what is wrong with them is noted in the checker."""
    assert isinstance(links, list)
    found = []
    seen: dict[tuple[str, str], KeyPath] = {}
    for index, each in enumerate(links):
        link = _link(each, ("topology", "links", index), checker)
        for end in link.ends:
            if end.node not in nodes and end.node in _SPECIAL_ENDS:
                reason = f"{end.node} links are not made here, but veth"
                checker.wrong(end.key, reason)
            elif end.node and end.node not in nodes:
                also = similar(end.node, nodes)
                checker.wrong(end.key, f"there is no node {end.node}{also}")
            place = end.node, end.interface
            if end.node and place in seen:
                line = checker.document.line(seen[place])
                reason = f"{end.node}:{end.interface} is taken on line {line} already"
                checker.wrong(link.key, reason)
            seen.setdefault(place, link.key)
        found.append(link)
    return found


def _link(link: object, key: KeyPath, checker: Checker) -> Link:
    kind = link.get("type") if isinstance(link, dict) else None
    if kind in LINKS[1:]:
        checker.wrong(key, f"{kind} links are not made here, but veth")
        return Link((), 0, key)
    if kind not in (None, "veth"):
        checker.wrong((*key, "type"), "must be one of " + ", ".join(LINKS))
        return Link((), 0, key)
    checks = BRIEF if kind is None else VETH
    what = "a link in containerlab"
    found = checker.mapping(
        link, checks, key, what, must=("endpoints",), not_done=ADDRESSES
    )
    listed = found.get("endpoints", [])
    assert isinstance(listed, list)
    place = (*key, "endpoints")
    if len(listed) != 2 and "endpoints" in found:
        checker.wrong(place, f"must be a list of two endpoints, not of {len(listed)}")
    read = _brief_end if kind is None else _end
    ends = [read(end, (*place, index), checker) for index, end in enumerate(listed)]
    mtu = found.get("mtu") or DEFAULT_MTU
    assert isinstance(mtu, int)
    return Link(tuple(ends), mtu, key)


def _brief_end(end: object, key: KeyPath, checker: Checker) -> Endpoint:
    if not isinstance(end, str) or not re.fullmatch(r"[^\s:]+:\S+", end):
        checker.wrong(key, f"must be NODE:INTERFACE, not {describe(end)}")
        return Endpoint("", "", "", key)
    node, _, interface = end.partition(":")
    return Endpoint(node, interface, "", key)


def _end(end: object, key: KeyPath, checker: Checker) -> Endpoint:
    what, must = "an endpoint in containerlab", ("node", "interface")
    found = checker.mapping(end, END, key, what, must=must, not_done=ADDRESSES)
    node, interface, mac = (
        str(found.get(name, "")) for name in ("node", "interface", "mac")
    )
    return Endpoint(node, interface, mac.lower().replace("-", ":"), key)
