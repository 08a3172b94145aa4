import pytest

from evpnd.model.advert import Advert
from evpnd.wire.attributes import (
    END_OF_RIB,
    build_updates,
    build_withdraws,
    encode_attributes,
)
from evpnd.wire.framing import split_attributes
from evpnd.wire.nlri import encode_mac_ip
from evpnd.wire.update import UpdateDecoder
from tests.unit.wire.octets import IP6, RD, T2, T3, TARGET, VTEP

PLAIN = encode_attributes(Advert(VTEP, (TARGET,)))
KEYS = [b"\x02\x00" + n.to_bytes(4, "big") for n in range(1000)]
NLRIS = encode_mac_ip(RD, 10100, KEYS)


def codes(message: bytes) -> list[int]:
    return [attribute[1] for attribute in split_attributes(message[23:])[0]]


def build(
    nlris: list[bytes],
    *,
    attributes: bytes = PLAIN,
    ibgp: bool = True,
    local_asn: int = 65001,
    asn4: bool = True,
    max_size: int = 4096,
) -> list[bytes]:
    return list(
        build_updates(
            attributes,
            VTEP,
            nlris,
            ibgp=ibgp,
            local_asn=local_asn,
            asn4=asn4,
            max_size=max_size,
        )
    )


def test_everything_stands_in_the_order_of_types() -> None:
    everything = Advert(
        next_hop=IP6,
        route_targets=(TARGET,),
        pmsi_vni=10100,
        local_preference=200,
        med=7,
        communities=(b"abcd",),
        large_communities=(b"abcdefghijkl",),
    )

    block = encode_attributes(everything)

    attributes, end = split_attributes(block)
    assert [(flags, code) for flags, code, *_ in attributes] == [
        (0x40, 1),
        (0x80, 4),
        (0x40, 5),
        (0xC0, 8),
        (0xC0, 16),
        (0xC0, 22),
        (0xC0, 32),
    ]
    assert end == len(block)


def test_many_communities_get_the_extended_length() -> None:
    block = encode_attributes(Advert(VTEP, (TARGET,) * 40))

    assert bytes.fromhex("d0100148") + TARGET in block


def test_local_preference_is_100_unless_given_and_zero_is_given() -> None:
    zero = encode_attributes(Advert(VTEP, (), local_preference=0, med=0))

    assert bytes.fromhex("40050400000064") in PLAIN
    assert zero.hex() == "400101008004040000000040050400000000c01008030c000000000008"


def test_an_internal_peer_gets_an_empty_path_and_local_pref() -> None:
    (message,) = build([T2])

    assert codes(message) == [14, 1, 2, 5, 16]
    assert b"\x40\x02\x00" in message


def test_an_external_peer_gets_our_as_and_no_local_pref() -> None:
    (message,) = build([T2], ibgp=False, local_asn=4200000001)

    assert codes(message) == [14, 1, 2, 16]
    assert bytes.fromhex("4002060201fa56ea01") in message


def test_an_old_external_peer_gets_as_trans_and_as4_path() -> None:
    (message,) = build([T2], ibgp=False, local_asn=4200000001, asn4=False)

    assert codes(message) == [14, 1, 2, 16, 17]
    update = UpdateDecoder(asn4=False, ibgp=False).decode(message[19:])
    assert update.attributes
    assert update.attributes.as_path == (4200000001,)


def test_an_old_external_peer_gets_a_small_as_as_it_is() -> None:
    (message,) = build([T2], ibgp=False, asn4=False)

    assert codes(message) == [14, 1, 2, 16]
    assert bytes.fromhex("4002040201fde9") in message


@pytest.mark.parametrize("max_size", [120, 300, 350, 4096, 65535])
def test_messages_are_as_full_as_they_go(max_size: int) -> None:
    for messages in (
        build(NLRIS, max_size=max_size),
        list(build_withdraws(NLRIS, max_size=max_size)),
    ):
        assert all(len(message) <= max_size for message in messages)
        # One octet more may be the second one of the attribute's length.
        assert all(len(m) + len(T2) + 1 > max_size for m in messages[:-1])


def test_a_full_message_has_115_macs_less_the_room_of_its_attributes() -> None:
    first = build(NLRIS)[0]

    update = UpdateDecoder().decode(first[19:])

    assert len(update.mac_ip[0].keys) == (4096 - 23 - 4 - 9 - len(PLAIN) - 3) // 35


def test_withdrawals_carry_nothing_but_the_routes() -> None:
    (message,) = build_withdraws([T2, T3])

    assert codes(message) == [15]
    update = UpdateDecoder().decode(message[19:])
    assert len(update.withdrawn_mac_ip) == len(update.withdrawn) == 1


def test_no_routes_make_no_messages() -> None:
    assert build([]) == []
    assert list(build_withdraws([])) == []


def test_a_route_that_fits_no_message_is_refused() -> None:
    size = len(build([T2])[0])

    assert len(build([T2], max_size=size)) == 1
    with pytest.raises(ValueError, match="no room"):
        build([T2], max_size=size - 1)


def test_attributes_that_run_over_are_refused() -> None:
    with pytest.raises(ValueError, match="runs past"):
        build([T2], attributes=PLAIN[:-1])


def test_end_of_rib_is_a_whole_message() -> None:
    assert int.from_bytes(END_OF_RIB[16:18]) == len(END_OF_RIB) == 29
    assert UpdateDecoder().decode(END_OF_RIB[19:]).end_of_rib
