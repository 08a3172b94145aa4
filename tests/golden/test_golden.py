"""One file a message: hex, where it is from, the decoded value."""

import json
from pathlib import Path

import pytest

from evpnd.model.advert import Advert
from evpnd.model.communities import (
    decode_communities,
    encode_communities,
    router_mac_of,
)
from evpnd.model.ids import (
    format_mac,
    format_route_target,
    parse_ip,
    parse_mac,
    parse_rd,
    parse_route_target,
)
from evpnd.model.routes import Treatment
from evpnd.wire.as_path import decode_path, flatten, path_length
from evpnd.wire.attributes import (
    END_OF_RIB,
    build_updates,
    build_withdraws,
    encode_attributes,
)
from evpnd.wire.framing import encode_attribute, split_attributes
from evpnd.wire.nlri import (
    decode_nlris,
    encode_imet,
    encode_mac_ip,
    encode_prefixes,
)
from evpnd.wire.update import UpdateDecoder
from tests.fuzz.oracle import SESSIONS, Oracle, verdict_of
from tests.golden.values import Vector, attributes_value, nlri_values, update_value

VECTORS: dict[str, Vector] = {
    path.stem: json.loads(path.read_text())
    for path in sorted(Path(__file__).parent.glob("*.json"))
}


NO_MEANING = decode_communities([])


def of_kind(*kinds: str, sent: bool = False) -> pytest.MarkDecorator:
    """Run a test with the files of some kinds, or those of octets that we send."""
    names = [
        name
        for name, vector in VECTORS.items()
        if vector["kind"] in kinds and (not sent or vector.get("encodes", True))
    ]
    assert names
    return pytest.mark.parametrize("name", names)


def encode_nlri(value: Vector) -> bytes:
    rd = parse_rd(value["rd"])
    if value["type"] == 3:
        return encode_imet(rd, parse_ip(value["originator"]))
    if value["type"] == 5:
        address, length = value["prefix"].split("/")
        prefix = parse_ip(address) + bytes([int(length)])
        return encode_prefixes(rd, int(value["label"], 16), [prefix])[0]
    ip = parse_ip(value["ip"]) if value["ip"] else b""
    labels = bytes.fromhex(value["labels"])
    l3_vni = int.from_bytes(labels[3:]) if labels[3:] else None
    key = parse_mac(value["mac"]) + ip
    return encode_mac_ip(rd, int.from_bytes(labels[:3]), [key], l3_vni)[0]


def encode_community(value: Vector) -> bytes:
    """Encode an advert that says this, and pick what it adds to VXLAN alone."""
    vtep = parse_ip("10.0.0.1")
    (encapsulation,) = encode_communities(Advert(vtep, ()))
    if "encapsulation" in value:
        return encapsulation
    targets = tuple(
        parse_route_target(value[name]) for name in value if name == "route_target"
    )
    named = {name: value[name] for name in value if name != "route_target"}
    if "router_mac" in named:
        named["router_mac"] = parse_mac(named["router_mac"])
    said = encode_communities(Advert(vtep, targets, **named))
    (community,) = (each for each in said if each != encapsulation)
    return community


