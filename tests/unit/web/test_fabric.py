"""What the picture shows, and where it stands."""

import pytest

from evpnd.web.fabric import Fabric, View, fabric
from evpnd.web.picture import MOST_CARDS, MOST_NODES, NARROW, WIDE, Card, draw
from tests.unit.web.glass import EVI, PEER, VTEP, Row


def peer(address: str, **more: object) -> Row:
    return PEER | {"address": address, "description": None} | more


def vtep(address: str, *peers: str, **more: object) -> Row:
    return VTEP | {"vtep": address, "peer": peers[0], "peers": list(peers)} | more


def kinds(drawn: Fabric) -> list[list[str]]:
    nodes = drawn.nodes
    return [[f"{nodes[n].kind} {nodes[n].key}" for n in tier] for tier in drawn.tiers]


def edges(drawn: Fabric) -> set[tuple[str, str, str]]:
    return {
        (drawn.nodes[edge.one].key, drawn.nodes[edge.other].key, edge.state)
        for edge in drawn.edges
    }


def test_reflectors_stand_above_and_tell_of_vteps() -> None:
    spines = [peer("10.0.0.254"), peer("10.0.0.253", state="active")]
    far = [
        vtep("10.0.0.3", "10.0.0.254"),
        vtep("10.0.0.2", "10.0.0.253", "10.0.0.254"),
    ]
    drawn = fabric([View("h1", spines, [EVI], far)])

    assert kinds(drawn) == [
        ["peer 10.0.0.253", "peer 10.0.0.254"],
        ["host h1", "vtep 10.0.0.2", "vtep 10.0.0.3"],
    ]
    assert edges(drawn) == {
        ("h1", "10.0.0.254", "established"),
        ("h1", "10.0.0.253", "active"),
        ("10.0.0.253", "10.0.0.2", "heard"),
        ("10.0.0.254", "10.0.0.2", "heard"),
        ("10.0.0.254", "10.0.0.3", "heard"),
    }


def test_in_a_mesh_a_peer_and_its_vtep_are_one() -> None:
    peers = [peer("10.1.0.2"), peer("10.1.0.3", state="idle")]
    far = [vtep("10.0.0.2", "10.1.0.2"), vtep("10.0.0.3", "10.1.0.3")]
    drawn = fabric([View("h1", peers, [EVI], far)])

    assert kinds(drawn) == [["host h1"], ["leaf 10.0.0.2", "leaf 10.0.0.3"]]
    assert edges(drawn) == {
        ("h1", "10.0.0.2", "established"),
        ("h1", "10.0.0.3", "idle"),
    }
    assert [node.state for node in drawn.nodes] == ["up", "up", "down"]


def test_hosts_that_are_asked_are_no_vteps_of_each_other() -> None:
    spine = [peer("10.0.0.254")]
    one = View("one", spine, [EVI], [vtep("10.0.0.2", "10.0.0.254")])
    evi = EVI | {"vtep": "10.0.0.2"}
    two = View("two", spine, [evi], [vtep("10.0.0.1", "10.0.0.254")], away=True)
    drawn = fabric([one, two])

    assert kinds(drawn) == [["peer 10.0.0.254"], ["host one", "host two"]]
    assert [node.state for node in drawn.nodes] == ["up", "up", "down"]


def test_one_vni_has_its_members_and_those_who_tell_of_them() -> None:
    peers = [peer("10.0.0.254"), peer("10.0.0.253"), peer("10.0.0.252")]
    far = [
        vtep("10.0.0.2", "10.0.0.254", vnis=[10100, 7]),
        vtep("10.0.0.3", "10.0.0.253", "10.0.0.254", vnis=[7]),
        vtep("10.0.0.4", "10.0.0.252", vnis=[8]),
    ]
    drawn = fabric([View("h1", peers, [EVI], far)], 7)

    assert kinds(drawn) == [
        ["peer 10.0.0.253", "peer 10.0.0.254"],
        ["vtep 10.0.0.2", "vtep 10.0.0.3"],
    ]


@pytest.mark.parametrize("count", [1, 3, MOST_CARDS, MOST_CARDS + 1, 2 * MOST_NODES])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_overlaps_or_leaves_the_picture(count: int, width: int) -> None:
    spine = [peer("10.0.0.254"), peer("10.0.0.253", description="spine" * 9)]
    far = [
        vtep(f"2001:db8:ffff:ffff:ffff:ffff:ffff:{n:x}", "10.0.0.254", vnis=[*range(n)])
        for n in range(1, count + 1)
    ]
    picture = draw(fabric([View("h1", spine, [EVI], far)]), width)

    assert picture.left_out == max(0, count + 1 - MOST_NODES)
    for card in picture.cards:
        assert card.x >= 0
        assert card.x + card.width <= picture.width
        assert card.y + card.height <= picture.height
        assert all(
            card.x < c.x and c.x + c.width < card.x + card.width for c in card.chips
        )
        assert all(c.y + 17 < card.y + card.height for c in card.chips)
        assert len(card.title) <= 17
    for at, card in enumerate(picture.cards):
        assert not any(_overlap(card, other) for other in picture.cards[at + 1 :])


def _overlap(one: Card, other: Card) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def test_a_card_names_its_vnis_or_how_many_more_there_are() -> None:
    far = [vtep("10.0.0.2", "10.0.0.254", vnis=[*range(1, 30)])]
    picture = draw(fabric([View("h1", [peer("10.0.0.254")], [EVI], far)]), WIDE)

    chips = picture.cards[-1].chips
    assert [chip.text for chip in chips] == [*map(str, range(1, 9)), "+21"]
    assert [chip.vni for chip in chips] == [*range(1, 9), None]
