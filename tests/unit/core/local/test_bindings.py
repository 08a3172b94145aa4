"""Which MAC has an IP: learned, moved, limited."""

import pytest

from evpnd.core.evi.remembered import WAITING_IPS, WAITING_MACS
from evpnd.core.local.bindings import WAITING_TIME
from evpnd.core.local.ip_claims import ANSWER_TIME
from evpnd.model.actions import (
    DeleteNeighbors,
)
from evpnd.model.events import (
    AddressObserved,
    BindingsSnooped,
    Heard,
    NeighborsObserved,
)
from evpnd.model.ids import is_tenant_ip, parse_ip
from evpnd.model.rows import NUD_REACHABLE, NUD_STALE, NeighborRow
from tests.fakes.host import PEERS, announce, attributes, withdraw
from tests.fakes.kernel import BRIDGE
from tests.unit.core.local.binding_host import (
    HIGHER,
    IP4,
    IP6,
    LOWER,
    ONE,
    TWO,
    A,
    B,
    C,
    events,
    hear,
    made,
    neighbor_of,
    remote,
    told,
)


def test_from_local_to_local_the_old_binding_goes_at_once() -> None:
    host = made()
    hear(host, ONE, A, IP4)
    hear(host, TWO, B, IP4)

    assert told(host).keys() == {B + IP4}
    assert neighbor_of(host, IP4) == (B, False)
    assert host.kernel.asked == [(ONE, A, IP4)]


def test_from_remote_to_local_the_new_macs_sequence_is_above_the_old_ones() -> None:
    host = made()
    hear(host, ONE, A, IP6)
    remote(host, C, IP4, 6)
    assert neighbor_of(host, IP4) == (C, True)
    host.bgp.clear()
    hear(host, ONE, A, IP4)

    held = told(host)
    assert held.keys() == {A, A + IP4, A + IP6}
    assert {found.sequence for found in held.values()} == {7}
    assert neighbor_of(host, IP4) == (A, False)


def test_a_sequence_that_is_above_already_stays() -> None:
    host = made()
    host.vrf.macs.sequence[A] = 9
    remote(host, C, IP4, 6)
    hear(host, ONE, A, IP4)

    assert told(host)[A + IP4].sequence == 9


def test_from_local_to_remote_the_binding_is_withdrawn_and_its_tenant_asked() -> None:
    host = made()
    hear(host, ONE, A, IP4, IP6)
    remote(host, C, IP4, 1)

    assert told(host).keys() == {A + IP6}
    assert neighbor_of(host, IP4) == (C, True)
    assert host.kernel.asked == [(ONE, A, IP4)]
    assert A in host.vrf.macs.local


def test_from_remote_to_remote_the_higher_sequence_has_it() -> None:
    host = made()
    remote(host, C, IP4, 1)
    other = bytes((2, 0, 0, 0, 0, 4))
    host.run(announce(PEERS[1], attributes(LOWER, 2), LOWER, other, other + IP4))

    assert neighbor_of(host, IP4) == (other, True)
    host.run(withdraw(PEERS[1], LOWER, other, other + IP4))
    assert neighbor_of(host, IP4) == (C, True)


@pytest.mark.parametrize("heard_first", [True, False])
def test_of_equal_sequences_the_lower_vtep_has_the_ip(heard_first: bool) -> None:
    for vtep, remotes in ((LOWER, True), (HIGHER, False)):
        host = made()
        if heard_first:
            hear(host, ONE, A, IP4)
            remote(host, C, IP4, 0, vtep=vtep)
            assert (neighbor_of(host, IP4)[0] == C) is remotes
        else:
            # Who learns it later has it, by its sequence.
            remote(host, C, IP4, 0, vtep=vtep)
            hear(host, ONE, A, IP4)
            assert neighbor_of(host, IP4) == (A, False)


def test_the_neighbour_is_replaced_and_never_missing() -> None:
    host = made()
    changes = (
        lambda: hear(host, ONE, A, IP4),
        lambda: remote(host, C, IP4, 3),
        lambda: hear(host, TWO, B, IP4),
        lambda: hear(host, ONE, A, IP4),
        lambda: remote(host, C, IP4, 9),
    )
    for change in changes:
        host.later(ANSWER_TIME + 1)
        before = len(host.actions)
        change()
        assert not any(
            isinstance(action, DeleteNeighbors) for action in host.actions[before:]
        )
        assert IP4 in host.kernel.neighbors


def test_a_route_that_loses_serves_again_when_the_local_binding_goes() -> None:
    host = made()
    remote(host, C, IP4, 0)
    hear(host, ONE, A, IP4)
    host.run(*host.kernel.age(A))

    assert neighbor_of(host, IP4) == (C, True)


# The same IP twice


@pytest.mark.parametrize(
    "text",
    [
        *("fe80::1", "febf::1", "ff02::1", "::", "::1", "::ffff:192.0.2.1"),
        *("0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255"),
    ],
)
def test_addresses_that_are_no_tenants_are_not_bound(text: str) -> None:
    host = made()
    ip = parse_ip(text)
    hear(host, ONE, A, ip)
    row = NeighborRow(True, BRIDGE, ip, A, NUD_REACHABLE, 0, 0)
    host.run(NeighborsObserved([row]))

    assert not is_tenant_ip(ip)
    assert told(host) == {}
    assert host.vrf.bindings.ips_of == {}


