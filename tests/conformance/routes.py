"""Routes in words to octets, as a peer sends them, and back.

Written from the RFCs and not with evpnd's own encoder, so that a mistake there is
not made here as well. A route that leaves something out is an ordinary one: what
an ordinary route says stands in README.md.
"""

from typing import Any, NamedTuple

from evpnd.model.ids import (
    format_ip,
    format_mac,
    format_rd,
    format_route_target,
    parse_ip,
    parse_mac,
    parse_rd,
    parse_route_target,
)
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
from tests.conformance.words import (
    Words,
    anything,
    flag,
    number,
    octets,
    one_of,
    parsed,
    refuse,
    some,
    text,
)

HEADER = b"\xff" * 16
FAMILY = bytes.fromhex("001946")
END_OF_RIB = bytes.fromhex("0000 0006 800f03 001946")

TYPES = ("ethernet-ad", "mac-ip", "imet", "ethernet-segment", "ip-prefix")
ENCAPSULATIONS = {"vxlan": 8, "nvgre": 9, "mpls": 10, "geneve": 19}
ORIGINS = ("igp", "egp", "incomplete")
ARP_ND = {"router": 0x01, "override": 0x02, "immutable": 0x08}
TUNNELS = {
    "none": 0,
    "pim-ssm": 3,
    "pim-sm": 4,
    "bidir-pim": 5,
    "ingress-replication": 6,
    "assisted-replication": 10,
}
ATTRIBUTES = {
    "origin": 1,
    "as-path": 2,
    "med": 4,
    "local-preference": 5,
    "communities": 8,
    "originator-id": 9,
    "cluster-list": 10,
    "extended-communities": 16,
    "as4-path": 17,
    "pmsi-tunnel": 22,
    "large-communities": 32,
}
AS_TRANS = 23456
OPTIONAL, TRANSITIVE, EXTENDED = 0x80, 0x40, 0x10

Route = dict[str, Any]
"""A route as it stands in a case."""


class Sender(NamedTuple):
    """What an ordinary route takes from its session."""

    asn: int
    ibgp: bool
    asn4: bool
    vni: int


class Encoded(NamedTuple):
    """One route in octets."""

    next_hop: bytes
    attributes: dict[int, bytes]
    """Attribute code to the attribute, header included."""
    nlri: bytes


_ip = parsed(parse_ip)
_mac = parsed(parse_mac)
_rd = parsed(parse_rd)
_target = parsed(parse_route_target)
_router_id = parsed(parse_ip)


def _community(value: object, where: str) -> bytes:
    high, _, low = text(value, where).partition(":")
    return int(high).to_bytes(2, "big") + int(low).to_bytes(2, "big")


def _large_community(value: object, where: str) -> bytes:
    return b"".join(int(n).to_bytes(4, "big") for n in text(value, where).split(":"))


def attribute(flags: int, code: int, value: bytes) -> bytes:
    size = len(value)
    if size > 255:
        return bytes([flags | EXTENDED, code]) + size.to_bytes(2, "big") + value
    return bytes([flags, code, size]) + value


def encode_route(route: object, sender: Sender, where: str) -> Encoded:
    """Write a route that a peer announces."""
    words = Words(route, where)
    kind = words.take("type", one_of(*TYPES))
    vni = words.take("vni", number, sender.vni)
    next_hop = words.take("next-hop", _ip)
    attributes = _encode_attributes(words, kind, sender, vni, next_hop)
    nlri = _encode_nlri(words, kind, vni, next_hop)
    words.done()
    return Encoded(next_hop, attributes, nlri)


def encode_key(route: object, sender: Sender, where: str) -> bytes:
    """Write the NLRI of a route that a peer withdraws."""
    words = Words(route, where)
    if words.has("nlri"):
        nlri: bytes = words.take("nlri", octets)
    else:
        kind = words.take("type", one_of(*TYPES))
        vni = words.take("vni", number, sender.vni)
        nlri = _encode_nlri(words, kind, vni, words.take("next-hop", _ip, b""))
    words.done()
    return nlri


