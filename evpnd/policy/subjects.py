"""Routes as policies see them: those received, and those to announce."""

from dataclasses import replace
from typing import assert_never

from evpnd.model.advert import RD_LENGTH, Advert, tag_of
from evpnd.model.communities import encode_communities
from evpnd.model.policy import Key, Learned, RouteType, Subject
from evpnd.model.routes import (
    EthernetAdRoute,
    EthernetSegmentRoute,
    ImetRoute,
    IpPrefixRoute,
    OtherRoute,
    PathAttributes,
)


def received_mac_ip(
    attributes: PathAttributes, nlri: tuple[bytes, bytes, bytes, bytes]
) -> Subject:
    """See type 2 routes of one path; what the session knows is left open."""
    rd, ethernet_tag, _, labels = nlri
    return _received(attributes)._replace(
        type=RouteType.MAC_IP,
        rd=rd,
        ethernet_tag=int.from_bytes(ethernet_tag),
        vni=int.from_bytes(labels[:3]),
        sequence=attributes.sequence,
        sticky=attributes.sticky,
        default_gateway=attributes.default_gateway,
    )


def received_other(
    attributes: PathAttributes, route: OtherRoute
) -> tuple[Subject, Key]:
    """See a route of another type than 2; what the session knows is left open."""
    subject = _received(attributes)._replace(rd=route.rd)
    match route:
        case ImetRoute():
            pmsi = attributes.pmsi
            subject = subject._replace(
                ethernet_tag=int.from_bytes(route.ethernet_tag),
                vni=None if pmsi is None else pmsi.label,
                originator=route.originator,
            )
        case EthernetAdRoute():
            subject = subject._replace(
                type=RouteType.ETHERNET_AD,
                ethernet_tag=int.from_bytes(route.ethernet_tag),
                vni=int.from_bytes(route.label),
            )
        case EthernetSegmentRoute():
            subject = subject._replace(
                type=RouteType.ETHERNET_SEGMENT, originator=route.originator
            )
        case IpPrefixRoute():
            subject = subject._replace(
                type=RouteType.IP_PREFIX,
                ethernet_tag=int.from_bytes(route.ethernet_tag),
                vni=int.from_bytes(route.label),
                gateway=route.gateway if any(route.gateway) else b"",
            )
            return subject, Key(ip=route.prefix, ip_length=route.prefix_length)
        case _:
            assert_never(route)
    return subject, Key()


def _received(attributes: PathAttributes) -> Subject:
    return Subject(
        RouteType.IMET,
        asn=attributes.as_path[-1] if attributes.as_path else None,
        as_path_length=attributes.as_path_length,
        vtep=attributes.next_hop,
        route_targets=attributes.route_targets,
        communities=attributes.communities,
        large_communities=attributes.large_communities,
        extended_communities=attributes.extended_communities,
        local_preference=attributes.local_preference,
        med=attributes.med,
    )


def received_as(attributes: PathAttributes, left: Subject) -> PathAttributes:
    """Return the attributes as policies left them."""
    return replace(
        attributes,
        route_targets=left.route_targets,
        extended_communities=left.extended_communities,
        sticky=left.sticky,
        local_preference=left.local_preference,
        med=left.med,
        communities=left.communities,
        large_communities=left.large_communities,
    )


def to_announce(
    advert: Advert,
    *,
    vni: int,
    source: bytes,
    learned: Learned | None,
    of_prefix: bool = False,
) -> Subject:
    """See a route of ours; `learned` of type 2 alone, `of_prefix` of type 5."""
    imet = advert.pmsi_vni is not None
    kind = RouteType.IMET if imet else RouteType.MAC_IP
    if of_prefix:
        kind = RouteType.IP_PREFIX
    return Subject(
        kind,
        vni=vni,
        ethernet_tag=int.from_bytes(tag_of(source)),
        sequence=None if kind is not RouteType.MAC_IP else advert.sequence,
        vtep=advert.next_hop,
        originator=advert.next_hop if imet else b"",
        rd=source[:RD_LENGTH],
        route_targets=advert.route_targets,
        communities=advert.communities,
        large_communities=advert.large_communities,
        extended_communities=encode_communities(advert),
        sticky=advert.sticky,
        default_gateway=advert.default_gateway,
        local=True,
        learned=learned,
        local_preference=advert.local_preference,
        med=advert.med,
    )


def announced_as(advert: Advert, before: Subject, left: Subject) -> Advert:
    """Return what a route of ours says as policies left it."""
    if before == left:
        return advert
    return replace(
        advert,
        route_targets=left.route_targets,
        sticky=left.sticky,
        communities=left.communities,
        large_communities=left.large_communities,
        local_preference=left.local_preference,
        med=left.med,
    )