@pytest.mark.parametrize("text", ["fec0::1", "169.253.1.1", "10.0.0.1", "2001:db8::1"])
def test_addresses_of_tenants_are_bound(text: str) -> None:
    host = made()
    hear(host, ONE, A, parse_ip(text))

    assert told(host).keys() == {A + parse_ip(text)}


def test_an_address_that_becomes_the_bridges_own_is_a_tenants_no_more() -> None:
    host = made()
    hear(host, ONE, A, IP4)
    host.run(AddressObserved(BRIDGE, IP4, present=True))
    assert told(host).keys() == set()

    remote(host, C, IP4, 9, default_gateway=True)
    assert IP4 not in host.kernel.neighbors


# How many


def many(count: int) -> list[bytes]:
    return [bytes((10, 0, *divmod(number, 256))) for number in range(count)]


def test_a_mac_has_so_many_ips_and_no_more() -> None:
    host = made(ips_per_mac=3)
    hear(host, ONE, A, *many(100))
    hear(host, TWO, B, IP4)

    assert told(host).keys() == {*(A + ip for ip in many(3)), B + IP4}
    (notice,) = events(host, "binding_limit_reached")
    assert (notice["mac"], notice["limit"]) == ("02:00:00:00:00:01", 3)


def test_room_again_is_for_the_next_one_heard() -> None:
    host = made(ips_per_mac=2)
    first, second, third = many(3)
    hear(host, ONE, A, first, second, third)
    hear(host, TWO, B, first)
    hear(host, ONE, A, third)

    assert told(host).keys() == {A + second, A + third, B + first}


def test_ips_that_are_known_are_heard_at_the_limit() -> None:
    host = made(ips_per_mac=1)
    hear(host, ONE, A, IP4)
    host.later(5)
    hear(host, ONE, A, IP4)

    assert host.vrf.bindings.heard[IP4] == host.now
    assert events(host, "binding_limit_reached") == []


def test_no_limit_is_no_limit() -> None:
    host = made(ips_per_mac=0)
    hear(host, ONE, A, *many(1000))

    assert len(told(host)) == 1000


def test_a_spray_of_addresses_costs_bounded_memory() -> None:
    host = made()
    for start in range(0, 100_000, 1000):
        ips = [(start + each).to_bytes(3, "big") for each in range(1000)]
        hear(host, ONE, A, *(b"\x0a" + ip for ip in ips))
    vrf = host.vrf

    assert (
        len(vrf.bindings.snooped)
        == len(vrf.bindings.ips_of[A])
        == len(vrf.bindings.heard)
        == 64
    )
    assert len(host.engine.tenants.questions._silent) == 64


def test_a_spray_of_macs_that_the_bridge_does_not_learn_costs_bounded_memory() -> None:
    host = made()
    for number in range(10_000):
        mac = b"\6" + number.to_bytes(5, "big")
        host.tell(BindingsSnooped([Heard(ONE, mac, ip) for ip in many(20)]))
    host.run()
    waiting = host.vrf.remembered.waiting

    assert len(waiting) <= WAITING_MACS
    assert max(map(len, waiting.values())) <= WAITING_IPS
    assert host.vrf.bindings.snooped == {}


def test_what_waits_for_its_mac_waits_not_for_ever() -> None:
    for pause, bound in ((WAITING_TIME - 1, True), (WAITING_TIME + 1, False)):
        host = made()
        hear(host, ONE, C, IP4)
        host.later(pause)
        host.run(*host.kernel.frame(ONE, C))

        assert (host.vrf.bindings.holder(IP4) == C) is bound
        assert host.vrf.remembered.waiting == {}


# The kernel's word


def test_a_stale_neighbour_does_not_take_an_ip_from_another_mac() -> None:
    host = made()
    hear(host, ONE, A, IP4)
    stale = NeighborRow(True, BRIDGE, IP4, B, NUD_STALE, 0, 0)
    host.run(NeighborsObserved([stale]))
    assert host.vrf.bindings.holder(IP4) == A

    host.run(NeighborsObserved([stale._replace(state=NUD_REACHABLE)]))
    assert host.vrf.bindings.holder(IP4) == B


# ARP/ND flags


def test_a_tenant_that_repeats_itself_is_no_work() -> None:
    host = made()
    heard = BindingsSnooped([Heard(ONE, A, IP4)])

    assert host.engine.handle(heard, host.now) is True
    assert host.engine.handle(heard, host.now) is False


def test_what_the_kernel_knows_of_a_mac_that_comes_back_is_announced_again() -> None:
    host = made()
    host.run(NeighborsObserved([NeighborRow(True, BRIDGE, IP4, A, NUD_STALE, 0, 0)]))
    assert told(host).keys() == {A + IP4}
    host.run(*host.kernel.age(A))
    assert told(host).keys() == set()
    assert host.vrf.bindings.holder(IP4) is None
    # The neighbour was there all the time: nobody tells of it again.
    host.run(*host.kernel.frame(ONE, A))

    assert told(host).keys() == {A, A + IP4}


def test_an_ip_that_went_to_another_host_meanwhile_does_not_come_back() -> None:
    host = made()
    host.run(NeighborsObserved([NeighborRow(True, BRIDGE, IP4, A, NUD_STALE, 0, 0)]))
    host.run(*host.kernel.age(A))
    remote(host, C, IP4, 0)
    assert neighbor_of(host, IP4) == (C, True)
    host.run(*host.kernel.frame(ONE, A))

    assert told(host).keys() == {A}
    assert neighbor_of(host, IP4) == (C, True)
