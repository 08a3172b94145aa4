"""One file a message: hex, where it is from, the decoded value."""

import json
from pathlib import Path
from typing import Any

import pytest

from evpnd.model.actions import ExportAttributes
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
from evpnd.model.routes import ImetRoute, MacIpBatch, PathAttributes, Treatment, Update
from evpnd.wire.attributes import (
    END_OF_RIB,
    build_updates,
    build_withdraws,
    encode_attributes,
)
from evpnd.wire.communities import decode_communities, encapsulation, mac_mobility
from evpnd.wire.framing import encode_attribute, split_attributes
from evpnd.wire.nlri import decode_nlris, encode_imet, encode_mac_ip
from evpnd.wire.update import UpdateDecoder

Vector = dict[str, Any]

VECTORS: dict[str, Vector] = {
    path.stem: json.loads(path.read_text())
    for path in sorted(Path(__file__).parent.glob("*.json"))
}


def of_kind(*kinds: str) -> pytest.MarkDecorator:
    names = [name for name, v in VECTORS.items() if v["kind"] in kinds]
    assert names
    return pytest.mark.parametrize("name", names)


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


def imet_value(route: object) -> Vector:
    assert isinstance(route, ImetRoute)
    return {
        "type": 3,
        "rd": format_rd(route.rd),
        "ethernet_tag": int.from_bytes(route.ethernet_tag),
        "originator": format_ip(route.originator),
    }


def attributes_value(attributes: PathAttributes) -> Vector:
    """Say what differs from nothing, so that files stay short."""
    value: Vector = {
        "next_hop": format_ip(attributes.next_hop),
        "route_targets": list(map(format_route_target, attributes.route_targets)),
        "encapsulations": list(attributes.encapsulations),
        "local_preference": attributes.local_preference,
    }
    if attributes.origin:
        value["origin"] = attributes.origin
    if attributes.sequence:
        value["sequence"] = attributes.sequence
    if attributes.sticky:
        value["sticky"] = True
    if attributes.pmsi:
        value["pmsi"] = attributes.pmsi._asdict()
        value["pmsi"]["endpoint"] = format_ip(attributes.pmsi.endpoint)
    return value


def update_value(update: Update) -> Vector:
    assert not update.malformed
    announced = mac_ip_values(update.mac_ip) + list(map(imet_value, update.routes))
    withdrawn = mac_ip_values(update.withdrawn_mac_ip)
    withdrawn += map(imet_value, update.withdrawn)
    value: Vector = {}
    if update.attributes:
        value["attributes"] = attributes_value(update.attributes)
    if announced:
        value["announced"] = announced
    if withdrawn:
        value["withdrawn"] = withdrawn
    if update.end_of_rib:
        value["end_of_rib"] = True
    return value


def encode_nlri(value: Vector) -> bytes:
    rd = parse_rd(value["rd"])
    if value["type"] == 3:
        return encode_imet(rd, parse_ip(value["originator"]))
    ip = parse_ip(value["ip"]) if value["ip"] else b""
    vni = int(value["labels"], 16)
    return encode_mac_ip(rd, vni, [parse_mac(value["mac"]) + ip])[0]


def encode_community(value: Vector) -> bytes:
    match value:
        case {"route_target": target}:
            return parse_route_target(target)
        case {"encapsulation": tunnel_type}:
            return encapsulation(tunnel_type)
        case _:
            return mac_mobility(value["sequence"], sticky=value["sticky"])


def encode_update(value: Vector) -> list[bytes]:
    if value.get("end_of_rib"):
        return [END_OF_RIB]
    if "withdrawn" in value:
        return list(build_withdraws([encode_nlri(v) for v in value["withdrawn"]]))
    known = value["attributes"]
    communities: list[bytes] = [
        parse_route_target(target) for target in known["route_targets"]
    ]
    communities += [encapsulation(kind) for kind in known["encapsulations"]]
    if "sequence" in known:
        communities.append(mac_mobility(known["sequence"]))
    attributes = ExportAttributes(
        next_hop=parse_ip(known["next_hop"]),
        extended_communities=tuple(communities),
        pmsi_vni=known["pmsi"]["label"] if "pmsi" in known else None,
    )
    return list(
        build_updates(
            encode_attributes(attributes),
            attributes.next_hop,
            [encode_nlri(v) for v in value["announced"]],
            ibgp=True,
            local_asn=65000,
            asn4=True,
        )
    )


def announce(nlri: bytes, *extra: bytes) -> bytes:
    """Write the body of an UPDATE with one NLRI and further attributes."""
    block = (
        encode_attribute(0x80, 14, bytes.fromhex("001946040a00000100") + nlri)
        + bytes.fromhex("40010100 400200 40050400000064")
        + b"".join(extra)
    )
    return bytes(2) + len(block).to_bytes(2, "big") + block


@of_kind("nlri")
def test_an_nlri_decodes_to_its_value(name: str) -> None:
    vector = VECTORS[name]

    decoded = decode_nlris(bytes.fromhex(vector["hex"]))

    values = mac_ip_values(decoded.mac_ip) + list(map(imet_value, decoded.routes))
    assert values == [vector["value"]]
    assert not decoded.malformed


@of_kind("nlri")
def test_an_nlri_that_we_send_encodes_to_its_octets(name: str) -> None:
    vector = VECTORS[name]
    if vector.get("encodes", True):
        assert encode_nlri(vector["value"]).hex() == vector["hex"]


