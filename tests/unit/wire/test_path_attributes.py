import pytest

from evpnd.model.routes import PathAttributes, PmsiTunnel, Treatment
from evpnd.wire.framing import encode_attribute
from evpnd.wire.path_attributes import (
    DecodedAttributes,
    decode_path_attributes,
    strongest,
)
from tests.unit.wire.octets import AS_PATH, LOCAL_PREF, MANDATORY, ORIGIN, VTEP

WITHDRAW = Treatment.TREATED_AS_WITHDRAW
DISCARD = Treatment.ATTRIBUTE_DISCARDED
RESET = Treatment.SESSION_RESET
LONG_PATH = encode_attribute(0x40, 2, bytes.fromhex("0202fde85ba0"))


def judge(
    *attributes: bytes, next_hop: bytes = VTEP, asn4: bool = True, ibgp: bool = True
) -> DecodedAttributes:
    return decode_path_attributes(b"".join(attributes), next_hop, asn4=asn4, ibgp=ibgp)


def sound(decoded: DecodedAttributes) -> PathAttributes:
    assert decoded.attributes
    return decoded.attributes


def findings(decoded: DecodedAttributes) -> list[tuple[Treatment, int]]:
    return [(found.treatment, found.subcode) for found in decoded.malformed]


def test_every_attribute_finds_its_field() -> None:
    attributes = sound(
        judge(
            encode_attribute(0x40, 1, b"\x02"),
            encode_attribute(
                0x40, 2, bytes.fromhex("02010000fde80102000000010000000a")
            ),
            encode_attribute(0x40, 3, VTEP),
            encode_attribute(0x80, 4, b"\x00\x00\x00\x07"),
            encode_attribute(0x40, 5, b"\x00\x00\x00\xc8"),
            encode_attribute(0x40, 6, b""),
            encode_attribute(0xC0, 7, b"\0\0\xfd\xe8" + VTEP),
            encode_attribute(0xC0, 8, b"abcdefgh"),
            encode_attribute(0x80, 9, b"\x0a\x00\x00\x09"),
            encode_attribute(0x80, 10, b"\x01\x01\x01\x01\x02\x02\x02\x02"),
            encode_attribute(0xC0, 16, bytes.fromhex("0002fde800002774" * 2)),
            encode_attribute(0xC0, 22, bytes.fromhex("0106002774") + VTEP),
            encode_attribute(0xC0, 32, b"abcdefghijkl"),
        )
    )

    assert attributes.next_hop == VTEP
    assert attributes.origin == 2
    assert attributes.as_path == (65000, 1, 10)
    assert attributes.as_path_length == 2
    assert attributes.med == 7
    assert attributes.local_preference == 200
    assert attributes.communities == (b"abcd", b"efgh")
    assert attributes.originator_id == b"\x0a\x00\x00\x09"
    assert attributes.cluster_list == (b"\x01" * 4, b"\x02" * 4)
    assert attributes.extended_communities == attributes.route_targets
    assert len(attributes.route_targets) == 2
    assert attributes.pmsi == PmsiTunnel(6, 10100, VTEP, 1)
    assert attributes.large_communities == (b"abcdefghijkl",)


def test_an_empty_as_path_of_extended_length_is_sound() -> None:
    decoded = judge(ORIGIN, bytes.fromhex("50020000"), LOCAL_PREF)

    assert sound(decoded).as_path == ()
    assert not decoded.malformed


@pytest.mark.parametrize(
    ("attribute", "subcode"),
    [
        ("40010103", 6),
        ("4001020000", 6),
        ("400100", 6),
        ("4002020501", 11),
        ("40020602020000fde8", 11),
        ("40020602010000000000", 11),
        ("4003030a0000", 8),
        ("800403000000", 5),
        ("400503000064", 5),
        ("c00800", 9),
        ("c0080500000000ff", 9),
        ("800903000000", 9),
        ("800a00", 9),
        ("800a050000000001", 9),
        ("c01000", 9),
        ("c010070002fde8000027", 9),
        ("c0160400060027", 9),
        ("c01608000600277401020a", 9),
        ("c0160500060027", 1),
        ("c01605000600277400", 9),
        ("c020080000000000000000", 9),
    ],
)
def test_a_malformed_attribute_has_its_routes_withdrawn(
    attribute: str, subcode: int
) -> None:
    octets = bytes.fromhex(attribute)
    others = [a for a in (ORIGIN, AS_PATH, LOCAL_PREF) if a[1] != octets[1]]

    decoded = judge(*others, octets)

    assert decoded.attributes is None
    assert (WITHDRAW, subcode) in findings(decoded)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 8, 9, 10, 16, 22, 32])
