"""Who has an IP that several MACs claim, and when it is a duplicate."""

from evpnd.core.local.ip_claims import ANSWER_TIME, MOVE_TIME, RECHECK
from evpnd.core.local.probes import TRIES
from evpnd.model.config import (
    DuplicateDetection,
)
from evpnd.model.events import (
    Event,
)
from evpnd.model.ids import parse_ip
from tests.fakes.host import PEERS, VNI, Host, announce, attributes, withdraw
from tests.unit.core.local.binding_host import (
    B6,
    HIGHER,
    IP4,
    LOWER,
    ONE,
    PEER,
    TWO,
    A,
    B,
    C,
    events,
    hear,
    made,
    neighbor_of,
    remote,
    shown,
    told,
)


def test_a_silent_tenant_whose_ip_is_claimed_in_vain_gives_it_up() -> None:
    host = made()
    hear(host, ONE, A, IP4)
    host.later(0.1)
    remote(host, C, IP4, 0)
    assert neighbor_of(host, IP4) == (A, False)
    for _ in range(4):
        host.later(1.0)

    assert host.kernel.asked == [(ONE, A, IP4)] * 3
    assert neighbor_of(host, IP4) == (C, True)
    assert A + IP4 not in told(host)
    assert not events(host, "duplicate_ip_found")


def test_a_tenant_that_defends_its_ip_against_a_vain_claim_is_a_duplicate() -> None:
    host = made()
    host.kernel.answering = {(A, IP4)}
    hear(host, ONE, A, IP4)
    host.later(10.0)
    for _ in range(3):
        remote(host, C, IP4, 0)
        host.later(1.0)

    assert host.kernel.asked == [(ONE, A, IP4)]
    assert neighbor_of(host, IP4) == (A, False)
    (found,) = events(host, "duplicate_ip_found")
    assert (found["ip"], found["other_at"]) == ("192.0.2.10", HIGHER)
    host.run(withdraw(PEER, HIGHER, C, C + IP4))
    assert host.vrf.bindings.disputed == {}


def test_a_tenant_that_answers_for_an_ip_that_a_remote_one_has_is_a_duplicate() -> None:
    host = made()
    host.kernel.answering = {(A, IP4)}
    hear(host, ONE, A, IP4)
    remote(host, C, IP4, 1)

    (notice,) = events(host, "duplicate_ip_found")
    assert notice["ip"] == "192.0.2.10"
    assert (notice["mac"], notice["at"]) == ("02:00:00:00:00:01", "t12")
    assert (notice["other_mac"], notice["other_at"]) == ("02:00:00:00:00:03", HIGHER)
    assert shown(host, IP4)["duplicate"] is True
    assert len(host.engine.tenants.contests.found) == 1


def fight(host: Host, turns: int = 10) -> int:
    """Have a remote host claim an IP as often as we do; the last sequence of it."""
    host.kernel.answering = {(A, IP4)}
    hear(host, ONE, A, IP4)
    for _ in range(turns):
        sequence = host.vrf.macs.sequence.get(A, 0) + 1
        remote(host, C, IP4, sequence)
    return sequence


def test_a_duplicate_comes_to_rest_where_it_is() -> None:
    host = made()
    fight(host)
    assert neighbor_of(host, IP4) == (C, True)
    host.bgp.clear()
    for _ in range(100):
        host.later(10)
        hear(host, ONE, A, IP4)

    assert host.bgp == []
    assert len(events(host, "duplicate_ip_found")) == 1
    assert neighbor_of(host, IP4) == (C, True)
    assert shown(host, IP4)["duplicate"] is True


def test_a_duplicate_moves_no_oftener_than_detection_says() -> None:
    moves = 4
    host = made(DuplicateDetection(moves=moves))

    assert fight(host, turns=50) <= moves + 1


def test_a_duplicate_that_is_silent_for_the_window_is_none() -> None:
    host = made()
    fight(host)
    host.later(181)

    assert host.engine.tenants.contests.found == {}
    assert shown(host, IP4)["duplicate"] is False
    assert len(events(host, "duplicate_ip_released")) == 1


def test_when_the_holder_goes_the_other_one_has_the_ip_at_once() -> None:
    host = made()
    fight(host)
    host.run(withdraw(PEER, HIGHER, C, C + IP4))

    assert told(host).keys() == {A, A + IP4}
    assert neighbor_of(host, IP4) == (A, False)
    assert host.engine.tenants.contests.found == {}


