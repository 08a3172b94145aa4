"""Which of several routes is taken, and that equal ones do not take turns."""

from dataclasses import replace
from itertools import permutations

import pytest

from evpnd.core.bgp.evi_routes import EviRoutes
from evpnd.core.bgp.path import Path, Rank, rank
from evpnd.core.bgp.select import best_for_mac
from evpnd.core.want import macs
from evpnd.model.actions import BgpAction, KernelAction
from evpnd.model.events import (
    Event,
    PeerWentDown,
    PeerWentUp,
    RefreshMarked,
    UpdateReceived,
)
from evpnd.model.ids import Peer, parse_ip, parse_rd
from evpnd.model.routes import MacIpBatch, PathAttributes, Update
from tests.fakes.host import (
    LABEL,
    NO_ESI,
    NO_TAG,
    PEERS,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
    end_of_rib,
    rd_of,
    withdraw,
)

MAC = b"\2\0\0\0\0\1"
IP = parse_ip("192.0.2.10")
VTEP = "10.0.0.2"
ONE, TWO = PEERS
BASE = PathAttributes(next_hop=parse_ip("10.0.0.5"), sequence=5, as_path_length=2)


def order(
    path: PathAttributes,
    *,
    ebgp: bool = False,
    router_id: str = "5.5.5.5",
    peer: str = "192.0.2.5",
) -> Rank:
    return rank(
        path, ebgp=ebgp, router_id=parse_ip(router_id), peer_address=parse_ip(peer)
    )


@pytest.mark.parametrize(
    "better",
    [
        order(replace(BASE, sticky=True, sequence=0)),
        order(replace(BASE, sequence=6, next_hop=parse_ip("10.0.0.9"))),
        order(replace(BASE, next_hop=parse_ip("10.0.0.4"), local_preference=1)),
        order(replace(BASE, local_preference=101, as_path_length=9)),
        order(replace(BASE, as_path_length=1, origin=2)),
        order(replace(BASE, med=None), ebgp=True),
        order(BASE, router_id="5.5.5.4", peer="192.0.2.9"),
        order(replace(BASE, originator_id=parse_ip("1.1.1.1")), router_id="9.9.9.9"),
        order(BASE, peer="192.0.2.4"),
    ],
)
def test_the_decision_has_the_order_of_the_design(better: Rank) -> None:
    assert better < order(BASE)


@pytest.mark.parametrize(
    "worse",
    [
        order(replace(BASE, origin=1)),
        order(replace(BASE, med=1)),
        order(replace(BASE, originator_id=parse_ip("9.9.9.9")), router_id="1.1.1.1"),
        order(replace(BASE, cluster_list=(bytes(4),)), peer="192.0.2.1"),
    ],
)
def test_the_decision_goes_on_down_to_the_cluster_list(worse: Rank) -> None:
    assert order(BASE) < worse


def test_the_router_id_of_the_session_decides_before_the_peers_address() -> None:
    here = Host()
    here.run(PeerWentUp(ONE, router_id=parse_ip("10.0.0.9")))
    here.run(PeerWentUp(TWO, router_id=parse_ip("10.0.0.8")))
    for peer in PEERS:
        here.run(announce(peer, attributes(VTEP), VTEP, MAC))
    path = best_for_mac(here.vrf.routes, MAC)
    assert path is not None
    assert path.peer == TWO

    here.run(PeerWentDown(TWO, "closed", graceful=False))
    here.run(PeerWentUp(TWO, router_id=parse_ip("10.0.0.10")))
    here.run(announce(TWO, attributes(VTEP), VTEP, MAC))
    path = best_for_mac(here.vrf.routes, MAC)
    assert path is not None
    assert path.peer == ONE


def test_two_rds_of_one_peer_are_chosen_from_in_any_order_alike() -> None:
    def said(number: int) -> Event:
        batch = MacIpBatch(
            parse_rd(f"{VTEP}:{number}"), NO_TAG, NO_ESI, LABEL, [MAC, MAC + IP]
        )
        path = attributes(VTEP, arp_nd_flags=number & 1)
        return UpdateReceived(ONE, Update(path, [batch], [], [], []))

    ends = set()
    for numbers in permutations((1, 2, 3)):
        here = Host()
        here.up()
        for number in numbers:
            here.run(said(number))
        path = best_for_mac(here.vrf.routes, MAC)
        assert path is not None
        ends.add((path.rd, here.kernel.neighbors[IP].flags))

    assert len(ends) == 1


def twice() -> Host:
    """Two route reflectors say the same."""
    here = Host(
        configuration=config(
            peers=tuple(replace(peer, graceful_restart=30) for peer in config().peers)
        )
    )
    for peer in PEERS:
        here.run(PeerWentUp(peer, restart_time=30, router_id=parse_ip(peer)))
        here.run(*said_by(peer), end_of_rib(peer))
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}
    assert here.kernel.flood.keys() == {parse_ip(VTEP)}
    return here


def said_by(peer: Peer) -> list[Event]:
    return [
        announce(peer, attributes(VTEP, 3), VTEP, MAC, MAC + IP),
        announce_imet(peer, VTEP),
    ]


@pytest.mark.parametrize("peer", PEERS)
def test_equal_routes_of_two_reflectors_move_no_row(peer: Peer) -> None:
    here = twice()
    here.notices.clear()
    here.bgp.clear()

    histories: list[list[Event]] = [
        said_by(peer),
        [RefreshMarked(peer, ended=False), *said_by(peer), RefreshMarked(peer, True)],
        [withdraw(peer, VTEP, MAC, MAC + IP), *said_by(peer)],
        [PeerWentDown(peer, "closed")],
        [PeerWentUp(peer, restart_time=30, forwarding=True), *said_by(peer)],
        [end_of_rib(peer)],
        [withdraw(peer, VTEP, MAC, MAC + IP)],
        [PeerWentDown(peer, "closed", graceful=False)],
    ]
    for events in histories:
        for event in events:
            here.tell(event)
            done = here.turn()
            assert not [a for a in done if isinstance(a, KernelAction)], event
    assert here.bgp == []
    assert {notice.event for notice in here.notices} <= {
        "peer_up",
        "peer_down",
        "end_of_rib",
    }


def test_the_best_path_is_looked_for_once_a_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = twice()
    asked: list[bytes] = []

    def counted(evi: EviRoutes, mac: bytes) -> Path | None:
        asked.append(mac)
        return best_for_mac(evi, mac)

    monkeypatch.setattr(macs, "best_for_mac", counted)
    for sequence in (4, 5, 6):
        for peer in PEERS:
            path = attributes("10.0.0.3", sequence)
            here.tell(announce(peer, path, VTEP, MAC, MAC + IP))
    here.turn()

    assert asked == [MAC]
    assert here.remote_macs() == {MAC: parse_ip("10.0.0.3")}
    assert rd_of(VTEP) == here.vrf.routes.slots[MAC][0].rd  # type: ignore[index]
    assert [a for a in here.turn() if isinstance(a, KernelAction | BgpAction)] == []
