"""Who is asked when, and what follows from silence."""

from collections import Counter
from dataclasses import replace

import pytest

from evpnd.core.evi.remembered import DEPARTED_IPS, DEPARTED_MACS
from evpnd.core.local.probes import BURST, RATE, TRIES
from evpnd.core.local.questions import URGENT_MOST
from evpnd.model.actions import AnnounceMacIp, SendProbes, WithdrawMacIp
from evpnd.model.config import Advertise, EviConfig
from evpnd.model.events import (
    AddressObserved,
    BindingsSnooped,
    FdbObserved,
    Heard,
    NeighborsObserved,
    ProbesRefused,
)
from evpnd.model.ids import parse_ip
from evpnd.model.rows import NUD_REACHABLE, NUD_STALE, FdbRow, NeighborRow
from tests.fakes.host import PEERS, Host, announce, attributes, config, withdraw
from tests.fakes.kernel import BRIDGE, PORTS

MAC = b"\2\0\0\0\0\1"
IP4, IP6 = parse_ip("192.0.2.10"), parse_ip("2001:db8::10")
PEER, REMOTE = PEERS[0], "10.0.0.9"
AGEING = 300.0  # the bridge's default


def made(**changes: object) -> Host:
    settings = config()
    (evi,) = settings.evis
    changed: EviConfig = replace(evi, **changes)  # type: ignore[arg-type]
    host = Host(configuration=replace(settings, evis=(changed,)))
    host.up()
    host.bgp.clear()
    return host


def tenant(host: Host, *ips: bytes, mac: bytes = MAC) -> None:
    host.run(*host.kernel.frame(PORTS[0], mac))
    host.run(BindingsSnooped([Heard(PORTS[0], mac, ip) for ip in ips]))


def wait(host: Host, seconds: float, step: float = 0.5) -> None:
    """Let time go by as the agent does: at deadlines, and now and then."""
    end = host.now + seconds
    while host.now < end:
        due = host.engine.next_deadline()
        soon = host.now + step if due is None else min(due, host.now + step)
        host.later(min(max(soon, host.now + 0.001), end) - host.now)


def events(host: Host, name: str) -> list[dict[str, object]]:
    return [each.fields for each in host.notices if each.event == name]


def announced(host: Host) -> set[bytes]:
    held: set[bytes] = set()
    for action in host.bgp:
        if isinstance(action, AnnounceMacIp):
            held |= set(action.keys)
        elif isinstance(action, WithdrawMacIp):
            held -= set(action.keys)
    return held


def test_a_silent_tenant_is_asked_before_the_bridge_forgets_it() -> None:
    host = made()
    host.kernel.answering = {(MAC, IP4)}
    tenant(host, IP4)
    wait(host, AGEING * 0.49)
    assert host.kernel.asked == []
    wait(host, AGEING * 0.2)

    assert host.kernel.asked == [(PORTS[0], MAC, IP4)]
    assert announced(host) == {MAC, MAC + IP4}


def test_a_tenant_that_answers_is_kept_and_asked_again_later() -> None:
    host = made()
    host.kernel.answering = {(MAC, IP4), (MAC, IP6)}
    tenant(host, IP4, IP6)
    wait(host, AGEING * 4, step=5)

    asked = Counter(ip for _, _, ip in host.kernel.asked)
    assert all(6 <= count <= 8 for count in asked.values()), asked
    assert announced(host) == {MAC, MAC + IP4, MAC + IP6}
    assert events(host, "binding_expired") == []


def test_a_tenant_that_speaks_is_not_asked() -> None:
    host = made()
    tenant(host, IP4)
    for _ in range(20):
        wait(host, AGEING / 3, step=10)
        host.run(BindingsSnooped([Heard(PORTS[0], MAC, IP4)]))

    assert host.kernel.asked == []


