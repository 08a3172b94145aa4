"""What each peer receives, for a plan, after policies and profiles.

Peers mostly are told the same, so that a change is told once, with the peers that it
is for only where others are told something else.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from evpnd.core.announce.originator import announced
from evpnd.core.announce.update_groups import Exporter
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.advert import Advert
from evpnd.model.community_text import format_community, format_large_community
from evpnd.model.ids import format_ip, format_mac, format_rd, format_route_target
from evpnd.model.key import IP, MAC
from evpnd.model.routes import IMMUTABLE

Properties = dict[str, Any]
Told = dict[str, Properties]
"""Peer to the route's attributes for it; an absent peer receives no route."""


def told(vrf: MacVrf, exporter: Exporter) -> Iterator[tuple[tuple[str, ...], Told]]:
    """Return the routes of an EVI as the peers receive them."""
    vni = str(vrf.config.vni)
    source = {"rd": format_rd(vrf.rd), "ethernet_tag": vrf.config.ethernet_tag or 0}
    written: dict[Advert, Properties] = {}
    for advert, keys in announced(vrf):
        routes: list[Told] = [{} for _ in keys]
        for group in exporter.groups.values():
            verdicts = group.treatment.routes(vrf.config, advert, keys)
            for route, judged in zip(routes, verdicts, strict=True):
                if judged is None:
                    continue
                properties = written.get(judged)
                if properties is None:
                    properties = written[judged] = source | _write(judged)
                route.update(dict.fromkeys(map(str, group.peers), properties))
        for key, route in zip(keys, routes, strict=True):
            if route:
                yield ("route", vni, *_name(key)), route


def _name(key: bytes) -> tuple[str, ...]:
    if not key:
        return ("imet",)
    ip = (format_ip(key[IP]),) if key[IP] else ()
    return ("mac-ip", format_mac(key[MAC]), *ip)


def _write(advert: Advert) -> Properties:
    site = advert.site_of_origin
    return {
        "next_hop": format_ip(advert.next_hop),
        "route_targets": list(map(format_route_target, advert.route_targets)),
        "sequence": advert.sequence,
        "sticky": advert.sticky,
        "default_gateway": advert.default_gateway,
        "immutable": bool((advert.arp_nd_flags or 0) & IMMUTABLE),
        "site_of_origin": [] if site is None else [format_route_target(site)],
        "local_preference": advert.local_preference,
        "med": advert.med,
        "communities": list(map(format_community, advert.communities)),
        "large_communities": list(
            map(format_large_community, advert.large_communities)
        ),
    }


def compare(
    old: Mapping[str, Properties],
    new: Mapping[str, Properties],
    peers: Sequence[str],
    change: Callable[[Properties | None, Properties | None], Properties | None],
) -> Iterator[Properties]:
    """Yield what differs in one route, once for all peers that it is the same for.

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