def _encode_attributes(
    words: Words, kind: str, sender: Sender, vni: int, next_hop: bytes
) -> dict[int, bytes]:
    values: dict[int, tuple[int, bytes]] = {}
    origin = words.take("origin", one_of(*ORIGINS), "igp")
    values[1] = TRANSITIVE, bytes([ORIGINS.index(origin)])
    path = words.take("as-path", some(number), [] if sender.ibgp else [sender.asn])
    values[2] = TRANSITIVE, _path(path, 4 if sender.asn4 else 2)
    if not sender.asn4 and any(asn > 0xFFFF for asn in path):
        values[17] = OPTIONAL | TRANSITIVE, _path(path, 4)
    if words.has("med"):
        values[4] = OPTIONAL, words.take("med", number).to_bytes(4, "big")
    if sender.ibgp:
        preference = words.take("local-preference", number, 100)
        values[5] = TRANSITIVE, preference.to_bytes(4, "big")
    if communities := words.take("communities", some(_community), []):
        values[8] = OPTIONAL | TRANSITIVE, b"".join(communities)
    if words.has("originator-id"):
        values[9] = OPTIONAL, words.take("originator-id", _router_id)
    if clusters := words.take("cluster-list", some(_router_id), []):
        values[10] = OPTIONAL, b"".join(clusters)
    if extended := _extended_communities(words, sender, vni):
        values[16] = OPTIONAL | TRANSITIVE, extended
    if large := words.take("large-communities", some(_large_community), []):
        values[32] = OPTIONAL | TRANSITIVE, b"".join(large)
    if words.has("pmsi") or kind == "imet":
        pmsi: object = words.take("pmsi", anything, {})
        if pmsi != "absent":
            tunnel = _pmsi(Words(pmsi, f"{words.where}: pmsi"), vni, next_hop)
            values[22] = OPTIONAL | TRANSITIVE, tunnel
    return {
        code: attribute(flags, code, value)
        for code, (flags, value) in sorted(values.items())
    }


def _path(asns: list[int], width: int) -> bytes:
    if not asns:
        return b""
    fitting = [asn if asn < 1 << 8 * width else AS_TRANS for asn in asns]
    numbers = b"".join(asn.to_bytes(width, "big") for asn in fitting)
    return bytes([2, len(asns)]) + numbers


def _extended_communities(words: Words, sender: Sender, vni: int) -> bytes:
    plain = parse_route_target(f"{sender.asn & 0xFFFF}:{vni}")
    found: list[bytes] = list(words.take("route-targets", some(_target), [plain]))
    found += words.take("site-of-origin", some(_site), [])
    encapsulations = ("absent", *ENCAPSULATIONS)
    tunnel = words.take("encapsulation", one_of(*encapsulations), "vxlan")
    if tunnel != "absent":
        found.append(b"\x03\x0c" + ENCAPSULATIONS[tunnel].to_bytes(6, "big"))
    sticky = words.take("sticky", flag, False)
    if words.has("sequence") or sticky:
        sequence = words.take("sequence", number, 0)
        found.append(bytes([6, 0, sticky, 0]) + sequence.to_bytes(4, "big"))
    if words.take("default-gateway", flag, False):
        found.append(bytes.fromhex("030d000000000000"))
    if words.has("arp-nd"):
        names = words.take("arp-nd", some(one_of(*ARP_ND)))
        found.append(bytes([6, 8, sum(ARP_ND[name] for name in names)]) + bytes(5))
    found += words.take("extended-communities", some(octets), [])
    return b"".join(found)


def _site(value: object, where: str) -> bytes:
    target: bytes = _target(value, where)
    return target[:1] + b"\x03" + target[2:]


def _pmsi(words: Words, vni: int, next_hop: bytes) -> bytes:
    kind = words.take("tunnel", one_of(*TUNNELS), "ingress-replication")
    label = words.take("vni", number, vni)
    if words.has("identifier"):
        endpoint = words.take("identifier", octets)
    else:
        endpoint = words.take("endpoint", _ip, next_hop)
    words.done()
    return b"".join((bytes([0, TUNNELS[kind]]), label.to_bytes(3, "big"), endpoint))


