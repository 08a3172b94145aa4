import pytest

from evpnd.model.advert import Advert
from evpnd.model.communities import (
    DEFAULT_GATEWAY,
    decode_communities,
    encode_communities,
    mac_mobility,
    mobility_of,
    with_sticky,
)

VTEP = bytes([10, 0, 0, 1])
TARGET = bytes.fromhex("0002fde800002774")
VXLAN = bytes.fromhex("030c000000000008")
GENEVE = bytes.fromhex("030c000000000013")
SITE = bytes.fromhex("0003fde800000007")


def arp_nd(flags: int) -> bytes:
    return bytes([6, 8, flags]) + bytes(5)


@pytest.mark.parametrize(
    ("octets", "counts"),
    [
        ("0002fde800002774", True),
        ("01020a0000010007", True),
        ("0202fa56ea012774", True),
        ("0003fde800002774", False),
        ("4002fde800002774", False),
        ("0602000000000000", False),
    ],
)
def test_only_the_three_transitive_forms_are_route_targets(
    octets: str, counts: bool
) -> None:
    community = bytes.fromhex(octets)

    found = decode_communities([community]).route_targets

    assert found == ((community,) if counts else ())


def test_each_community_says_its_part_and_unknown_ones_nothing() -> None:
    decoded = decode_communities(
        [
            bytes.fromhex("8099112233445566"),
            TARGET,
            VXLAN,
            GENEVE,
            mac_mobility(0xFFFFFFFF, sticky=True),
            DEFAULT_GATEWAY,
            arp_nd(0x03),
        ]
    )

    assert decoded.route_targets == (TARGET,)
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


def test_what_is_announced_says_vxlan_and_else_what_it_has_to() -> None:
    plain = Advert(VTEP, (TARGET,))
    everything = Advert(
        VTEP,
        (TARGET,),
        sequence=3,
        sticky=True,
        default_gateway=True,
        arp_nd_flags=0,
        site_of_origin=SITE,
    )

    assert encode_communities(plain) == (TARGET, VXLAN)
    assert encode_communities(everything) == (
        TARGET,
        VXLAN,
        bytes.fromhex("0600010000000003"),
        DEFAULT_GATEWAY,
        arp_nd(0),
        SITE,
    )


def test_a_mac_becomes_sticky_and_keeps_its_sequence() -> None:
    target = bytes.fromhex("0002fde800000007")
    moved = (mac_mobility(3), target)

    sticky = with_sticky(moved, sticky=True)

    assert sticky == (target, mac_mobility(3, sticky=True))
    assert mobility_of(sticky) == (3, True)
    assert with_sticky(sticky, sticky=False) == (target, mac_mobility(3))


def test_a_mobility_community_that_says_nothing_is_left_out() -> None:
    only = (mac_mobility(0, sticky=True),)

    assert with_sticky(only, sticky=False) == ()
    assert with_sticky((), sticky=True) == only
    assert mobility_of(()) == (0, False)
