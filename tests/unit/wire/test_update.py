import pytest

from evpnd.model.routes import ImetRoute, Treatment, Update
from evpnd.wire.framing import encode_attribute
from evpnd.wire.nlri import encode_mac_ip
from evpnd.wire.update import UpdateDecoder
from tests.unit.wire.octets import (
    AS_PATH,
    IP6,
    LOCAL_PREF,
    MAC,
    MANDATORY,
    ORIGIN,
    RD,
    T2,
    T3,
    TARGET,
    VTEP,
    body,
    reach,
    unreach,
)

IMET = ImetRoute(RD, bytes(4), VTEP)
BAD_ORIGIN = bytes.fromhex("40010109")


def decode(octets: bytes) -> Update:
    """Decode twice: the second time from what the first one left."""
    decoder = UpdateDecoder()
    first = decoder.decode(octets)
    second = decoder.decode(octets)
    assert first == second
    return first


def is_empty(update: Update) -> bool:
    return not any(update[:5]) and not update.end_of_rib


def resets(octets: bytes, code: int, subcode: int) -> bool:
    update = decode(octets)
    return is_empty(update) and [m[:1] + m[2:] for m in update.malformed] == [
        (Treatment.SESSION_RESET, code, subcode)
    ]


def test_announced_routes_come_with_their_attributes() -> None:
    update = decode(body(reach(T2 + T3), MANDATORY))

    assert update.attributes
    assert update.attributes.next_hop == VTEP
    assert [batch.keys for batch in update.mac_ip] == [[MAC]]
    assert update.routes == [IMET]
    assert not update.withdrawn_mac_ip + update.withdrawn
    assert not update.malformed


def test_mp_reach_may_stand_anywhere() -> None:
    decoder = UpdateDecoder()
    first = decoder.decode(body(reach(T2), MANDATORY))
    second = decoder.decode(body(ORIGIN, reach(T2), AS_PATH, LOCAL_PREF))
    third = decoder.decode(body(MANDATORY, reach(T2)))

    assert first.attributes is second.attributes is third.attributes
    assert first.mac_ip == second.mac_ip == third.mac_ip


def test_one_block_of_octets_is_one_object() -> None:
    decoder = UpdateDecoder()
    first = decoder.decode(body(reach(T2), MANDATORY)).attributes
    other_hop = decoder.decode(body(reach(T2, IP6), MANDATORY)).attributes
    again = decoder.decode(body(reach(T3 + T2), MANDATORY)).attributes

    assert first is again
    assert first is not other_hop


def test_more_blocks_than_are_kept_still_decode() -> None:
    decoder = UpdateDecoder()
    for med in range(3000):
        octets = body(
            reach(T2), MANDATORY, encode_attribute(0x80, 4, med.to_bytes(4, "big"))
        )
        for _ in range(2):
            attributes = decoder.decode(octets).attributes

            assert attributes
            assert attributes.med == med
    assert len(decoder._cache) <= 1024


def test_long_attributes_that_all_differ_are_not_all_kept() -> None:
    decoder = UpdateDecoder()
    for number in range(500):
        communities = b"".join(
            b"\x40\x00" + number.to_bytes(3, "big") + n.to_bytes(3, "big")
            for n in range(450)
        )
        octets = body(reach(T2), MANDATORY, encode_attribute(0xC0, 16, communities))

        assert decoder.decode(octets).mac_ip
    assert sum(map(len, decoder._cache)) <= 1 << 18


def test_the_length_of_the_next_hop_tells_equal_octets_apart() -> None:
    # 12 octets read as part of a long next hop, or as attributes behind a short one.
    twelve = encode_attribute(0x80, 4, b"\x00\x00\x00\x07") + bytes.fromhex(
        "80c80200ff"
    )
    decoder = UpdateDecoder()
    short = decoder.decode(body(reach(T2, VTEP), twelve, MANDATORY))
    long = decoder.decode(body(reach(T2, VTEP + twelve), MANDATORY))

    assert short.attributes
    assert long.attributes
    assert short.attributes.med == 7
    assert long.attributes.next_hop == VTEP + twelve


def test_of_two_ipv6_next_hops_the_global_one_counts() -> None:
    link_local = bytes.fromhex("fe80") + bytes(13) + b"\x01"

    update = decode(body(reach(T2, IP6 + link_local), MANDATORY))

    assert update.attributes
    assert update.attributes.next_hop == IP6


def test_the_reserved_octet_is_ignored() -> None:
    octets = reach(T2).replace(VTEP + b"\x00", VTEP + b"\x05")

    assert decode(body(octets, MANDATORY)).mac_ip


def test_withdrawn_routes_need_no_attributes() -> None:
    update = decode(body(unreach(T2 + T3)))

    assert update.attributes is None
    assert [batch.keys for batch in update.withdrawn_mac_ip] == [[MAC]]
    assert update.withdrawn == [IMET]
    assert not update.malformed


def test_one_update_may_withdraw_and_announce() -> None:
    update = decode(body(reach(T2), unreach(T3), MANDATORY))

    assert update.attributes
    assert len(update.mac_ip) == 1
    assert update.withdrawn == [IMET]