def _encode_nlri(words: Words, kind: str, vni: int, next_hop: bytes) -> bytes:
    if words.has("rd"):
        rd = words.take("rd", _rd)
    elif len(next_hop) == 4 and vni <= 0xFFFF:
        rd = parse_rd(f"{format_ip(next_hop)}:{vni}")
    else:
        refuse(words.where, "rd is missing, and cannot be had from next-hop and vni")
    tag = words.take("ethernet-tag", number, 0).to_bytes(4, "big")
    label = words.take("label", octets, vni.to_bytes(3, "big"))
    match kind:
        case "mac-ip":
            esi = words.take("esi", octets, bytes(10))
            ip = words.take("ip", _ip, b"")
            mac = words.take("mac", _mac)
            second = words.take("label2", octets, b"")
            lengths = b"\x30" + mac + bytes([8 * len(ip)])
            value = rd + esi + tag + lengths + ip + label + second
        case "imet":
            originator = words.take("originator", _ip, next_hop)
            value = rd + tag + bytes([8 * len(originator)]) + originator
        case "ethernet-ad":
            value = rd + words.take("esi", octets) + tag + label
        case "ethernet-segment":
            esi = words.take("esi", octets)
            originator = words.take("originator", _ip, next_hop)
            value = rd + esi + bytes([8 * len(originator)]) + originator
        case _:
            address, _, length = words.take("prefix", text).partition("/")
            prefix = parse_ip(address)
            gateway = words.take("gateway", _ip, bytes(len(prefix)))
            esi = words.take("esi", octets, bytes(10))
            value = rd + esi + tag + bytes([int(length)]) + prefix + gateway + label
    return b"".join((bytes([TYPES.index(kind) + 1, len(value)]), value))


def message(body: bytes) -> bytes:
    return HEADER + (19 + len(body)).to_bytes(2, "big") + b"\x02" + body


def announcement(encoded: Encoded, nlris: list[bytes], gone: list[bytes]) -> bytes:
    """Put NLRIs with the attributes of one route into one UPDATE message."""
    block = b""
    if gone:
        block += attribute(OPTIONAL, 15, FAMILY + b"".join(gone))
    if nlris:
        next_hop = bytes([len(encoded.next_hop)]) + encoded.next_hop
        reach = FAMILY + next_hop + b"\x00" + b"".join(nlris)
        block += attribute(OPTIONAL, 14, reach)
    block += b"".join(encoded.attributes.values())
    return message(bytes(2) + len(block).to_bytes(2, "big") + block)


def withdrawal(nlris: list[bytes]) -> bytes:
    return announcement(Encoded(b"", {}, b""), [], nlris)


def read_update(value: object, sender: Sender, where: str) -> bytes:
    """Write an UPDATE that a case spells out, sound or not."""
    if isinstance(value, str):
        given = octets(value, where)
        return given if given.startswith(HEADER) else message(given)
    words = Words(value, where)
    routes = words.take("announce", some(anything), [])
    first = Encoded(b"", {}, b"")
    nlris: list[bytes] = []
    for at, route in enumerate(routes):
        here = f"{where}: announce[{at}]"
        if isinstance(route, dict) and set(route) == {"nlri"}:
            nlris.append(octets(route["nlri"], here))
            continue
        encoded = encode_route(route, sender, here)
        nlris.append(encoded.nlri)
        first = first if first.attributes else encoded
    attributes = dict(first.attributes)
    for name in words.take("leave-out", some(one_of(*ATTRIBUTES)), []):
        if attributes.pop(ATTRIBUTES[name], None) is None:
            refuse(where, f"there is no {name} to leave out")
    for raw in words.take("attributes", some(octets), []):
        attributes[raw[1]] = raw
    attributes = dict(sorted(attributes.items()))
    gone = [
        encode_key(route, sender, f"{where}: withdraw[{at}]")
        for at, route in enumerate(words.take("withdraw", some(anything), []))
    ]
    if words.has("next-hop"):
        first = first._replace(next_hop=words.take("next-hop", octets))
    words.done()
    return announcement(first._replace(attributes=attributes), nlris, gone)