def test_a_binding_without_an_answer_goes_and_its_neighbours_stay() -> None:
    host = made()
    host.kernel.answering = {(MAC, IP6)}
    tenant(host, IP4, IP6)
    wait(host, AGEING * 0.7)

    assert Counter(host.kernel.asked)[PORTS[0], MAC, IP4] == TRIES
    assert announced(host) == {MAC, MAC + IP6}
    assert set(host.kernel.neighbors) == {IP6}
    (told,) = events(host, "binding_expired")
    assert (told["ip"], told["mac"]) == ("192.0.2.10", "02:00:00:00:00:01")


def test_a_binding_that_expired_comes_back_with_its_tenant() -> None:
    host = made()
    tenant(host, IP4)
    wait(host, AGEING)
    assert announced(host) == {MAC}
    host.run(BindingsSnooped([Heard(PORTS[0], MAC, IP4)]))
    assert announced(host) == {MAC, MAC + IP4}
    wait(host, AGEING)

    assert len(host.kernel.asked) == 2 * TRIES


def test_the_ageing_time_of_the_bridge_counts() -> None:
    host = made()
    bridge = host.engine.inventory.links.by_index[BRIDGE]
    host.engine.inventory.observe(bridge._replace(ageing=12.0))
    host.run()
    host.kernel.answering = {(MAC, IP4)}
    tenant(host, IP4)
    wait(host, 5.9)
    assert host.kernel.asked == []
    wait(host, 2.2)

    assert host.kernel.asked == [(PORTS[0], MAC, IP4)]


@pytest.mark.parametrize(
    "switch", [{"probe": False}, {"advertise": Advertise(neighbors=False)}]
)
def test_where_probing_is_off_nobody_is_asked_and_nothing_expires(
    switch: dict[str, object],
) -> None:
    host = made(**switch)
    tenant(host, IP4)
    host.run(announce(PEER, attributes(REMOTE), REMOTE, MAC + IP6))
    wait(host, AGEING * 3, step=10)

    assert host.kernel.asked == []
    assert host.vrf.bindings.holder(IP4) == MAC


def test_where_probes_cannot_be_sent_silence_means_nothing() -> None:
    host = made()
    tenant(host, IP4)
    host.run(ProbesRefused("EPERM"))
    wait(host, AGEING * 3, step=10)

    assert announced(host) == {MAC, MAC + IP4}
    assert len(events(host, "probes_refused")) == 1


def test_the_kernels_neighbour_is_asked_and_not_believed_after_silence() -> None:
    host = made()
    host.run(*host.kernel.frame(PORTS[0], MAC))
    stale = NeighborRow(True, BRIDGE, IP4, MAC, NUD_STALE, 0, 0)
    host.kernel.neighbors[IP4] = stale
    host.run(NeighborsObserved([stale]))
    assert announced(host) == {MAC, MAC + IP4}
    wait(host, AGEING)
    assert announced(host) == {MAC}
    assert host.kernel.neighbors == {IP4: stale}

    host.run(NeighborsObserved([stale]))
    assert announced(host) == {MAC}
    host.run(NeighborsObserved([stale._replace(state=NUD_REACHABLE)]))
    assert announced(host) == {MAC, MAC + IP4}


def test_bindings_taken_back_at_a_restart_are_asked_soon() -> None:
    first = Host()
    tenant(first, IP4, IP6)
    first.kernel.answering = {(MAC, IP6)}
    second = Host(first.kernel)
    second.bgp.clear()
    wait(second, 5)

    assert second.vrf.bindings.holder(IP6) == MAC
    assert second.vrf.bindings.holder(IP4) is None


def test_a_move_brings_the_bindings_along_at_once() -> None:
    host = made()
    host.kernel.answering = {(MAC, IP4), (MAC, IP6)}
    path = attributes(REMOTE, 3)
    host.run(announce(PEER, path, REMOTE, MAC, MAC + IP4, MAC + IP6))
    assert host.kernel.asked == []
    host.run(*host.kernel.frame(PORTS[0], MAC))

    assert announced(host) == {MAC, MAC + IP4, MAC + IP6}
    assert len(host.kernel.asked) == 2