@pytest.mark.parametrize("octets", ["00000006800f03001946", "00000007900f0003001946"])
def test_mp_unreach_alone_and_empty_is_end_of_rib(octets: str) -> None:
    update = decode(bytes.fromhex(octets))

    assert update == Update(None, [], [], [], [], end_of_rib=True)


def test_an_empty_update_is_the_end_of_another_familys_rib() -> None:
    assert decode(bytes(4)) == Update(None, [], [], [], [])


def test_end_of_rib_with_anything_else_is_none() -> None:
    assert not decode(body(unreach(b""), MANDATORY)).end_of_rib
    assert not decode(body(unreach(b""), withdrawn=b"\x08\x0a")).end_of_rib
    assert not decode(body(encode_attribute(0x80, 15, b"\x00\x01\x01"))).end_of_rib


def test_other_families_are_ignored() -> None:
    flow = encode_attribute(0x80, 14, b"\x00\x01\x85\x00\x00\x03\x01\x18\x0a")
    gone = encode_attribute(0x80, 15, b"\x00\x02\x01\x00")

    assert decode(body(flow, gone, MANDATORY)) == Update(None, [], [], [], [])


def test_malformed_attributes_withdraw_what_is_announced() -> None:
    update = decode(body(reach(T2 + T3), unreach(T3), BAD_ORIGIN, AS_PATH, LOCAL_PREF))

    assert update.attributes is None
    assert not update.mac_ip + update.routes
    assert [batch.keys for batch in update.withdrawn_mac_ip] == [[MAC]]
    assert update.withdrawn == [IMET, IMET]
    assert [m.treatment for m in update.malformed] == [Treatment.TREATED_AS_WITHDRAW]


def test_an_attribute_that_runs_over_withdraws_what_is_announced() -> None:
    update = decode(body(reach(T2), MANDATORY, b"\xc0\x10\xff\x00"))

    assert update.attributes is None
    assert [batch.keys for batch in update.withdrawn_mac_ip] == [[MAC]]


def test_malformed_attributes_without_reachable_routes_reset_the_session() -> None:
    assert resets(body(unreach(T2), BAD_ORIGIN), 3, 6)
    assert resets(body(reach(b""), BAD_ORIGIN), 3, 6)
    assert resets(body(MANDATORY, b"\xc0\x10\xff\x00"), 3, 1)


def test_a_discarded_attribute_without_reachable_routes_is_harmless() -> None:
    update = decode(body(unreach(T2), encode_attribute(0x40, 6, b"x")))

    assert update.withdrawn_mac_ip
    assert [m.treatment for m in update.malformed] == [Treatment.ATTRIBUTE_DISCARDED]


def test_no_routes_need_no_mandatory_attributes() -> None:
    assert decode(body(reach(b""))) == Update(None, [], [], [], [])


def test_a_discarded_attribute_is_found_in_every_update() -> None:
    octets = body(reach(T2), MANDATORY, LOCAL_PREF)

    update = decode(octets)

    assert update.attributes
    assert len(update.malformed) == 1


def test_a_broken_route_leaves_its_neighbours_announced() -> None:
    broken = b"\x02\x20" + T2[2:-1]

    update = decode(body(reach(T3 + broken), MANDATORY))

    assert update.routes == [IMET]
    assert [batch.keys for batch in update.withdrawn_mac_ip] == [[MAC]]


def test_a_broken_withdrawal_withdraws_all_the_same() -> None:
    broken = b"\x02\x1e" + T2[2:-3]

    update = decode(body(unreach(broken)))

    assert [batch.keys for batch in update.withdrawn_mac_ip] == [[MAC]]
    assert len(update.malformed) == 1


def test_unknown_types_alone_announce_nothing() -> None:
    update = decode(body(reach(b"\x09\x01\x00"), MANDATORY))

    assert is_empty(update)
    assert [m.treatment for m in update.malformed] == [Treatment.SKIPPED]


@pytest.mark.parametrize("size", [0, 3, 5, 8, 12, 15, 17, 24, 31, 33, 255])
def test_an_impossible_next_hop_length_resets_the_session(size: int) -> None:
    assert resets(body(reach(T2, bytes(size)), MANDATORY), 3, 9)


@pytest.mark.parametrize(
    "attribute",
    [
        encode_attribute(0x80, 14, b"\x00\x19\x46\x04"),
        encode_attribute(0x80, 14, b"\x00\x19\x46\x04" + VTEP),
        encode_attribute(0x80, 15, b"\x00\x19"),
        encode_attribute(0x80, 14, b""),
        reach(T2[:-1]),
        reach(T2 + b"\x02"),
        unreach(T2 + T2[:20]),
    ],
)
def test_a_broken_mp_attribute_resets_the_session(attribute: bytes) -> None:
    assert resets(body(attribute, MANDATORY), 3, 9)