def test_wrong_flags_have_the_routes_withdrawn(code: int) -> None:
    right = {1: 0x40, 2: 0x40, 3: 0x40, 5: 0x40, 4: 0x80, 9: 0x80, 10: 0x80}
    flags = 0xC0 ^ right.get(code, 0x40)
    others = [a for a in (ORIGIN, AS_PATH, LOCAL_PREF) if a[1] != code]

    decoded = judge(*others, encode_attribute(flags, code, bytes(24)))

    assert decoded.attributes is None
    assert findings(decoded) == [(WITHDRAW, 4)]


def test_the_partial_bit_is_no_error() -> None:
    assert judge(MANDATORY, encode_attribute(0xE0, 8, bytes(4))).attributes


@pytest.mark.parametrize(
    "attribute",
    [
        encode_attribute(0x40, 6, b"\x00"),
        encode_attribute(0xC0, 6, b""),
        encode_attribute(0xC0, 7, bytes(6)),
        encode_attribute(0xC0, 7, bytes(7)),
        encode_attribute(0x40, 7, bytes(8)),
        encode_attribute(0xC0, 18, bytes(7)),
        encode_attribute(0xC0, 7, bytes(4) + VTEP),
        encode_attribute(0xC0, 18, bytes(4) + VTEP),
    ],
)
def test_a_malformed_attribute_without_use_is_discarded(attribute: bytes) -> None:
    decoded = judge(MANDATORY, attribute)

    assert decoded.attributes
    assert [m.treatment for m in decoded.malformed] == [DISCARD]


def test_an_unknown_optional_attribute_is_passed_over() -> None:
    decoded = judge(
        MANDATORY, encode_attribute(0xC0, 25, b"x"), bytes.fromhex("80c800")
    )

    assert decoded.attributes
    assert not decoded.malformed


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (0, "ff"),
        (23, "000800ff"),  # Tunnel Encapsulation, RFC 9012
        (25, "00" * 19),  # IPv6 address specific extended communities, RFC 5701
        (26, "01ffff"),  # AIGP, RFC 7311
        (35, "0000"),  # Only to Customer, RFC 9234
        (40, "010000"),  # Prefix-SID, RFC 8669
        (128, "40010109"),  # ATTR_SET, RFC 6368
        (255, ""),
    ],
)
@pytest.mark.parametrize("flags", [0x80, 0xC0, 0xE0])
def test_an_attribute_of_no_use_to_us_may_hold_anything(
    code: int, value: str, flags: int
) -> None:
    plain, extra = MANDATORY, encode_attribute(flags, code, bytes.fromhex(value))

    assert judge(plain, extra).attributes
    assert not judge(extra, plain).malformed


def test_the_extended_length_is_no_error_where_it_is_not_needed() -> None:
    block = bytes.fromhex("5001000102 50020000 500500040000 00c8 d00800040000ff00")

    attributes = sound(judge(block))

    assert attributes.origin == 2
    assert attributes.local_preference == 200
    assert attributes.communities == (b"\0\0\xff\0",)


@pytest.mark.parametrize("code", [1, 2, 5])
def test_the_partial_and_the_unused_bits_are_no_error(code: int) -> None:
    octets = [ORIGIN, AS_PATH, LOCAL_PREF]
    marked = [bytes([a[0] | 0x2F]) + a[1:] if a[1] == code else a for a in octets]

    assert judge(*marked).attributes
    assert not judge(*marked).malformed


def test_an_unknown_well_known_attribute_resets_the_session() -> None:
    decoded = judge(MANDATORY, encode_attribute(0x40, 99, b"x"))

    assert decoded.attributes is None
    assert findings(decoded) == [(RESET, 2)]


def test_of_a_repeated_attribute_the_first_counts() -> None:
    decoded = judge(MANDATORY, encode_attribute(0x40, 5, b"\x00\x00\x00\xff"))

    assert sound(decoded).local_preference == 100
    assert findings(decoded) == [(DISCARD, 1)]


@pytest.mark.parametrize(
    ("present", "name"),
    [
        ([AS_PATH, LOCAL_PREF], "ORIGIN"),
        ([ORIGIN, LOCAL_PREF], "AS_PATH"),
        ([ORIGIN, AS_PATH], "LOCAL_PREF"),
    ],
)
def test_a_missing_mandatory_attribute_has_the_routes_withdrawn(
    present: list[bytes], name: str
) -> None:
    decoded = judge(*present)

    assert decoded.attributes is None
    assert findings(decoded) == [(WITHDRAW, 3)]
    assert name in decoded.malformed[0].reason


def test_an_external_peer_needs_no_local_pref() -> None:
    assert judge(ORIGIN, AS_PATH, ibgp=False).attributes