@pytest.mark.parametrize(("pause", "found"), [(0, True), (29, True), (31, False)])
def test_a_mac_that_its_old_place_forgot_a_moment_ago_brings_them_too(
    pause: float, *, found: bool
) -> None:
    host = made()
    host.kernel.answering = {(MAC, IP4)}
    host.run(announce(PEER, attributes(REMOTE, 3), REMOTE, MAC, MAC + IP4))
    host.run(withdraw(PEER, REMOTE, MAC, MAC + IP4))
    host.later(pause)
    host.run(*host.kernel.frame(PORTS[0], MAC))

    assert announced(host) == ({MAC, MAC + IP4} if found else {MAC})


def test_what_left_is_remembered_within_bounds() -> None:
    host = made()
    macs = [b"\2\1" + number.to_bytes(4, "big") for number in range(2000)]
    ips = [bytes((10, 0, *divmod(number, 256))) for number in range(2000)]
    pairs = [mac + ip for mac, ip in zip(macs, ips, strict=True)]
    pairs += [MAC + ip for ip in ips]
    host.run(announce(PEER, attributes(REMOTE), REMOTE, *pairs))
    host.run(withdraw(PEER, REMOTE, *pairs))
    departed = host.vrf.remembered.departed

    assert len(departed) <= DEPARTED_MACS
    assert max(map(len, departed.values())) <= DEPARTED_IPS


def test_ips_that_did_not_move_along_are_asked_three_times_and_no_more() -> None:
    host = made()
    host.run(announce(PEER, attributes(REMOTE), REMOTE, MAC, MAC + IP4))
    host.run(*host.kernel.frame(PORTS[0], MAC))
    wait(host, 30)
    assert host.kernel.asked == [(PORTS[0], MAC, IP4)] * TRIES

    host.vrf.mark_all()
    wait(host, 30)
    assert len(host.kernel.asked) == TRIES


def test_a_mac_that_moves_again_is_asked_again() -> None:
    host = made()
    host.run(announce(PEER, attributes(REMOTE), REMOTE, MAC, MAC + IP4))
    host.run(*host.kernel.frame(PORTS[0], MAC))
    wait(host, 5)
    host.run(announce(PEER, attributes(REMOTE, 7), REMOTE, MAC, MAC + IP4))
    host.kernel.answering = {(MAC, IP4)}
    host.run(*host.kernel.frame(PORTS[0], MAC))

    assert announced(host) == {MAC, MAC + IP4}


def test_routes_that_come_after_their_mac_are_asked_for_too() -> None:
    host = made()
    host.kernel.answering = {(MAC, IP4)}
    host.vrf.macs.sequence[MAC] = 5
    host.run(*host.kernel.frame(PORTS[0], MAC))
    host.run(announce(PEER, attributes(REMOTE), REMOTE, MAC, MAC + IP4))

    assert announced(host) == {MAC, MAC + IP4}


def test_ten_thousand_silent_bindings_make_no_storm() -> None:
    host = made(ips_per_mac=0)
    ips = [bytes((10, 0, *divmod(number, 256))) for number in range(10_000)]
    host.kernel.answering = {(MAC, ip) for ip in ips}
    tenant(host, *ips)
    seconds: Counter[int] = Counter()
    end = host.now + AGEING * 0.7
    while host.now < end:
        before = len(host.kernel.asked)
        due = host.engine.next_deadline()
        host.later(min(max((due or end) - host.now, 0.001), end - host.now))
        seconds[int(host.now)] += len(host.kernel.asked) - before

    assert max(seconds.values()) <= RATE + BURST
    assert {ip for _, _, ip in host.kernel.asked} == set(ips)
    assert events(host, "binding_expired") == []


def test_looking_at_what_is_not_due_costs_nothing() -> None:
    host = made(ips_per_mac=0)
    tenant(host, *(bytes((10, 0, *divmod(each, 256))) for each in range(2000)))
    heap = host.engine.tenants.questions._silent
    before = list(heap)
    for _ in range(50):
        host.run(BindingsSnooped([Heard(PORTS[0], MAC, bytes((10, 0, 0, 1)))]))
        host.later(0.5)

    assert heap == before