def seconds(host: Host, count: float) -> None:
    for _ in range(int(count)):
        host.later(1.0)


def test_a_duplicate_whose_other_tenant_does_not_answer_is_over_in_seconds() -> None:
    host = made()
    fight(host)
    host.kernel.asked.clear()
    seconds(host, 60)
    # It answers: it is there.
    assert host.engine.tenants.contests.found
    assert 5 <= len(host.kernel.asked) <= 15
    host.kernel.answering.clear()
    seconds(host, RECHECK + TRIES + 1)

    assert host.engine.tenants.contests.found == {}
    assert shown(host, IP4)["duplicate"] is False
    assert len(events(host, "duplicate_ip_released")) == 1
    assert neighbor_of(host, IP4) == (C, True)


def test_a_duplicate_whose_other_mac_is_gone_is_over_when_a_move_would_be() -> None:
    host = made()
    fight(host)
    host.kernel.answering.clear()
    host.run(*host.kernel.age(A))
    seconds(host, MOVE_TIME - 1)
    assert host.engine.tenants.contests.found
    seconds(host, 2)

    assert host.engine.tenants.contests.found == {}
    assert len(events(host, "duplicate_ip_released")) == 1


def test_a_duplicate_whose_other_mac_moves_stays_one() -> None:
    host = made()
    fight(host)
    host.kernel.answering.clear()
    host.run(*host.kernel.age(A))
    seconds(host, MOVE_TIME - 1)
    remote(host, A, IP4, 0)
    seconds(host, MOVE_TIME)

    assert host.engine.tenants.contests.found
    host.run(withdraw(PEER, HIGHER, A, A + IP4))
    seconds(host, MOVE_TIME + 1)
    assert host.engine.tenants.contests.found == {}


def test_a_duplicate_whose_other_route_ends_is_over_when_a_move_would_be() -> None:
    host = made()
    host.kernel.answering = {(A, IP4)}
    hear(host, ONE, A, IP4)
    host.later(10.0)
    remote(host, C, IP4, 0)
    host.later(1.0)
    assert shown(host, IP4)["duplicate"] is True
    host.run(withdraw(PEER, HIGHER, C, C + IP4))
    seconds(host, MOVE_TIME - 1)
    assert shown(host, IP4)["duplicate"] is True
    seconds(host, 2)

    assert shown(host, IP4)["duplicate"] is False
    assert told(host).keys() == {A + IP4}


def two_that_insist() -> Host:
    """Return a host with two tenants that answer for one IP, and go on doing so."""
    host = made()
    host.kernel.answering = {(A, IP4), (B, IP4)}
    hear(host, ONE, A, IP4)
    host.later(1.0)
    hear(host, TWO, B, IP4)
    for _ in range(10):
        host.later(1.0)
        hear(host, ONE, A, IP4)
    return host


def test_two_tenants_here_of_which_one_lets_go_are_none() -> None:
    host = two_that_insist()
    assert shown(host, IP4)["duplicate"] is True
    host.kernel.answering = {(A, IP4), (B, IP4)} - {
        (host.engine.tenants.contests.found[VNI, IP4].other, IP4)
    }
    seconds(host, RECHECK + TRIES + 1)

    assert shown(host, IP4)["duplicate"] is False


def test_a_holder_that_lets_go_silently_leaves_the_ip_to_the_other_one() -> None:
    host = two_that_insist()
    found = host.engine.tenants.contests.found[VNI, IP4]
    assert found.held
    host.kernel.answering = {(found.other, IP4)}
    seconds(host, RECHECK + TRIES + 2)

    assert told(host).keys() == {found.other + IP4}
    assert shown(host, IP4)["duplicate"] is False


def test_an_operator_clears_a_duplicate_ip() -> None:
    host = made()
    fight(host)
    assert not host.engine.clear_duplicate(VNI, parse_ip("192.0.2.99"))
    assert not host.engine.clear_duplicate(999, IP4)
    assert host.engine.clear_duplicate(VNI, IP4)
    assert host.engine.tenants.contests.found == {}
    assert not host.engine.clear_duplicate(VNI, IP4)
    host.run()
    assert len(events(host, "duplicate_ip_released")) == 1
    # Its moves are counted anew: the tenant that is here may have it again.
    hear(host, ONE, A, IP4)
    assert neighbor_of(host, IP4) == (A, False)