def announced(update: Update) -> list[Route]:
    """Put into words what an UPDATE announces."""
    if update.attributes is None:
        return []
    common = _attribute_words(update.attributes)
    return [
        *({**_mac_ip_words(b, k), **common} for b in update.mac_ip for k in b.keys),
        *({**_other_words(route), **common} for route in update.routes),
    ]


def withdrawn(update: Update) -> list[Route]:
    """Put into words what an UPDATE withdraws; labels say nothing there."""
    found = [
        _mac_ip_words(batch, key)
        for batch in update.withdrawn_mac_ip
        for key in batch.keys
    ]
    for route in found:
        route.pop("vni", None)
    return [*found, *map(_other_words, update.withdrawn)]


def _mac_ip_words(batch: MacIpBatch, key: bytes) -> Route:
    words: Route = {
        "type": "mac-ip",
        "rd": format_rd(batch.rd),
        "ethernet-tag": int.from_bytes(batch.ethernet_tag),
        "esi": batch.esi.hex(),
        "mac": format_mac(key[:6]),
        "vni": int.from_bytes(batch.labels[:3]),
    }
    if key[6:]:
        words["ip"] = format_ip(key[6:])
    if batch.labels[3:]:
        words["label2"] = batch.labels[3:].hex()
    return words


def _other_words(route: OtherRoute) -> Route:
    rd = format_rd(route.rd)
    match route:
        case ImetRoute():
            words: Route = {"type": "imet", "originator": format_ip(route.originator)}
            words["ethernet-tag"] = int.from_bytes(route.ethernet_tag)
        case EthernetAdRoute():
            words = {"type": "ethernet-ad", "esi": route.esi.hex()}
        case EthernetSegmentRoute():
            words = {"type": "ethernet-segment", "esi": route.esi.hex()}
        case IpPrefixRoute():
            prefix = f"{format_ip(route.prefix)}/{route.prefix_length}"
            words = {"type": "ip-prefix", "prefix": prefix}
    return {**words, "rd": rd}


def _attribute_words(attributes: PathAttributes) -> Route:
    names = {number: name for name, number in ENCAPSULATIONS.items()}
    words: Route = {
        "next-hop": format_ip(attributes.next_hop),
        "route-targets": sorted(map(format_route_target, attributes.route_targets)),
        "encapsulation": " ".join(
            names.get(tunnel, str(tunnel)) for tunnel in attributes.encapsulations
        ),
        "origin": ORIGINS[attributes.origin],
        "as-path": list(attributes.as_path),
    }
    for kind in attributes.extended_communities:
        if kind[:2] == b"\x06\x00":
            words["sequence"] = attributes.sequence
    if attributes.sticky:
        words["sticky"] = True
    if attributes.default_gateway:
        words["default-gateway"] = True
    if attributes.arp_nd_flags is not None:
        flags = attributes.arp_nd_flags
        words["arp-nd"] = [name for name, bit in ARP_ND.items() if flags & bit]
    if attributes.local_preference is not None:
        words["local-preference"] = attributes.local_preference
    if attributes.med is not None:
        words["med"] = attributes.med
    if attributes.pmsi is not None:
        kinds = {number: name for name, number in TUNNELS.items()}
        tunnel = attributes.pmsi
        words["pmsi"] = {
            "tunnel": kinds.get(tunnel.tunnel_type, str(tunnel.tunnel_type)),
            "vni": tunnel.label,
            "endpoint": format_ip(tunnel.endpoint),
        }
    if attributes.communities:
        words["communities"] = [
            f"{int.from_bytes(c[:2])}:{int.from_bytes(c[2:])}"
            for c in attributes.communities
        ]
    sites = [c for c in attributes.extended_communities if c[1] == 3 and c[0] <= 2]
    if sites:
        words["site-of-origin"] = [
            format_route_target(bytes([c[0], 2]) + c[2:]) for c in sites
        ]
    return words
