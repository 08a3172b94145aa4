"""What each peer is told, for a plan: policies, profiles and all.

Peers mostly are told the same, so that a change is told once, with the peers that it
is for only where others are told something else.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from evpnd.core.evi import MacVrf
from evpnd.core.exporting import Exporter
from evpnd.core.originate import announced
from evpnd.model.actions import ExportAttributes
from evpnd.model.communities import (
    DEFAULT_GATEWAY,
    format_community,
    format_large_community,
    mobility_of,
)
from evpnd.model.ids import (
    ROUTE_TARGET_SUBTYPE,
    RouteTarget,
    format_ip,
    format_mac,
    format_rd,
    format_route_target,
)
from evpnd.model.key import IP, MAC
from evpnd.model.routes import IMMUTABLE

ARP_ND = b"\x06\x08"
SITE_OF_ORIGIN_SUBTYPE = 3
OPAQUE = 3
"""Extended communities of lower types may be route targets (RFC 7153)."""

Properties = dict[str, Any]
Told = dict[str, Properties]
"""Peer to the attributes that a route has for it; a peer left out is not told."""


def told(vrf: MacVrf, exporter: Exporter) -> Iterator[tuple[tuple[str, ...], Told]]:
    """List the routes of an EVI as the peers are told of them."""
    vni = str(vrf.config.vni)
    rd = format_rd(vrf.rd)
    written: dict[ExportAttributes, Properties] = {}
    for attributes, keys in announced(vrf):
        routes: list[Told] = [{} for _ in keys]
        for group in exporter.groups.values():
            verdicts = group.treatment.routes(vrf.config, attributes, keys)
            for route, judged in zip(routes, verdicts, strict=True):
                if judged is None:
                    continue
                properties = written.get(judged)
                if properties is None:
                    properties = written[judged] = _write(rd, judged)
                route.update(dict.fromkeys(map(str, group.peers), properties))
        for key, route in zip(keys, routes, strict=True):
            if route:
                yield ("route", vni, *_name(key)), route


def _name(key: bytes) -> tuple[str, ...]:
    if not key:
        return ("imet",)
    ip = (format_ip(key[IP]),) if key[IP] else ()
    return ("mac-ip", format_mac(key[MAC]), *ip)


def _write(rd: str, attributes: ExportAttributes) -> Properties:
    communities = attributes.extended_communities
    sequence, sticky = mobility_of(communities)
    arp_nd = next((c for c in communities if c[:2] == ARP_ND), bytes(8))

    def of(subtype: int) -> list[str]:
        return [
            format_route_target(RouteTarget(community))
            for community in communities
            if community[1] == subtype and community[0] < OPAQUE
        ]

    return {
        "rd": rd,
        "next_hop": format_ip(attributes.next_hop),
        "route_targets": of(ROUTE_TARGET_SUBTYPE),
        "sequence": sequence,
        "sticky": sticky,
        "default_gateway": DEFAULT_GATEWAY in communities,
        "immutable": bool(arp_nd[2] & IMMUTABLE),
        "site_of_origin": of(SITE_OF_ORIGIN_SUBTYPE),
        "local_preference": attributes.local_preference,
        "med": attributes.med,
        "communities": [format_community(c) for c in attributes.communities],
        "large_communities": [
            format_large_community(c) for c in attributes.large_communities
        ],
    }


def compare(
    old: Mapping[str, Properties],
    new: Mapping[str, Properties],
    peers: Sequence[str],
    change: Callable[[Properties | None, Properties | None], Properties | None],
) -> Iterator[Properties]:
    """Tell what differs in one route, once for all peers that it is the same for.

    `change` describes the difference for one peer; None: there is none.
    """
    several: list[tuple[Properties, list[str]]] = []
    for peer in peers:
        found = change(old.get(peer), new.get(peer))
        if found is None:
            continue
        for other, concerned in several:
            if other == found:
                concerned.append(peer)
                break
        else:
            several.append((found, [peer]))
    for found, concerned in several:
        yield found if len(concerned) == len(peers) else found | {"peers": concerned}
