from evpnd.model.communities import DEFAULT_GATEWAY, mac_mobility
from evpnd.wire.communities import (
    VXLAN,
    arp_nd,
    decode_communities,
    encapsulation,
    is_route_target,
)


def test_only_the_three_transitive_forms_are_route_targets() -> None:
    for octets in ("0002fde800002774", "01020a0000010007", "0202fa56ea012774"):
        assert is_route_target(bytes.fromhex(octets))
    for octets in ("0003fde800002774", "4002fde800002774", "0602000000000000"):
        assert not is_route_target(bytes.fromhex(octets))


def test_each_community_says_its_part_and_unknown_ones_nothing() -> None:
    target = bytes.fromhex("0002fde800002774")

    decoded = decode_communities(
        [
            bytes.fromhex("8099112233445566"),
            target,
            VXLAN,
            encapsulation(19),
            mac_mobility(0xFFFFFFFF, sticky=True),
            DEFAULT_GATEWAY,
            arp_nd(0x03),
        ]
    )

    assert decoded.route_targets == (target,)
    assert decoded.encapsulations == (8, 19)
    assert decoded.sequence == 0xFFFFFFFF
    assert decoded.sticky
    assert decoded.default_gateway
    assert decoded.arp_nd_flags == 3


def test_absent_communities_mean_sequence_0_and_not_sticky() -> None:
    assert decode_communities([]) == ((), (), 0, False, False, None)


def test_the_first_of_two_mobility_communities_counts() -> None:
    decoded = decode_communities([mac_mobility(5), mac_mobility(9, sticky=True)])

    assert (decoded.sequence, decoded.sticky) == (5, False)


def test_an_arp_nd_community_without_flags_is_there_all_the_same() -> None:
    assert decode_communities([arp_nd(0), arp_nd(1)]).arp_nd_flags == 0