def test_two_tenants_of_ours_with_one_ip_are_found() -> None:
    host = made()
    host.kernel.answering = {(A, IP4), (B, IP4)}
    hear(host, ONE, A, IP4)
    hear(host, TWO, B, IP4)

    (notice,) = events(host, "duplicate_ip_found")
    assert {notice["at"], notice["other_at"]} == {"t12", "t13"}
    host.bgp.clear()
    for _ in range(20):
        hear(host, ONE, A, IP4)
        hear(host, TWO, B, IP4)
    assert host.bgp == []


def test_when_the_local_holder_goes_the_other_one_has_the_ip() -> None:
    host = made()
    host.kernel.answering = {(A, IP4), (B, IP4)}
    hear(host, ONE, A, IP4)
    hear(host, TWO, B, IP4)
    holder, other = (A, B) if host.vrf.bindings.holder(IP4) == A else (B, A)
    host.run(*host.kernel.age(holder))

    assert neighbor_of(host, IP4) == (other, False)
    assert host.engine.tenants.contests.found == {}


def test_an_address_that_comes_back_at_once_is_with_its_tenant() -> None:
    host = made()
    hear(host, ONE, A, IP4)
    remote(host, C, IP4, 1)
    hear(host, ONE, A, IP4)

    assert neighbor_of(host, IP4) == (A, False)


def test_an_address_that_fails_over_and_back_is_no_duplicate() -> None:
    host = made()
    for _ in range(2):
        hear(host, ONE, A, IP4)
        host.later(ANSWER_TIME + 1)
        remote(host, C, IP4, host.vrf.macs.sequence.get(A, 0) + 1)
        host.later(ANSWER_TIME + 1)
    hear(host, ONE, A, IP4)

    assert events(host, "duplicate_ip_found") == []
    assert neighbor_of(host, IP4) == (A, False)


def test_an_address_that_keeps_moving_is_a_duplicate() -> None:
    host = made(DuplicateDetection(moves=4, window=180))
    for turn in range(6):
        port, mac = ((ONE, A), (TWO, B))[turn % 2]
        hear(host, port, mac, IP4)
        host.later(ANSWER_TIME + 1)

    assert len(events(host, "duplicate_ip_found")) == 1


def test_without_detection_a_double_is_not_told_and_not_fought_over() -> None:
    host = made(DuplicateDetection(enabled=False))
    fight(host)
    host.bgp.clear()
    hear(host, ONE, A, IP4)

    assert host.bgp == []
    assert events(host, "duplicate_ip_found") == []


def second() -> Event:
    return announce(PEERS[1], attributes(LOWER), LOWER, B6, B6 + IP4)


def test_an_ip_that_two_remote_macs_keep_is_a_duplicate() -> None:
    host = made()
    remote(host, C, IP4, 0)
    host.run(second())
    assert not events(host, "duplicate_ip_found")
    host.later(MOVE_TIME)
    host.later(1000.0)

    (found,) = events(host, "duplicate_ip_found")
    assert {found["at"], found["other_at"]} == {LOWER, HIGHER}
    assert shown(host, IP4)["duplicate"] is True
    host.run(withdraw(PEER, HIGHER, C, C + IP4))
    assert host.engine.tenants.contests.found == {}
    assert len(events(host, "duplicate_ip_released")) == 1


def test_an_ip_that_moves_among_remote_macs_is_no_duplicate() -> None:
    host = made()
    remote(host, C, IP4, 0)
    host.run(second())
    host.later(MOVE_TIME / 2)
    host.run(withdraw(PEER, HIGHER, C, C + IP4))
    host.later(MOVE_TIME)

    assert not events(host, "duplicate_ip_found")


def test_a_tenant_with_the_gateways_ip_is_a_duplicate_and_has_no_say() -> None:
    for heard_first in (True, False):
        host = made()
        host.kernel.answering = {(A, IP4)}
        if heard_first:
            hear(host, ONE, A, IP4)
        remote(host, C, IP4, 0, default_gateway=True)
        hear(host, ONE, A, IP4)

        assert neighbor_of(host, IP4) == (C, True)
        assert len(events(host, "duplicate_ip_found")) == 1
        assert told(host).keys() == set()


# What is never announced
