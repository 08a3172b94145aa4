"""What a peer with many routes has no longer goes in slices, and nothing else does."""

import pytest

from evpnd.core.bgp import adj_rib_in as ribs
from evpnd.model.actions import KernelAction
from evpnd.model.events import Event, PeerWentDown, PeerWentUp, RefreshMarked
from tests.fakes.host import (
    PEERS,
    Host,
    announce,
    announce_imet,
    attributes,
    end_of_rib,
)

BAD, GOOD = PEERS
VTEP, OTHER = "10.0.0.2", "10.0.0.3"
MACS = [(0x020000000000 + n).to_bytes(6, "big") for n in range(100)]
SLICE = 10


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(ribs, "AT_ONCE", 20)
    made = Host()
    made.up()
    made.run(announce(BAD, attributes(VTEP), VTEP, *MACS), announce_imet(BAD, VTEP))
    assert made.remote_macs().keys() == set(MACS)
    return made


def turn(host: Host, *events: Event) -> None:
    """Take one turn of an agent."""
    host.tell(*events)
    for action in host.engine.reconcile(host.now, SLICE):
        if isinstance(action, KernelAction):
            host.tell(*host.kernel.apply(action))


def drain(host: Host) -> int:
    """Go on until nothing is due; returns the number of turns."""
    turns = 0
    while host.engine.peering.next_due() == 0:
        turn(host)
        turns += 1
    return turns


def down(host: Host) -> None:
    host.tell(PeerWentDown(BAD, "closed", graceful=False))


def test_the_routes_of_a_peer_that_is_gone_go_a_slice_a_turn(host: Host) -> None:
    down(host)
    rib = host.engine.peering.sessions[BAD].rib
    assert rib.is_empty()
    before = len(host.vrf.routes.slots)
    turn(host)

    assert before - len(host.vrf.routes.slots) == SLICE
    assert host.kernel.flood == {}
    host.engine.reconcile(host.now, 0)
    assert before - len(host.vrf.routes.slots) == SLICE
    assert drain(host) >= (len(MACS) - SLICE) // SLICE
    assert not host.vrf.routes.slots


def test_another_peers_route_does_not_wait_for_them(host: Host) -> None:
    down(host)
    new = bytes([2, 9, 0, 0, 0, 1])
    turn(host, announce(GOOD, attributes(OTHER), OTHER, new))

    assert new in host.kernel.vxlan
    assert set(host.vrf.routes.slots) & set(MACS)


def test_a_peer_that_is_back_before_they_are_gone_keeps_what_it_sends(
    host: Host,
) -> None:
    down(host)
    turn(host)
    kept = MACS[::3]
    host.tell(PeerWentUp(BAD), announce(BAD, attributes(VTEP), VTEP, *kept))
    host.tell(announce_imet(BAD, VTEP), end_of_rib(BAD))
    drain(host)
    host.run()

    assert host.remote_macs().keys() == set(kept)
    assert set(host.vrf.routes.slots) == set(kept)
    assert set(host.vrf.routes.imets.vteps()) == set(host.kernel.flood)
    assert len(host.kernel.flood) == 1


def test_what_a_refresh_left_out_goes_and_comes_back_on_the_same_path(
    host: Host,
) -> None:
    path = attributes(VTEP)
    host.run(announce(BAD, path, VTEP, *MACS))
    host.tell(RefreshMarked(BAD, ended=False), announce(BAD, path, VTEP, *MACS[:5]))
    host.tell(RefreshMarked(BAD, ended=True))
    rib = host.engine.peering.sessions[BAD].rib
    assert len(rib) == 5
    turn(host)
    # Once more with the attributes of what is leaving.
    host.tell(announce(BAD, path, VTEP, *MACS[50:60]))
    assert drain(host)
    host.run()

    assert host.remote_macs().keys() == {*MACS[:5], *MACS[50:60]}
    assert set(host.vrf.routes.slots) == {*MACS[:5], *MACS[50:60]}


def test_the_other_peers_route_takes_over_where_there_is_one(host: Host) -> None:
    host.run(announce(GOOD, attributes(OTHER), OTHER, *MACS))
    down(host)
    drain(host)
    host.run()

    assert host.remote_macs().keys() == set(MACS)
    assert {row.dst for row in host.kernel.vxlan.values()} == {bytes([10, 0, 0, 3])}


def test_without_a_limit_all_goes_at_once(host: Host) -> None:
    down(host)
    host.run()

    assert not host.vrf.routes.slots
    assert host.remote_macs() == {}