def test_what_is_urgent_goes_before_a_backlog() -> None:
    first = made(ips_per_mac=0)
    tenant(first, *(bytes((10, 0, *divmod(each, 256))) for each in range(2000)))
    settings = first.engine.config
    host = Host(first.kernel, settings)
    host.up()
    other = b"\2\0\0\0\0\2"
    host.run(announce(PEER, attributes(REMOTE), REMOTE, other, other + IP4))
    host.kernel.asked.clear()
    host.run(*host.kernel.frame(PORTS[1], other))
    wait(host, 0.3, step=0.05)

    assert (PORTS[1], other, IP4) in host.kernel.asked
    assert len(host.kernel.asked) < 2000


def test_questions_do_not_pile_up_without_bound() -> None:
    host = made(ips_per_mac=0)
    ips = [bytes((10, 0, *divmod(number, 256))) for number in range(URGENT_MOST + 500)]
    keys = [MAC + ip for ip in ips]
    host.run(announce(PEER, attributes(REMOTE), REMOTE, MAC, *keys))
    host.run(*host.kernel.frame(PORTS[0], MAC))

    assert len(host.engine.tenants.questions._urgent) <= URGENT_MOST


def sources(host: Host, ip: bytes) -> list[bytes]:
    asked: list[bytes] = []
    tenant(host, ip)
    end = host.now + AGEING
    while host.now < end:
        host.now += 1.0
        for action in host.turn():
            if isinstance(action, SendProbes):
                assert action.mac == host.vrf.bridge_mac
                asked.extend(source for _, _, source in action.probes)
    return asked


def test_arp_comes_from_the_bridges_nearest_address_or_from_none() -> None:
    none = bytes(4)
    assert sources(made(), IP4) == [none] * TRIES

    host = made()
    for text in ("10.9.9.9", "192.0.2.1", "2001:db8::1"):
        host.run(AddressObserved(BRIDGE, parse_ip(text), present=True))
    own = parse_ip("192.0.2.1")
    assert sources(host, IP4) == [own, none, own]


def test_solicitations_come_from_the_bridges_link_local_address() -> None:
    host = made()
    derived = parse_ip("fe80::62:72ff:fe62:7230")  # of MAC 02:62:72:62:72:30
    assert sources(host, IP6) == [derived] * TRIES

    host = made()
    host.run(AddressObserved(BRIDGE, parse_ip("fe90::1"), present=True))
    assert sources(host, IP6) == [parse_ip("fe90::1")] * TRIES


def test_a_tenant_that_changed_its_port_is_asked_there() -> None:
    host = made()
    tenant(host, IP4)
    host.run(*host.kernel.frame(PORTS[1], MAC))
    wait(host, AGEING * 0.7)

    assert {port for port, _, _ in host.kernel.asked} == {PORTS[1]}


def test_nothing_is_asked_of_a_mac_that_left() -> None:
    host = made()
    tenant(host, IP4)
    host.run(announce(PEER, attributes(REMOTE, 5), REMOTE, MAC, MAC + IP4))
    wait(host, AGEING, step=5)
    assert host.kernel.asked == []
    host.run(withdraw(PEER, REMOTE, MAC, MAC + IP4))
    wait(host, AGEING, step=5)

    assert host.kernel.asked == []
    assert events(host, "binding_expired") == []


def test_bindings_end_with_their_port_row() -> None:
    host = made()
    tenant(host, IP4)
    row = FdbRow(False, PORTS[0], MAC, 0, NUD_REACHABLE, 0, b"")
    del host.kernel.bridge[MAC]
    host.run(FdbObserved([row]))
    wait(host, AGEING * 2, step=5)

    assert announced(host) == set()
    assert len(host.kernel.asked) == TRIES
    assert host.vrf.bindings.heard == {}
