import pytest

from evpnd.model.advert import source_of
from evpnd.model.routes import (
    EthernetAdRoute,
    EthernetSegmentRoute,
    ImetRoute,
    IpPrefixRoute,
    MacIpBatch,
    Treatment,
)
from evpnd.wire.nlri import (
    decode_nlris,
    decode_uniform,
    encode_imet,
    encode_mac_ip,
    encode_prefixes,
    key_within_source,
    nlri_key,
    split_nlris,
)
from tests.unit.wire.octets import IP4, IP6, MAC, RD, T2, T3

ESI = bytes.fromhex("00112233445566778899")
TAG = bytes.fromhex("00000007")
LABEL = bytes.fromhex("002774")
PREFIXES = {
    4: bytes([18, 0, 0, 0]) + bytes(4),
    16: bytes.fromhex("20010db8000000000000000000000000") + bytes(16),
}


def nlri(kind: int, value: bytes) -> bytes:
    return bytes([kind, len(value)]) + value


def mac_ip(
    ip: bytes = b"", *, labels: bytes = LABEL, mac_bits: int = 48, ip_bits: int = -1
) -> bytes:
    bits = 8 * len(ip) if ip_bits < 0 else ip_bits
    ends = bytes([mac_bits]) + MAC + bytes([bits]) + ip + labels
    return nlri(2, RD + ESI + TAG + ends)


@pytest.mark.parametrize("ip", [b"", IP4, IP6])
@pytest.mark.parametrize("labels", [LABEL, LABEL + b"\x00\xc3\x51"])
@pytest.mark.parametrize("count", [1, 3])
def test_mac_ip_routes_of_one_shape_are_one_batch(
    ip: bytes, labels: bytes, count: int
) -> None:
    decoded = decode_nlris(mac_ip(ip, labels=labels) * count)

    assert decoded.mac_ip == [MacIpBatch(RD, TAG, ESI, labels, [MAC + ip] * count)]
    assert not decoded.malformed


def test_routes_of_several_shapes_keep_their_order_in_each_batch() -> None:
    keys = [MAC, MAC + IP4, b"\x02\x00\x00\x00\x00\x09", MAC + IP6]
    block = b"".join(encode_mac_ip(RD, 10100, keys))

    decoded = decode_nlris(block)

    (batch,) = decoded.mac_ip
    assert batch.keys == keys


def test_routes_of_other_labels_get_a_batch_of_their_own() -> None:
    block = mac_ip() + mac_ip(labels=b"\x00\x00\x01") + mac_ip()

    decoded = decode_nlris(block)

    assert [(b.labels, len(b.keys)) for b in decoded.mac_ip] == [
        (LABEL, 2),
        (b"\x00\x00\x01", 1),
    ]


def test_a_mac_that_looks_like_the_octets_between_routes_is_no_separator() -> None:
    # ESI, tag and RD are chosen so that a shifted separator would match.
    rd, filler = b"\x00" * 8, b"\x00" * 6
    keys = [filler, filler, b"\x30" * 6, filler]
    block = b"".join(encode_mac_ip(rd, 0, keys))

    (batch,) = decode_nlris(block).mac_ip

    assert batch.keys == keys


@pytest.mark.parametrize("at", [0, 1, 2, 10, 20, 24, 31, 34])
def test_one_deviating_octet_leaves_the_uniform_path(at: int) -> None:
    changed = bytearray(mac_ip())
    changed[at] ^= 0x41
    deviating, same = bytes(changed), mac_ip()

    assert decode_uniform(same * 3) is not None
    assert decode_uniform(deviating + same * 2) is None
    assert decode_uniform(same + deviating + same) is None
    assert decode_uniform(same * 2 + deviating) is None


def test_a_withdrawal_label_of_any_kind_is_read() -> None:
    for label in (bytes(3), b"\x80\x00\x00"):
        (batch,) = decode_nlris(mac_ip(labels=label)).mac_ip

        assert batch.keys == [MAC]


