"""Duplicate addresses (RFC 7432, section 15.1)."""

import pytest

from evpnd.core.local import duplicate_macs
from evpnd.model.config import DuplicateDetection
from evpnd.model.events import ConfigChanged
from evpnd.model.ids import parse_ip
from evpnd.views import show
from tests.fakes.host import PEERS, VNI, Host, announce, attributes, config, withdraw
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
        sequence = here.vrf.macs.sequence.get(MAC, 0) + 1
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
    (shown,) = show.macs(here.query)
    assert shown["duplicate"]
    assert MAC in here.vrf.sent.macs


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
    assert MAC in here.vrf.macs.frozen
    before = here.kernel.bridge[MAC], here.vrf.sent.macs.get(MAC)
    here.bgp.clear()

    here.run(announce(PEER, attributes(VTEP, 99), VTEP, MAC))
    assert (here.kernel.bridge[MAC], here.vrf.sent.macs.get(MAC)) == before
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


THREE = DuplicateDetection(moves=3, window=60.0, freeze=True, freeze_for=100.0)


def frozen_here() -> Host:
    """A MAC on a port of ours, frozen, that a remote VTEP claims as well."""
    here = host(THREE)
    move_back_and_forth(here, 2)
    assert here.vrf.macs.frozen == {MAC: b""}
    here.run(announce(PEER, attributes(VTEP, 99), VTEP, MAC))
    assert MAC in here.vrf.macs.local
    return here


def test_a_frozen_mac_that_ages_here_is_not_replaced_before_it_thaws() -> None:
    here = frozen_here()
    here.run(*here.kernel.age(MAC))
    assert MAC not in here.vrf.sent.macs
    assert here.remote_macs() == {}

    here.later(101.0)
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}


def test_what_was_announced_of_a_frozen_mac_is_withdrawn_when_it_ages() -> None:
    here = host(DuplicateDetection(moves=1, freeze=True))
    here.run(*here.kernel.frame(PORTS[0], MAC))
    # All of this is seen at once: it never was remote in between.
    here.tell(announce(PEER, attributes(VTEP, 1), VTEP, MAC))
    here.tell(*here.kernel.age(MAC), *here.kernel.frame(PORTS[0], MAC))
    here.run()
    assert MAC in here.vrf.macs.frozen
    assert MAC in here.vrf.sent.macs

    here.run(*here.kernel.age(MAC))
    assert MAC not in here.vrf.sent.macs


def frozen_behind_a_vtep() -> Host:
    here = host(THREE)
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(announce(PEER, attributes(VTEP, 1), VTEP, MAC))
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(announce(PEER, attributes(VTEP, 3), VTEP, MAC))
    assert here.vrf.macs.frozen == {MAC: parse_ip(VTEP)}
    return here


def test_a_frozen_mac_does_not_follow_its_route_to_another_vtep() -> None:
    here = frozen_behind_a_vtep()
    here.run(announce(PEER, attributes("10.0.0.8", 9), "10.0.0.8", MAC))
    here.run(*here.kernel.flush_vxlan())
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}

    here.later(101.0)
    assert here.remote_macs() == {MAC: parse_ip("10.0.0.8")}


def test_a_vtep_that_withdraws_a_frozen_mac_is_left() -> None:
    here = frozen_behind_a_vtep()
    here.run(announce(PEER, attributes("10.0.0.8", 9), "10.0.0.8", MAC))
    here.run(withdraw(PEER, VTEP, MAC))

    assert here.kernel.vxlan == here.kernel.bridge == {}


def test_a_frozen_mac_that_is_heard_here_is_not_announced_before_it_thaws() -> None:
    here = frozen_behind_a_vtep()
    here.bgp.clear()
    until = dict(here.engine.tenants.duplicates.found)
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(*here.kernel.frame(PORTS[1], MAC))
    assert here.bgp == []
    assert here.engine.tenants.duplicates.found == until

    here.later(101.0)
    assert MAC in here.vrf.sent.macs
    assert here.kernel.vxlan == {}


def test_other_settings_release_what_the_old_ones_found() -> None:
    here = frozen_here()
    here.run(ConfigChanged(config(duplicate_detection=SETTINGS)))

    assert events(here) == ["duplicate_mac_found", "duplicate_mac_released"]
    assert here.remote_macs() == {MAC: parse_ip(VTEP)}


def test_a_reload_that_leaves_the_settings_leaves_the_duplicates() -> None:
    here = frozen_here()
    here.run(ConfigChanged(config(duplicate_detection=THREE)))

    assert MAC in here.vrf.macs.frozen
    assert events(here) == ["duplicate_mac_found"]


def test_the_duplicates_of_an_evi_go_with_it() -> None:
    here = frozen_here()
    here.run(ConfigChanged(config(duplicate_detection=THREE, evis=())))
    here.run(ConfigChanged(config(duplicate_detection=THREE)))

    assert here.engine.tenants.duplicates.found == {}
    assert not here.engine.clear_duplicate(VNI, MAC)


def test_a_flood_of_moving_macs_makes_the_oldest_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duplicate_macs, "MOST", 8)
    here = host(DuplicateDetection(moves=1, window=60.0, freeze=True))
    macs = [b"\2\0\0\0\1" + bytes([last]) for last in range(20)]
    here.run(announce(PEER, attributes(VTEP), VTEP, *macs))
    for mac in macs:
        here.run(*here.kernel.frame(PORTS[0], mac))

    assert len(here.engine.tenants.duplicates._moves) <= 8
    assert [mac for _, mac in here.engine.tenants.duplicates.found] == macs[-8:]
    assert here.vrf.macs.frozen.keys() == set(macs[-8:])


def test_moves_out_of_the_window_are_forgotten() -> None:
    here = host(SETTINGS)
    move_back_and_forth(here, 1)
    assert here.engine.tenants.duplicates._moves
    here.later(61.0)

    assert here.engine.tenants.duplicates._moves == {}