@of_kind("pmsi")
def test_a_pmsi_tunnel_decodes_to_its_value(name: str) -> None:
    vector = VECTORS[name]
    nlri = bytes.fromhex(VECTORS["nlri-t3-ipv4"]["hex"])

    update = UpdateDecoder().decode(announce(nlri, bytes.fromhex(vector["hex"])))

    assert update.attributes
    assert attributes_value(update.attributes)["pmsi"] == vector["value"]


@of_kind("pmsi")
def test_a_pmsi_tunnel_encodes_to_its_octets(name: str) -> None:
    vector = VECTORS[name]
    value = vector["value"]
    attributes = ExportAttributes(
        parse_ip(value["endpoint"]), (), pmsi_vni=value["label"]
    )

    assert encode_attributes(attributes).hex().endswith(vector["hex"])


@of_kind("community")
def test_an_extended_community_decodes_to_its_value(name: str) -> None:
    vector = VECTORS[name]

    decoded = decode_communities([bytes.fromhex(vector["hex"])])

    match vector["value"]:
        case {"route_target": target}:
            assert list(map(format_route_target, decoded.route_targets)) == [target]
        case {"encapsulation": tunnel_type}:
            assert decoded.encapsulations == (tunnel_type,)
        case value:
            assert decoded.sequence == value["sequence"]
            assert decoded.sticky == value["sticky"]


@of_kind("community")
def test_an_extended_community_encodes_to_its_octets(name: str) -> None:
    vector = VECTORS[name]

    assert encode_community(vector["value"]).hex() == vector["hex"]


@of_kind("update")
def test_an_update_decodes_to_its_value(name: str) -> None:
    vector = VECTORS[name]
    message = bytes.fromhex(vector["hex"])

    assert update_value(UpdateDecoder().decode(message[19:])) == vector["value"]


@of_kind("update")
def test_an_update_that_we_send_encodes_to_its_octets(name: str) -> None:
    vector = VECTORS[name]
    if vector.get("encodes", True):
        assert [m.hex() for m in encode_update(vector["value"])] == [vector["hex"]]


@of_kind("update")
def test_a_truncated_body_resets_the_session_and_announces_nothing(name: str) -> None:
    body = bytes.fromhex(VECTORS[name]["hex"])[19:]
    for size in range(len(body)):
        update = UpdateDecoder().decode(body[:size])

        assert not update.mac_ip + update.withdrawn_mac_ip
        assert not update.routes + update.withdrawn
        assert [m.treatment for m in update.malformed] == [Treatment.SESSION_RESET]


@of_kind("update")
def test_truncated_attributes_never_announce_what_was_not_sent(name: str) -> None:
    body = bytes.fromhex(VECTORS[name]["hex"])[19:]
    whole = UpdateDecoder().decode(body)
    boundaries = {4 + a[4] for a in split_attributes(body[4:])[0]} | {4}
    for size in range(4, len(body)):
        cut = body[:2] + (size - 4).to_bytes(2, "big") + body[4:size]
        update = UpdateDecoder().decode(cut)

        assert update.mac_ip in ([], whole.mac_ip)
        assert update.routes in ([], whole.routes)
        if size not in boundaries:
            assert update.attributes is None
            assert update.malformed
        if update.attributes:
            assert whole.attributes
            assert update.attributes.next_hop == whole.attributes.next_hop
            assert update.attributes.local_preference == 100
            assert update.attributes.route_targets in (
                (),
                whole.attributes.route_targets,
            )
            assert update.attributes.pmsi in (None, whole.attributes.pmsi)


@of_kind("nlri")
def test_a_truncated_nlri_in_a_patched_attribute_resets_the_session(name: str) -> None:
    nlri = bytes.fromhex(VECTORS[name]["hex"])
    for size in range(1, len(nlri)):
        update = UpdateDecoder().decode(announce(nlri[:size]))

        assert not update.mac_ip + update.withdrawn_mac_ip
        assert not update.routes + update.withdrawn
        assert [(m.treatment, m.code, m.subcode) for m in update.malformed] == [
            (Treatment.SESSION_RESET, 3, 9)
        ]


@of_kind("nlri")
def test_a_truncated_nlri_of_patched_length_spares_its_neighbour(name: str) -> None:
    nlri = bytes.fromhex(VECTORS[name]["hex"])
    neighbour = bytes.fromhex(VECTORS["nlri-t2-mac"]["hex"])
    whole = decode_nlris(nlri)
    # Without its second label this one is another good route.
    good = {len(nlri) - 3} if name == "nlri-t2-two-labels" else set()
    for size in set(range(2, len(nlri))) - good:
        cut = nlri[:1] + bytes([size - 2]) + nlri[2:size]
        update = UpdateDecoder().decode(announce(cut + neighbour))

        (batch,) = update.mac_ip
        assert batch.keys == [neighbour[25:31]]
        assert not update.routes
        assert not update.withdrawn
        assert [m.treatment for m in update.malformed] == [
            Treatment.TREATED_AS_WITHDRAW
        ]
        for gone in update.withdrawn_mac_ip:
            assert gone.keys == whole.mac_ip[0].keys


@of_kind("pmsi", "community")
def test_a_truncated_attribute_withdraws_the_routes(name: str) -> None:
    vector = VECTORS[name]
    octets = bytes.fromhex(vector["hex"])
    code, value = (22, octets[3:]) if vector["kind"] == "pmsi" else (16, octets)
    nlri = bytes.fromhex(VECTORS["nlri-t3-ipv4"]["hex"])
    sound = {9} if name == "attribute-pmsi-ipv6" else set()
    for size in set(range(len(value))) - sound:
        attribute = encode_attribute(0xC0, code, value[:size])
        update = UpdateDecoder().decode(announce(nlri, attribute))

        assert update.attributes is None
        assert not update.routes
        assert len(update.withdrawn) == 1