@pytest.mark.parametrize(
    ("octets", "key"),
    [
        (mac_ip(IP4, labels=b""), MAC + IP4),
        (mac_ip(IP4, labels=bytes(4)), MAC + IP4),
        (mac_ip(labels=bytes(9)), MAC),
        (mac_ip(IP4, ip_bits=24), None),
        (mac_ip(IP4, ip_bits=128), None),
        (mac_ip(mac_bits=47), None),
        (mac_ip(IP4, mac_bits=0), None),
        (nlri(2, RD), None),
        (nlri(2, b""), None),
    ],
)
def test_a_broken_mac_ip_route_is_withdrawn_if_its_key_can_be_read(
    octets: bytes, key: bytes | None
) -> None:
    decoded = decode_nlris(T2 + octets + T3)

    assert [batch.keys for batch in decoded.mac_ip] == [[MAC]]
    assert len(decoded.routes) == 1
    assert [b.keys for b in decoded.broken_mac_ip] == ([[key]] if key else [])
    assert [m.treatment for m in decoded.malformed] == [Treatment.TREATED_AS_WITHDRAW]


def test_a_value_too_long_by_an_octet_gives_the_key_of_the_whole_ip_alone() -> None:
    # IP length 0 with the value length of an IPv4 route: the octets decide.
    decoded = decode_nlris(mac_ip(IP4, ip_bits=0))

    assert not decoded.mac_ip
    assert [b.keys for b in decoded.broken_mac_ip] == [[MAC]]


@pytest.mark.parametrize(
    ("octets", "route"),
    [
        (nlri(1, RD + ESI + TAG + LABEL), EthernetAdRoute(RD, ESI, TAG, LABEL)),
        (nlri(3, RD + TAG + b"\x20" + IP4), ImetRoute(RD, TAG, IP4)),
        (nlri(3, RD + TAG + b"\x80" + IP6), ImetRoute(RD, TAG, IP6)),
        (nlri(4, RD + ESI + b"\x20" + IP4), EthernetSegmentRoute(RD, ESI, IP4)),
        (nlri(4, RD + ESI + b"\x80" + IP6), EthernetSegmentRoute(RD, ESI, IP6)),
        (
            nlri(5, RD + ESI + TAG + b"\x08" + PREFIXES[4] + LABEL),
            IpPrefixRoute(RD, ESI, TAG, 8, PREFIXES[4][:4], bytes(4), LABEL),
        ),
        (
            nlri(5, RD + ESI + TAG + b"\x20" + PREFIXES[16] + LABEL),
            IpPrefixRoute(RD, ESI, TAG, 32, PREFIXES[16][:16], bytes(16), LABEL),
        ),
    ],
)
def test_every_other_type_is_read(octets: bytes, route: object) -> None:
    decoded = decode_nlris(octets)

    assert decoded.routes == [route]
    assert not decoded.malformed


@pytest.mark.parametrize(
    ("octets", "route"),
    [
        (nlri(1, RD + ESI + TAG), EthernetAdRoute(RD, ESI, TAG, b"")),
        (nlri(1, RD + ESI), None),
        (nlri(3, RD + TAG + b"\x20" + IP4 + b"\x00"), ImetRoute(RD, TAG, IP4)),
        (nlri(3, RD + TAG + b"\x20" + IP4[:3]), None),
        (nlri(3, RD + TAG + b"\x00"), None),
        (nlri(3, RD + TAG), None),
        (nlri(4, RD + ESI + b"\x20" + IP6), EthernetSegmentRoute(RD, ESI, IP6[:4])),
        (nlri(4, RD + ESI + b"\x21" + IP6), None),
        (nlri(5, RD + ESI + TAG + b"\x21" + PREFIXES[4] + LABEL), None),
        (nlri(5, RD + ESI + TAG + b"\x81" + PREFIXES[16] + LABEL), None),
        (nlri(5, RD + ESI + TAG + b"\x08" + PREFIXES[4]), None),
    ],
)
def test_a_broken_route_is_withdrawn_if_its_key_can_be_read(
    octets: bytes, route: object
) -> None:
    decoded = decode_nlris(octets + T3)

    assert decoded.broken == ([route] if route else [])
    assert len(decoded.routes) == 1
    assert [m.treatment for m in decoded.malformed] == [Treatment.TREATED_AS_WITHDRAW]


@pytest.mark.parametrize("kind", [0, 6, 7, 8, 9, 10, 11, 12, 255])
def test_an_unknown_type_is_skipped_by_its_length(kind: int) -> None:
    decoded = decode_nlris(T3 + nlri(kind, bytes(7)) + T2)

    assert [m.treatment for m in decoded.malformed] == [Treatment.SKIPPED]
    assert len(decoded.routes) == len(decoded.mac_ip) == 1


@pytest.mark.parametrize("block", [b"\x02", T2 + b"\x03", T2[:-1], T2 + T3[:-1]])
def test_an_outer_length_past_the_end_loses_the_block(block: bytes) -> None:
    with pytest.raises(ValueError, match="runs past"):
        decode_nlris(block)
    with pytest.raises(ValueError, match="runs past"):
        split_nlris(block)