def encode_update(value: Vector) -> list[bytes]:
    if value.get("end_of_rib"):
        return [END_OF_RIB]
    if "withdrawn" in value:
        return list(build_withdraws([encode_nlri(v) for v in value["withdrawn"]]))
    known = value["attributes"]
    assert known["encapsulations"] == [8]
    advert = Advert(
        next_hop=parse_ip(known["next_hop"]),
        route_targets=tuple(map(parse_route_target, known["route_targets"])),
        sequence=known.get("sequence", 0),
        pmsi_vni=known["pmsi"]["label"] if "pmsi" in known else None,
        router_mac=parse_mac(known["router_mac"]) if "router_mac" in known else b"",
    )
    return list(
        build_updates(
            encode_attributes(advert),
            advert.next_hop,
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

    if vector["value"] is None:
        assert not nlri_values(decoded)
        assert [m.treatment for m in decoded.malformed] == [Treatment.SKIPPED]
    else:
        assert nlri_values(decoded) == [vector["value"]]
        assert not decoded.malformed


@of_kind("nlri", sent=True)
def test_an_nlri_that_we_send_encodes_to_its_octets(name: str) -> None:
    vector = VECTORS[name]

    assert encode_nlri(vector["value"]).hex() == vector["hex"]


@of_kind("pmsi")
def test_a_pmsi_tunnel_decodes_to_its_value(name: str) -> None:
    vector = VECTORS[name]
    nlri = bytes.fromhex(VECTORS["nlri-t3-ipv4"]["hex"])

    update = UpdateDecoder().decode(announce(nlri, bytes.fromhex(vector["hex"])))

    assert update.attributes
    assert attributes_value(update.attributes)["pmsi"] == vector["value"]


@of_kind("pmsi", sent=True)
def test_a_pmsi_tunnel_that_we_send_encodes_to_its_octets(name: str) -> None:
    vector = VECTORS[name]
    value = vector["value"]
    advert = Advert(parse_ip(value["endpoint"]), (), pmsi_vni=value["label"])

    assert encode_attributes(advert).hex().endswith(vector["hex"])


@of_kind("community")
def test_an_extended_community_decodes_to_its_value(name: str) -> None:
    vector = VECTORS[name]
    expected = dict(vector["value"])

    decoded = decode_communities([bytes.fromhex(vector["hex"])])

    targets = [expected.pop("route_target")] if "route_target" in expected else []
    if "encapsulation" in expected:
        expected["encapsulations"] = (expected.pop("encapsulation"),)
    assert list(map(format_route_target, decoded.route_targets)) == targets
    router_mac = expected.pop("router_mac", "")
    assert format_mac(router_mac_of([bytes.fromhex(vector["hex"])])) == router_mac
    assert decoded._replace(route_targets=()) == NO_MEANING._replace(**expected)


@of_kind("community", sent=True)
def test_an_extended_community_that_we_send_encodes_to_its_octets(name: str) -> None:
    vector = VECTORS[name]

    assert encode_community(vector["value"]).hex() == vector["hex"]


@of_kind("path")
def test_a_path_decodes_to_its_value(name: str) -> None:
    vector = VECTORS[name]

    path = decode_path(bytes.fromhex(vector["hex"]), asn4=vector["asn4"])

    assert vector["value"] == {
        "segments": [[segment.kind, list(segment.asns)] for segment in path],
        "flat": list(flatten(path)),
        "length": path_length(path),
    }


@of_kind("path")
def test_a_truncated_path_is_malformed_but_between_segments(name: str) -> None:
    vector = VECTORS[name]
    octets, width = bytes.fromhex(vector["hex"]), 4 if vector["asn4"] else 2
    ends, end = {0}, 0
    for _, asns in vector["value"]["segments"]:
        end += 2 + width * len(asns)
        ends.add(end)
    for size in range(len(octets)):
        if size in ends:
            decode_path(octets[:size], asn4=vector["asn4"])
        else:
            with pytest.raises(ValueError, match=r"."):
                decode_path(octets[:size], asn4=vector["asn4"])


@of_kind("update")
def test_an_update_decodes_to_its_value(name: str) -> None:
    vector = VECTORS[name]
    message = bytes.fromhex(vector["hex"])
    decoder = UpdateDecoder(**vector.get("session", {}))

    for _ in range(2):
        assert update_value(decoder.decode(message[19:])) == vector["value"]


@of_kind("update", sent=True)
def test_an_update_that_we_send_encodes_to_its_octets(name: str) -> None:
    vector = VECTORS[name]

    assert [m.hex() for m in encode_update(vector["value"])] == [vector["hex"]]


@of_kind("update")
@pytest.mark.parametrize("session", SESSIONS)
def test_a_truncated_update_does_what_a_second_reading_says(
    name: str, session: tuple[bool, bool]
) -> None:
    body = bytes.fromhex(VECTORS[name]["hex"])[19:]
    oracle = Oracle()
    for size in range(len(body)):
        cut = body[:size]

        assert oracle.check(cut, session, oracle.decode(cut, session)).reset
        if size >= 4:
            cut = body[:2] + (size - 4).to_bytes(2, "big") + body[4:size]
            oracle.check(cut, session, oracle.decode(cut, session))


@of_kind("update")
def test_a_truncated_body_resets_the_session_and_announces_nothing(name: str) -> None:
    body = bytes.fromhex(VECTORS[name]["hex"])[19:]
    for size in range(len(body)):
        update = UpdateDecoder().decode(body[:size])

        assert not update.mac_ip + update.withdrawn_mac_ip
        assert not update.routes + update.withdrawn
        assert [m.treatment for m in update.malformed] == [Treatment.SESSION_RESET]


@of_kind("update", sent=True)
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
    session, oracle = (True, True), Oracle()
    (kept,) = verdict_of(UpdateDecoder().decode(announce(neighbour))).announced
    whole = verdict_of(UpdateDecoder().decode(announce(nlri))).announced
    for size in range(2, len(nlri)):
        cut = nlri[:1] + bytes([size - 2]) + nlri[2:size]
        body = announce(cut + neighbour)

        verdict = oracle.check(body, session, oracle.decode(body, session))

        assert kept in verdict.announced
        assert verdict.announced | verdict.withdrawn <= whole | {kept}


@of_kind("pmsi", "community", sent=True)
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
