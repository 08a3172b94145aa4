"""What a golden file says of a decoded value: numbers and text, nothing of ours."""

from typing import Any

from evpnd.model.communities import router_mac_of
from evpnd.model.ids import format_ip, format_mac, format_rd, format_route_target
from evpnd.model.routes import (
    EthernetAdRoute,
    EthernetSegmentRoute,
    ImetRoute,
    IpPrefixRoute,
    MacIpBatch,
    OtherRoute,
    PathAttributes,
    Update,
)
from evpnd.wire.nlri import DecodedNlris

Vector = dict[str, Any]


def mac_ip_values(batches: list[MacIpBatch]) -> list[Vector]:
    return [
        {
            "type": 2,
            "rd": format_rd(batch.rd),
            "esi": batch.esi.hex(),
            "ethernet_tag": int.from_bytes(batch.ethernet_tag),
            "mac": format_mac(key[:6]),
            "ip": format_ip(key[6:]) if key[6:] else None,
            "labels": batch.labels.hex(),
        }
        for batch in batches
        for key in batch.keys
    ]


def route_value(route: OtherRoute) -> Vector:
    rd = format_rd(route.rd)
    match route:
        case EthernetAdRoute():
            return {
                "type": 1,
                "rd": rd,
                "esi": route.esi.hex(),
                "ethernet_tag": int.from_bytes(route.ethernet_tag),
                "label": route.label.hex(),
            }
        case ImetRoute():
            return {
                "type": 3,
                "rd": rd,
                "ethernet_tag": int.from_bytes(route.ethernet_tag),
                "originator": format_ip(route.originator),
            }
        case EthernetSegmentRoute():
            return {
                "type": 4,
                "rd": rd,
                "esi": route.esi.hex(),
                "originator": format_ip(route.originator),
            }
        case IpPrefixRoute():
            return {
                "type": 5,
                "rd": rd,
                "esi": route.esi.hex(),
                "ethernet_tag": int.from_bytes(route.ethernet_tag),
                "prefix": f"{format_ip(route.prefix)}/{route.prefix_length}",
                "gateway": format_ip(route.gateway),
                "label": route.label.hex(),
            }


def nlri_values(decoded: DecodedNlris) -> list[Vector]:
    return mac_ip_values(decoded.mac_ip) + list(map(route_value, decoded.routes))


def attributes_value(attributes: PathAttributes) -> Vector:
    """Return what differs from nothing, so that files stay short."""
    value: Vector = {
        "next_hop": format_ip(attributes.next_hop),
        "route_targets": list(map(format_route_target, attributes.route_targets)),
        "encapsulations": list(attributes.encapsulations),
        "local_preference": attributes.local_preference,
    }
    for name in ("origin", "sequence", "sticky", "default_gateway"):
        if getattr(attributes, name):
            value[name] = getattr(attributes, name)
    if attributes.as_path:
        value["as_path"] = list(attributes.as_path)
    if attributes.med is not None:
        value["med"] = attributes.med
    if attributes.originator_id:
        value["originator_id"] = format_ip(attributes.originator_id)
    if attributes.cluster_list:
        value["cluster_list"] = list(map(format_ip, attributes.cluster_list))
    router_mac = router_mac_of(attributes.extended_communities)
    if router_mac:
        value["router_mac"] = format_mac(router_mac)
    if attributes.pmsi:
        value["pmsi"] = attributes.pmsi._asdict()
        endpoint = attributes.pmsi.endpoint
        value["pmsi"]["endpoint"] = (
            format_ip(endpoint) if len(endpoint) in (4, 16) else endpoint.hex()
        )
    return value


def update_value(update: Update) -> Vector:
    announced = mac_ip_values(update.mac_ip) + list(map(route_value, update.routes))
    withdrawn = mac_ip_values(update.withdrawn_mac_ip)
    withdrawn += map(route_value, update.withdrawn)
    value: Vector = {}
    if update.attributes:
        value["attributes"] = attributes_value(update.attributes)
    if announced:
        value["announced"] = announced
    if withdrawn:
        value["withdrawn"] = withdrawn
    if update.end_of_rib:
        value["end_of_rib"] = True
    if update.malformed:
        value["malformed"] = [found.treatment.value for found in update.malformed]
    return value