def test_a_block_is_cut_by_outer_lengths_whatever_is_inside() -> None:
    parts = [T2, T3, nlri(99, b"abc"), nlri(2, b"")]

    assert split_nlris(b"".join(parts)) == parts


def test_the_key_leaves_out_what_is_not_identity() -> None:
    assert nlri_key(mac_ip(IP4)) == b"\x02" + RD + TAG + b"\x30" + MAC + b"\x20" + IP4
    assert nlri_key(mac_ip(IP4, labels=bytes(6))) == nlri_key(mac_ip(IP4))
    assert nlri_key(encode_mac_ip(RD, 1, [MAC])[0]) == nlri_key(T2)
    assert nlri_key(T3) == T3
    ethernet_ad = nlri(1, RD + ESI + TAG + LABEL)
    assert nlri_key(ethernet_ad) == ethernet_ad[:-3]
    prefix = nlri(5, RD + ESI + TAG + b"\x08" + PREFIXES[4] + LABEL)
    assert nlri_key(prefix) == b"\x05" + RD + TAG + b"\x08" + PREFIXES[4][:4]


def test_an_ethernet_tag_stands_behind_the_rd() -> None:
    source = source_of(RD, 7)
    plain, tagged = (
        encode_mac_ip(each, 10100, [MAC + IP4])[0] for each in (RD, source)
    )

    assert tagged == plain[:20] + TAG + plain[24:]
    assert encode_imet(source, IP4) == encode_imet(RD, IP4).replace(
        RD + bytes(4), RD + TAG
    )
    assert source_of(RD, 0) == source_of(RD, None) == RD
    (batch,) = decode_nlris(tagged).mac_ip
    assert (batch.rd, batch.ethernet_tag) == (RD, TAG)


def test_a_route_is_the_same_within_another_source() -> None:
    other = source_of(bytes(8), 9)

    for key in (MAC, MAC + IP4, MAC + IP6):
        one, two = (encode_mac_ip(each, 5, [key])[0] for each in (RD, other))
        assert key_within_source(one) == key_within_source(two)
        assert key_within_source(one).endswith(key[6:])
    one, two = encode_imet(RD, IP4), encode_imet(other, IP4)
    assert key_within_source(one) == key_within_source(two) == b"\x03\x20" + IP4
    assert key_within_source(encode_imet(RD, IP6)) != key_within_source(one)


def test_the_keys_of_a_mac_and_of_its_bindings_differ() -> None:
    keys = {nlri_key(n) for n in encode_mac_ip(RD, 1, [MAC, MAC + IP4, MAC + IP6])}

    assert len(keys) == 3


def test_what_is_no_mac_and_ip_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="7 octets"):
        encode_mac_ip(RD, 1, [MAC + b"\x00"])


def test_a_second_label_stands_with_an_ip_alone() -> None:
    keys = [MAC, MAC + IP4, MAC + IP6]

    plain, *bound = encode_mac_ip(RD, 10100, keys, 9999)

    assert plain == encode_mac_ip(RD, 10100, [MAC])[0]
    for nlri, key in zip(bound, keys[1:], strict=True):
        (batch,) = decode_nlris(nlri).mac_ip
        assert (batch.keys, batch.labels.hex()) == ([key], "00277400270f")
        assert nlri_key(nlri) == nlri_key(encode_mac_ip(RD, 0, [key])[0])


@pytest.mark.parametrize("address", [IP4, IP6])
def test_a_prefix_route_has_no_gateway_and_the_label_of_its_vrf(address: bytes) -> None:
    prefix = address + bytes([20])

    (nlri,) = encode_prefixes(RD, 9999, [prefix])

    (route,) = decode_nlris(nlri).routes
    assert isinstance(route, IpPrefixRoute)
    assert (route.rd, route.prefix, route.prefix_length) == (RD, address, 20)
    assert (route.gateway, route.label.hex()) == (bytes(len(address)), "00270f")
    assert nlri_key(nlri) == nlri_key(encode_prefixes(RD, 0, [prefix])[0])


def test_what_is_no_prefix_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="4 octets"):
        encode_prefixes(RD, 1, [IP4])


def test_an_imet_route_has_the_originators_length_in_bits() -> None:
    assert encode_imet(RD, bytes([10, 0, 0, 1])) == T3
    assert encode_imet(RD, IP6)[14] == 128
