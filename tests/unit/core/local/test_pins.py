"""IPs that an administrator's permanent neighbour binds."""

from evpnd.core.local.probes import TRIES
from evpnd.model.actions import DumpNeighbors
from evpnd.model.events import NeighborsObserved
from evpnd.model.rows import NUD_REACHABLE, NUD_STALE, NeighborRow
from tests.fakes.host import PEERS, withdraw
from tests.fakes.kernel import BRIDGE
from tests.unit.core.local.binding_host import (
    HIGHER,
    IP4,
    LOWER,
    ONE,
    TWO,
    A,
    B,
    C,
    events,
    hear,
    made,
    remote,
    told,
)
from tests.unit.views.explain_host import IP, MAC, host, ip_story, texts


def test_a_pin_is_taken_whether_it_or_its_mac_comes_first() -> None:
    here = made()
    here.run(*here.kernel.pin(IP4, C))
    assert told(here) == {}
    here.run(*here.kernel.frame(ONE, C))
    assert told(here).keys() == {C, C + IP4}
    here.run(*here.kernel.age(C))
    here.run(*here.kernel.frame(TWO, C))
    assert told(here).keys() == {C, C + IP4}


def test_a_pin_takes_the_ip_from_a_tenant_that_has_it_back_when_the_pin_goes() -> None:
    here = made()
    hear(here, ONE, A, IP4)
    here.run(*here.kernel.pin(IP4, B))
    assert told(here).keys() == {B + IP4}
    here.run(*here.kernel.unpin(IP4))
    assert told(here).keys() == {A + IP4}


def test_a_pin_counts_as_soon_and_as_long_as_its_mac_is_here() -> None:
    here = made()
    hear(here, ONE, A, IP4)
    here.run(*here.kernel.pin(IP4, C))
    assert told(here).keys() == {A + IP4}
    here.run(*here.kernel.frame(TWO, C))
    assert told(here).keys() == {C, C + IP4}
    here.run(*here.kernel.age(C))
    assert told(here).keys() == {A + IP4}


def test_a_new_pin_is_the_latest_claim_to_an_ip_that_is_remote() -> None:
    here = made()
    remote(here, C, IP4, 6)
    here.run(*here.kernel.pin(IP4, A))

    assert told(here)[A + IP4].sequence == 7


def test_a_pin_that_becomes_an_ordinary_neighbour_ages_again() -> None:
    here = made()
    here.run(*here.kernel.pin(IP4, A))
    row = NeighborRow(True, BRIDGE, IP4, A, NUD_REACHABLE, 0, 0)
    here.run(NeighborsObserved([row]))
    assert (here.vrf.bindings.pinned, here.vrf.bindings.kernel) == ({}, {IP4: A})
    assert told(here).keys() == {A + IP4}
    hear(here, TWO, B, IP4)
    assert told(here).keys() == {B + IP4}


def test_a_pin_whose_rival_loses_rank_is_announced_again() -> None:
    here = made()
    remote(here, C, IP4, 0, vtep=LOWER)
    here.run(*here.kernel.pin(IP4, A))
    remote(here, C, IP4, 5, vtep=LOWER)
    assert IP4 in here.vrf.bindings.ceded_pins
    assert A + IP4 not in told(here)
    remote(here, C, IP4, 0, vtep=LOWER)

    assert told(here)[A + IP4].sequence == 1
    assert len(events(here, "pinned_binding_claimed")) == 1


def test_a_dump_without_the_pin_ends_it() -> None:
    here = made()
    here.run(*here.kernel.pin(IP4, A))
    del here.kernel.neighbors[IP4]
    here.run(*here.kernel.apply(DumpNeighbors(BRIDGE)))
    assert here.vrf.bindings.pinned == {}
    for _ in range(5):
        here.now += 1
        here.run()

    assert len(here.kernel.asked) == TRIES
    assert A + IP4 not in told(here)


def test_a_neighbour_that_changes_to_another_mac_is_news_though_it_is_stale() -> None:
    here = made()
    row = NeighborRow(True, BRIDGE, IP4, A, NUD_REACHABLE, 0, 0)
    here.run(NeighborsObserved([row]))
    here.run(NeighborsObserved([row._replace(mac=B, state=NUD_STALE)]))

    assert told(here).keys() == {B + IP4}


def test_a_stale_neighbour_that_changes_mac_outbids_a_remote_claim() -> None:
    here = made()
    row = NeighborRow(True, BRIDGE, IP4, A, NUD_REACHABLE, 0, 0)
    here.run(NeighborsObserved([row]))
    remote(here, C, IP4, 0, vtep=HIGHER)
    here.run(NeighborsObserved([row._replace(mac=B, state=NUD_STALE)]))
    here.run(withdraw(PEERS[0], HIGHER, C + IP4))

    assert told(here).keys() >= {B + IP4}


def test_explain_tells_of_a_pin() -> None:
    here = host()
    here.run(*here.kernel.pin(IP, MAC))
    told_first = ip_story(here)
    here.run(*here.kernel.frame(ONE, MAC))
    told_then = ip_story(here)

    (local,) = texts(told_first, "local")
    assert "permanent neighbour on br100" in local
    (end,) = (each for each in told_first if each["step"] == "end")
    assert (end["ok"], end["text"]) == (
        False,
        "absent: no tenant port has its MAC 02:00:00:00:00:01",
    )
    (local,) = texts(told_then, "local")
    assert local == (
        "it is bound to the local MAC 02:00:00:00:00:01 by the permanent neighbour on "
        "br100, and announced"
    )
    assert told_then[-1]["ok"] is True


def test_explain_tells_of_a_neighbour_that_did_not_answer() -> None:
    here = host()
    here.run(*here.kernel.frame(ONE, MAC))
    row = NeighborRow(True, BRIDGE, IP, MAC, NUD_REACHABLE, 0, 0)
    here.kernel.neighbors[IP] = row
    here.run(NeighborsObserved([row]))
    for _ in range(320):
        here.now += 1
        here.run()
        here.run(*here.kernel.frame(ONE, MAC))

    steps = ip_story(here)
    reason = "02:00:00:00:00:01 did not answer the probe for it"
    assert texts(steps, "local") == [reason]
    assert texts(steps, "end") == [f"absent: {reason}"]