@pytest.mark.parametrize(
    "attribute",
    [
        LOCAL_PREF,
        encode_attribute(0x40, 5, b""),
        encode_attribute(0x80, 9, bytes(4)),
        encode_attribute(0x80, 10, b""),
    ],
)
def test_internal_attributes_of_an_external_peer_are_discarded(
    attribute: bytes,
) -> None:
    decoded = judge(ORIGIN, AS_PATH, attribute, ibgp=False)

    attributes = sound(decoded)
    assert attributes.local_preference is None
    assert attributes.originator_id is None
    assert [m.treatment for m in decoded.malformed] == [DISCARD]


def test_confederation_segments_are_for_internal_peers_alone() -> None:
    path = encode_attribute(0x40, 2, bytes.fromhex("03010000fde8"))

    assert sound(judge(ORIGIN, path, LOCAL_PREF)).as_path_length == 0
    assert findings(judge(ORIGIN, path, ibgp=False)) == [(WITHDRAW, 11)]


def test_an_attribute_that_runs_over_has_the_routes_withdrawn() -> None:
    for broken in ("c0", "c010", "c01008", "c0100800", "d01000"):
        decoded = judge(MANDATORY, bytes.fromhex(broken))

        assert findings(decoded) == [(WITHDRAW, 1)]
        assert decoded.attributes is None


def test_as4_path_is_merged_on_a_two_octet_session() -> None:
    as4_path = encode_attribute(0xC0, 17, bytes.fromhex("0201fa56ea01"))

    merged = judge(ORIGIN, LONG_PATH, LOCAL_PREF, as4_path, asn4=False)

    assert sound(merged).as_path == (65000, 4200000001)
    assert not merged.malformed


def test_as4_path_is_ignored_on_a_four_octet_session() -> None:
    for value in ("0201fa56ea01", "0201", "ffffffffffffff"):
        octets = bytes.fromhex(value)
        decoded = judge(MANDATORY, encode_attribute(0xC0, 17, octets))

        assert sound(decoded).as_path == ()


def test_as4_path_is_ignored_when_the_aggregator_has_a_plain_as() -> None:
    as4_path = encode_attribute(0xC0, 17, bytes.fromhex("0201fa56ea01"))
    as4_aggregator = encode_attribute(0xC0, 18, bytes.fromhex("fa56ea010a000001"))
    for asn, last in (("fde8", 23456), ("5ba0", 4200000001)):
        aggregator = encode_attribute(0xC0, 7, bytes.fromhex(asn + "0a000001"))
        block = (ORIGIN, LONG_PATH, LOCAL_PREF, aggregator, as4_path, as4_aggregator)

        assert sound(judge(*block, asn4=False)).as_path[-1] == last


def test_a_malformed_as4_path_is_discarded() -> None:
    for value in ("0201fa56", "0501fa56ea01", "020100000000"):
        as4_path = encode_attribute(0xC0, 17, bytes.fromhex(value))

        decoded = judge(ORIGIN, LONG_PATH, LOCAL_PREF, as4_path, asn4=False)

        assert sound(decoded).as_path == (65000, 23456)
        assert [m.treatment for m in decoded.malformed] == [DISCARD]


@pytest.mark.parametrize("size", [0, 4, 16, 21])
def test_a_tunnel_of_a_type_of_its_own_is_kept_as_it_came(size: int) -> None:
    value = bytes.fromhex("000b002774") + bytes(size)

    attributes = sound(judge(MANDATORY, encode_attribute(0xC0, 22, value)))

    assert attributes.pmsi == PmsiTunnel(11, 10100, bytes(size))


@pytest.mark.parametrize(
    "next_hop",
    [bytes(4), bytes(16), b"\xe0\0\0\1", b"\xff" * 4, b"\xff\x02" + bytes(14)],
)
def test_a_next_hop_that_is_no_host_has_the_routes_withdrawn(next_hop: bytes) -> None:
    decoded = judge(MANDATORY, next_hop=next_hop)

    assert decoded.attributes is None
    assert findings(decoded) == [(WITHDRAW, 8)]


def test_without_a_next_hop_attributes_are_judged_alone() -> None:
    assert judge(next_hop=b"") == (None, ())
    assert findings(judge(bytes.fromhex("40010103"), next_hop=b"")) == [(WITHDRAW, 6)]


def test_the_strongest_treatment_prevails() -> None:
    decoded = judge(
        MANDATORY,
        LOCAL_PREF,
        encode_attribute(0xC0, 8, b""),
        encode_attribute(0x00, 99, b""),
        encode_attribute(0xC0, 16, b""),
    )

    worst = strongest(decoded.malformed)
    assert worst
    assert worst.treatment is RESET
    assert strongest(()) is None
