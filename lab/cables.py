"""The links of a topology file, from either of their forms."""

from collections.abc import Callable, Iterator, Mapping

from lab.document import Document, KeyPath
from lab.keys import PAIRS, SPECIAL_ENDS
from lab.model import DEFAULT_MTU, Endpoint, Link
from lab.schema import absent, listed

_LINKS: KeyPath = ("topology", "links")
Wrong = Callable[[KeyPath, str], None]


def read_links(
    items: list[object], nodes: Mapping[str, object], wrong: Wrong
) -> Iterator[Link]:
    """Read links that the schema found right."""
    for index, link in enumerate(items):
        assert isinstance(link, dict)
        key: KeyPath = (*_LINKS, index)
        mtu = link.get("mtu")
        size = mtu if mtu and isinstance(mtu, int) else DEFAULT_MTU
        kind = str(link.get("type", "veth"))
        if "type" not in link:
            yield _brief(link, key, size, nodes, wrong)
        elif kind in PAIRS:
            ends = [
                _extended(end, (*key, "endpoints", position), link, position)
                for position, end in enumerate(listed(link["endpoints"]))
            ]
            yield Link(kind, tuple(ends), "", size, key)
        else:
            end = _extended(link["endpoint"], (*key, "endpoint"), {}, 0)
            host = str(link.get("host-interface", ""))
            yield Link(kind, (end,), host, size, key)


def check_interfaces(links: list[Link], document: Document, wrong: Wrong) -> None:
    """Find interfaces that are at two links."""
    seen: dict[tuple[str, str], KeyPath] = {}
    for link in links:
        for end in link.endpoints:
            place = end.node, end.interface
            if place in seen:
                first = document.line(seen[place])
                reason = f"{end.node}:{end.interface} is taken on line {first} already"
                wrong(link.key, reason)
            seen[place] = link.key


def _at(link: Mapping[str, object], name: str, position: int) -> str:
    """Read the address that a link as a whole gives to one of its ends."""
    found = listed(link.get(name))
    return str(found[position]) if position < len(found) else ""


def _brief(
    link: Mapping[str, object],
    key: KeyPath,
    mtu: int,
    nodes: Mapping[str, object],
    wrong: Wrong,
) -> Link:
    ends = []
    for position, text in enumerate(listed(link["endpoints"])):
        node, _, interface = str(text).partition(":")
        ipv4, ipv6 = (_at(link, name, position) for name in ("ipv4", "ipv6"))
        place = (*key, "endpoints", position)
        ends.append(Endpoint(node, interface, ipv4=ipv4, ipv6=ipv6, key=place))
    special = [
        end for end in ends if end.node in SPECIAL_ENDS and end.node not in nodes
    ]
    if not special:
        return Link("veth", tuple(ends), "", mtu, key)
    if len(special) == len(ends):
        wrong(key, "one end must be a node of the topology")
    (other, *_) = special
    rest = tuple(end for end in ends if end not in special)
    addresses = tuple(filter(None, (other.ipv4, other.ipv6)))
    return Link(other.node, rest, other.interface, mtu, key, addresses)


def _extended(
    end: object, key: KeyPath, link: Mapping[str, object], position: int
) -> Endpoint:
    assert isinstance(end, dict)
    given = {name: value for name, value in end.items() if not absent(value)}
    mac = given.get("mac")
    ipv4, ipv6 = (
        str(given.get(name) or _at(link, name, position)) for name in ("ipv4", "ipv6")
    )
    return Endpoint(
        str(end["node"]),
        str(end["interface"]),
        str(mac).lower().replace("-", ":") if mac else "",
        ipv4,
        ipv6,
        key,
    )