@pytest.mark.parametrize("flags", [0x00, 0x40, 0xC0])
def test_wrong_flags_of_an_mp_attribute_withdraw_what_it_carries(flags: int) -> None:
    # RFC 7606, section 3 c: the value can be read all the same.
    announces = encode_attribute(flags, 14, reach(T2 + T3)[3:])
    withdraws = encode_attribute(flags, 15, unreach(T2)[3:])
    finding = [(Treatment.TREATED_AS_WITHDRAW, 3, 4)]
    for octets, others in (
        (body(announces, MANDATORY), [IMET]),
        (body(reach(T3), withdraws, MANDATORY), [IMET]),
        (body(withdraws), []),
    ):
        update = decode(octets)

        assert update.attributes is None
        assert not update.mac_ip + update.routes
        assert [batch.keys for batch in update.withdrawn_mac_ip] == [[MAC]]
        assert update.withdrawn == others
        assert [m[:1] + m[2:] for m in update.malformed] == finding


def test_wrong_flags_of_an_mp_attribute_do_not_stay_with_the_others() -> None:
    decoder = UpdateDecoder()
    decoder.decode(body(encode_attribute(0xC0, 14, reach(T2)[3:]), MANDATORY))

    assert decoder.decode(body(reach(T2), MANDATORY)).mac_ip


def test_wrong_flags_of_mp_unreach_without_reachable_routes_reset_the_session() -> None:
    withdraws = encode_attribute(0xC0, 15, unreach(T2)[3:])

    assert resets(body(withdraws, MANDATORY), 3, 4)


def test_an_end_of_rib_with_wrong_flags_is_none() -> None:
    update = decode(body(encode_attribute(0xC0, 15, b"\x00\x19\x46")))

    assert is_empty(update)
    assert [m.treatment for m in update.malformed] == [Treatment.TREATED_AS_WITHDRAW]


def test_a_repeated_mp_attribute_resets_the_session() -> None:
    assert resets(body(reach(T2), reach(T3), MANDATORY), 3, 1)
    assert resets(body(unreach(T2), unreach(b"")), 3, 1)


def test_a_repeated_mp_reach_behind_known_attributes_resets_the_session() -> None:
    decoder = UpdateDecoder()
    decoder.decode(body(reach(T2), MANDATORY))

    update = decoder.decode(body(reach(T2), MANDATORY, reach(T3)))

    assert is_empty(update)


def test_what_follows_a_known_beginning_is_judged() -> None:
    decoder = UpdateDecoder()
    sound = decoder.decode(body(ORIGIN, AS_PATH, reach(T2), LOCAL_PREF))
    assert decoder.decode(body(ORIGIN, AS_PATH, reach(T2), LOCAL_PREF)) == sound

    twice = decoder.decode(body(ORIGIN, AS_PATH, reach(T2), LOCAL_PREF, reach(T3)))
    withdrawn = decoder.decode(body(ORIGIN, AS_PATH, reach(T2), BAD_ORIGIN))
    long = decoder.decode(body(ORIGIN, AS_PATH, reach(T2)[:-1]))

    assert is_empty(twice)
    assert not withdrawn.mac_ip
    assert [batch.keys for batch in withdrawn.withdrawn_mac_ip] == [[MAC]]
    assert is_empty(long)


def test_an_mp_attribute_cut_short_resets_the_session() -> None:
    assert resets(body(reach(T3), MANDATORY, unreach(T2)[:-1]), 3, 1)
    assert resets(body(MANDATORY, reach(T2)[:-1]), 3, 1)


@pytest.mark.parametrize("octets", ["", "00", "0000", "000000"])
def test_less_than_both_lengths_is_a_message_of_bad_length(octets: str) -> None:
    assert resets(bytes.fromhex(octets), 1, 2)


@pytest.mark.parametrize("octets", ["00000001", "00010000", "ffff0000", "0000ffff00"])
def test_lengths_past_the_message_reset_the_session(octets: str) -> None:
    assert resets(bytes.fromhex(octets), 3, 1)


def test_ipv4_routes_are_checked_and_ignored() -> None:
    good = body(reach(T2), MANDATORY, withdrawn=b"\x18\x0a\x00\x00", nlris=b"\x00")

    assert decode(good).mac_ip
    assert resets(body(withdrawn=b"\x21" + bytes(5)), 3, 10)
    assert resets(body(MANDATORY, nlris=b"\x18\x0a"), 3, 10)


def test_views_of_octets_are_taken_too() -> None:
    octets = body(reach(T2), MANDATORY)
    decoder = UpdateDecoder()

    first = decoder.decode(memoryview(octets))
    second = decoder.decode(bytearray(octets))

    assert first == second
    assert isinstance(second.mac_ip[0].keys[0], bytes)


def test_external_peers_local_pref_is_no_preference_of_theirs() -> None:
    update = UpdateDecoder(ibgp=False).decode(body(reach(T2), MANDATORY))

    assert update.attributes
    assert update.attributes.local_preference is None


def test_thousands_of_routes_keep_their_order() -> None:
    keys = [b"\x02\x00" + n.to_bytes(4, "big") for n in range(1700)]
    nlris = b"".join(encode_mac_ip(RD, 10100, keys))
    targets = encode_attribute(0xC0, 16, TARGET)

    (batch,) = decode(body(reach(nlris), MANDATORY, targets)).mac_ip

    assert batch.keys == keys
