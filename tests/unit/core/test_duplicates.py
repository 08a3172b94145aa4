"""Duplicate addresses (RFC 7432, section 15.1)."""

from evpnd.core import views
from evpnd.model.config import DuplicateDetection
from evpnd.model.ids import parse_ip
from tests.fakes.host import PEERS, VNI, Host, announce, attributes, config
from tests.fakes.kernel import PORTS

MAC = b"\2\0\0\0\0\1"
PEER = PEERS[0]
VTEP = "10.0.0.9"
SETTINGS = DuplicateDetection(moves=4, window=60.0)
FREEZE = DuplicateDetection(moves=4, window=60.0, freeze=True, freeze_for=100.0)


def host(settings: DuplicateDetection) -> Host:
    made = Host(configuration=config(duplicate_detection=settings))
    made.up()
    return made


def move_back_and_forth(here: Host, times: int, pause: float = 0.0) -> None:
    """It comes to us, then goes again: two moves each time."""
    for _ in range(times):
        sequence = here.vrf.sequence.get(MAC, 0) + 1
        here.run(announce(PEER, attributes(VTEP, sequence), VTEP, MAC))
        here.later(pause)
        here.run(*here.kernel.frame(PORTS[0], MAC))
        here.later(pause)


def events(here: Host) -> list[str]:
    return [n.event for n in here.notices if n.event.startswith("duplicate")]


def test_a_mac_that_moves_too_often_is_told_of_once() -> None:
    here = host(SETTINGS)
    move_back_and_forth(here, 5)

    assert events(here) == ["duplicate_mac_found"]
    (shown,) = views.macs(here.engine)
    assert shown["duplicate"]
    assert MAC in here.vrf.announced


def test_moves_outside_the_window_do_not_count() -> None:
    here = host(SETTINGS)
    move_back_and_forth(here, 5, pause=40.0)

    assert events(here) == []


def test_moves_among_remote_vteps_are_theirs_to_count() -> None:
    here = host(SETTINGS)
    for sequence in range(10):
        vtep = f"10.0.0.{2 + sequence % 2}"
        here.run(announce(PEER, attributes(vtep, sequence), vtep, MAC))

    assert events(here) == []


def test_disabled_means_no_word() -> None:
    here = host(DuplicateDetection(enabled=False, moves=2))
    move_back_and_forth(here, 5)

    assert events(here) == []


def test_a_frozen_mac_is_left_as_it_is() -> None:
    here = host(FREEZE)
    move_back_and_forth(here, 3)
    assert MAC in here.vrf.frozen
    before = here.kernel.bridge[MAC], here.vrf.announced.get(MAC)
    here.bgp.clear()

    here.run(announce(PEER, attributes(VTEP, 99), VTEP, MAC))
    assert (here.kernel.bridge[MAC], here.vrf.announced.get(MAC)) == before
    assert here.bgp == []


def test_a_frozen_mac_thaws_when_its_time_is_over() -> None:
    here = host(FREEZE)
    move_back_and_forth(here, 3)
    here.run(announce(PEER, attributes(VTEP, 99), VTEP, MAC))
    here.later(101.0)

    assert here.remote_macs() == {MAC: parse_ip(VTEP)}
    assert events(here) == ["duplicate_mac_found", "duplicate_mac_released"]


def test_an_operator_releases_it_at_once() -> None:
    here = host(FREEZE)
    move_back_and_forth(here, 3)
    here.run(announce(PEER, attributes(VTEP, 99), VTEP, MAC))
    assert here.engine.clear_duplicate(VNI, MAC)
    here.run()

    assert here.remote_macs() == {MAC: parse_ip(VTEP)}
    assert not here.engine.clear_duplicate(VNI, MAC)
