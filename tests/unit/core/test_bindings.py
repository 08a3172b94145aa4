"""Which MAC has an IP: learned, contested, limited, flagged."""

from dataclasses import replace

import pytest

from evpnd.core.binding_tables import WAITING_IPS, WAITING_MACS
from evpnd.core.bindings import WAITING_TIME
from evpnd.core.contests import ANSWER_TIME, MOVE_TIME
from evpnd.core.route_views import routes
from evpnd.core.views import neighbors
from evpnd.model.actions import (
    AnnounceMacIp,
    DeleteNeighbors,
    ExportAttributes,
    WithdrawMacIp,
)
from evpnd.model.config import (
    Advertise,
    DuplicateDetection,
    EviConfig,
    StaticEntry,
)
from evpnd.model.events import (
    AddressObserved,
    BindingsSnooped,
    ConfigChanged,
    Event,
    NdFlags,
    NeighborsObserved,
)
from evpnd.model.ids import Ip, Mac, format_ip, is_tenant_ip, parse_ip
from evpnd.model.routes import IMMUTABLE, OVERRIDE, ROUTER
from evpnd.model.rows import NTF_ROUTER, NUD_REACHABLE, NUD_STALE, NeighborRow
from tests.fakes.host import PEERS, Host, announce, attributes, config, withdraw
from tests.fakes.kernel import BRIDGE, PORTS

A, B, C = (bytes((2, 0, 0, 0, 0, last)) for last in (1, 2, 3))
B6 = bytes((2, 0, 0, 0, 0, 6))
IP4, IP6 = parse_ip("192.0.2.10"), parse_ip("2001:db8::10")
ONE, TWO = PORTS
PEER = PEERS[0]
LOWER, HIGHER = "10.0.0.0", "10.0.0.9"  # than our VTEP address, 10.0.0.1


def made(detection: DuplicateDetection | None = None, **changes: object) -> Host:
    settings = config(duplicate_detection=detection or DuplicateDetection())
    (evi,) = settings.evis
    changed: EviConfig = replace(evi, **changes)  # type: ignore[arg-type]
    host = Host(configuration=replace(settings, evis=(changed,)))
    host.up()
    for port, mac in ((ONE, A), (TWO, B)):
        host.run(*host.kernel.frame(port, mac))
    host.bgp.clear()
    return host


def hear(host: Host, port: int, mac: bytes, *ips: bytes) -> None:
    host.run(BindingsSnooped([(port, mac, ip) for ip in ips]))


def advertise(host: Host, mac: bytes, ip: bytes, flags: int) -> None:
    binding = (ONE, mac, ip)
    said = NdFlags(bool(flags & ROUTER), bool(flags & OVERRIDE))
    host.run(BindingsSnooped([binding], {binding: said}))


def remote(host: Host, mac: bytes, ip: bytes, sequence: int, **more: object) -> None:
    vtep = str(more.pop("vtep", HIGHER))
    path = attributes(vtep, sequence, **more)
    host.run(announce(PEER, path, vtep, mac, mac + ip))


def told(host: Host) -> dict[bytes, ExportAttributes]:
    """The type 2 routes that peers hold now, with their attributes."""
    held: dict[bytes, ExportAttributes] = {}
    for action in host.bgp:
        if isinstance(action, AnnounceMacIp):
            held |= dict.fromkeys(action.keys, action.attributes)
        elif isinstance(action, WithdrawMacIp):
            for key in action.keys:
                held.pop(key, None)
    return held


def community(found: ExportAttributes, kind: bytes) -> bytes | None:
    matching = [c for c in found.extended_communities if c[:2] == kind]
    assert len(matching) <= 1
    return matching[0] if matching else None


def sequence_of(found: ExportAttributes) -> int:
    mobility = community(found, b"\6\0")
    return 0 if mobility is None else int.from_bytes(mobility[4:])


def flags_of(found: ExportAttributes) -> int | None:
    arp_nd = community(found, b"\6\x08")
    return None if arp_nd is None else arp_nd[2]


def events(host: Host, name: str) -> list[dict[str, object]]:
    return [each.fields for each in host.notices if each.event == name]


def neighbor_of(host: Host, ip: bytes) -> tuple[bytes, bool]:
    """The MAC that the bridge has for an IP, and whether it is a remote one."""
    row = host.kernel.neighbors[ip]
    return row.mac, bool(row.flags & 0x10)


def shown(host: Host, ip: bytes) -> dict[str, object]:
    (row,) = (each for each in neighbors(host.engine) if each["ip"] == format_ip(ip))
    return row


# An IP that goes to another MAC


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
    assert {sequence_of(found) for found in held.values()} == {7}
    assert neighbor_of(host, IP4) == (A, False)


def test_a_sequence_that_is_above_already_stays() -> None:
    host = made()
    host.vrf.sequence[A] = 9
    remote(host, C, IP4, 6)
    hear(host, ONE, A, IP4)

    assert sequence_of(told(host)[A + IP4]) == 9


def test_from_local_to_remote_the_binding_is_withdrawn_and_its_tenant_asked() -> None:
    host = made()
    hear(host, ONE, A, IP4, IP6)
    remote(host, C, IP4, 1)

    assert told(host).keys() == {A + IP6}
    assert neighbor_of(host, IP4) == (C, True)
    assert host.kernel.asked == [(ONE, A, IP4)]
    assert A in host.vrf.local


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
    assert host.vrf.disputed == {}


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
    assert len(host.engine.contests.found) == 1


def fight(host: Host, turns: int = 10) -> int:
    """Have a remote host claim an IP as often as we do; the last sequence of it."""
    host.kernel.answering = {(A, IP4)}
    hear(host, ONE, A, IP4)
    for _ in range(turns):
        sequence = host.vrf.sequence.get(A, 0) + 1
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

    assert host.engine.contests.found == {}
    assert shown(host, IP4)["duplicate"] is False
    assert len(events(host, "duplicate_ip_released")) == 1


def test_when_the_holder_goes_the_other_one_has_the_ip_at_once() -> None:
    host = made()
    fight(host)
    host.run(withdraw(PEER, HIGHER, C, C + IP4))

    assert told(host).keys() == {A, A + IP4}
    assert neighbor_of(host, IP4) == (A, False)
    assert host.engine.contests.found == {}


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
    holder, other = (A, B) if host.vrf.binding(IP4) == A else (B, A)
    host.run(*host.kernel.age(holder))

    assert neighbor_of(host, IP4) == (other, False)
    assert host.engine.contests.found == {}


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
        remote(host, C, IP4, host.vrf.sequence.get(A, 0) + 1)
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
    assert host.engine.contests.found == {}
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
    assert host.vrf.bindings_of == {}


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

    assert host.vrf.heard[IP4] == host.now
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

    assert len(vrf.snooped) == len(vrf.bindings_of[A]) == len(vrf.heard) == 64
    assert len(host.engine.prober._heap) == 64


def test_a_spray_of_macs_that_the_bridge_does_not_learn_costs_bounded_memory() -> None:
    host = made()
    for number in range(10_000):
        mac = b"\6" + number.to_bytes(5, "big")
        host.tell(BindingsSnooped([(ONE, mac, ip) for ip in many(20)]))
    host.run()
    waiting = host.vrf.waiting

    assert len(waiting) <= WAITING_MACS
    assert max(map(len, waiting.values())) <= WAITING_IPS
    assert host.vrf.snooped == {}


def test_what_waits_for_its_mac_waits_not_for_ever() -> None:
    for pause, bound in ((WAITING_TIME - 1, True), (WAITING_TIME + 1, False)):
        host = made()
        hear(host, ONE, C, IP4)
        host.later(pause)
        host.run(*host.kernel.frame(ONE, C))

        assert (host.vrf.binding(IP4) == C) is bound
        assert host.vrf.waiting == {}


# The kernel's word


def test_a_stale_neighbour_does_not_take_an_ip_from_another_mac() -> None:
    host = made()
    hear(host, ONE, A, IP4)
    stale = NeighborRow(True, BRIDGE, IP4, B, NUD_STALE, 0, 0)
    host.run(NeighborsObserved([stale]))
    assert host.vrf.binding(IP4) == A

    host.run(NeighborsObserved([stale._replace(state=NUD_REACHABLE)]))
    assert host.vrf.binding(IP4) == B


# ARP/ND flags


def static(ip: bytes, mac: bytes = A) -> StaticEntry:
    return StaticEntry(Mac(mac), Ip(ip))


def test_flags_that_receivers_assume_are_not_sent() -> None:
    host = made()
    hear(host, ONE, A, IP4, IP6)

    held = told(host)
    assert flags_of(held[A + IP4]) is None
    assert flags_of(held[A + IP6]) is None


@pytest.mark.parametrize("flags", [0, OVERRIDE, ROUTER, ROUTER | OVERRIDE])
def test_the_flags_of_an_advertisement_are_announced(flags: int) -> None:
    host = made()
    advertise(host, A, IP6, flags)
    found = community(told(host)[A + IP6], b"\6\x08")

    assumed = flags == OVERRIDE
    assert found == (None if assumed else bytes((6, 8, flags, 0, 0, 0, 0, 0)))
    assert shown(host, IP6)["router"] is bool(flags & ROUTER)
    assert shown(host, IP6)["override"] is bool(flags & OVERRIDE)


def test_a_tenant_that_becomes_a_router_is_announced_anew_and_back() -> None:
    host = made()
    hear(host, ONE, A, IP4, IP6)
    host.bgp.clear()
    advertise(host, A, IP6, ROUTER | OVERRIDE)
    (announced,) = host.bgp
    assert isinstance(announced, AnnounceMacIp)
    assert announced.keys == [A + IP6]
    assert flags_of(announced.attributes) == ROUTER | OVERRIDE
    assert host.kernel.neighbors[IP6].flags == NTF_ROUTER

    hear(host, ONE, A, IP6)
    assert flags_of(told(host)[A + IP6]) == ROUTER | OVERRIDE
    advertise(host, A, IP6, OVERRIDE)
    assert flags_of(told(host)[A + IP6]) is None
    assert host.vrf.nd_flags == {}


def test_an_answer_that_does_not_say_leaves_the_override_flag_as_it_was() -> None:
    for flags in (0, OVERRIDE):
        host = made()
        advertise(host, A, IP6, flags)
        binding = (ONE, A, IP6)
        host.run(BindingsSnooped([binding], {binding: NdFlags(True, None)}))

        assert flags_of(told(host)[A + IP6]) == ROUTER | flags


def test_a_router_is_one_still_after_a_restart() -> None:
    first = made()
    advertise(first, A, IP6, ROUTER | OVERRIDE)
    second = Host(first.kernel)

    assert flags_of(told(second)[A + IP6]) == ROUTER | OVERRIDE


def test_the_kernels_router_mark_is_announced() -> None:
    host = made()
    row = NeighborRow(True, BRIDGE, IP6, A, NUD_REACHABLE, NTF_ROUTER, 0)
    host.run(NeighborsObserved([row]))

    assert flags_of(told(host)[A + IP6]) == ROUTER | OVERRIDE


def test_what_the_yaml_binds_is_immutable() -> None:
    host = Host(
        configuration=replace(
            config(),
            evis=(replace(config().evis[0], static=(static(IP4), static(IP6))),),
        )
    )

    held = told(host)
    assert flags_of(held[A]) is None
    assert flags_of(held[A + IP4]) == IMMUTABLE
    assert flags_of(held[A + IP6]) == IMMUTABLE | OVERRIDE
    assert shown(host, IP4)["immutable"] is True
    host.run(ConfigChanged(config()))
    assert told(host) == {}


def test_a_tenant_cannot_take_an_ip_that_the_yaml_binds() -> None:
    host = made(static=(static(IP4),))
    for _ in range(3):
        hear(host, TWO, B, IP4)

    assert host.vrf.binding(IP4) == A
    (notice,) = events(host, "immutable_binding_claimed")
    assert notice["claimed_by"] == "02:00:00:00:00:02"


def test_a_remote_claim_to_an_ip_that_the_yaml_binds_is_refused() -> None:
    host = made(static=(static(IP4),))
    remote(host, C, IP4, 9, vtep=LOWER)

    assert neighbor_of(host, IP4) == (A, False)
    assert len(events(host, "immutable_binding_claimed")) == 1


def immutable(**more: object) -> dict[str, object]:
    return {"arp_nd_flags": IMMUTABLE, **more}


def test_a_tenant_cannot_take_an_ip_that_is_immutable_elsewhere() -> None:
    for heard_first in (True, False):
        host = made()
        host.kernel.answering = {(A, IP4)}
        if heard_first:
            hear(host, ONE, A, IP4)
        remote(host, C, IP4, 0, **immutable())
        hear(host, ONE, A, IP4)

        assert neighbor_of(host, IP4) == (C, True)
        assert told(host).keys() == set()
        assert len(events(host, "immutable_binding_claimed")) == 1
        assert events(host, "duplicate_ip_found") == []
        assert shown(host, IP4)["immutable"] is True


def test_among_remote_bindings_the_immutable_one_counts() -> None:
    host = made()
    remote(host, C, IP4, 0, **immutable())
    other = bytes((2, 0, 0, 0, 0, 4))
    host.run(announce(PEERS[1], attributes(LOWER, 5), LOWER, other, other + IP4))

    assert neighbor_of(host, IP4) == (C, True)


@pytest.mark.parametrize(
    ("ip", "flags", "row_flags"),
    [
        (IP6, ROUTER | OVERRIDE, NTF_ROUTER),
        (IP6, OVERRIDE, 0),
        (IP6, None, 0),
        (IP4, ROUTER | OVERRIDE, 0),
    ],
)
def test_the_router_flag_of_an_ipv6_route_is_the_neighbours(
    ip: bytes, flags: int | None, row_flags: int
) -> None:
    host = made()
    remote(host, C, ip, 0, arp_nd_flags=flags)

    assert host.kernel.neighbors[ip].flags & NTF_ROUTER == row_flags
    assert shown(host, ip)["router"] is bool(row_flags)
    assert shown(host, ip)["override"] is (ip == IP6)
    rows = [row for row in routes(host.engine) if row["ip"] == format_ip(ip)]
    assert [row["router"] for row in rows] == [bool(row_flags)]
    alone = [row for row in routes(host.engine) if row["ip"] is None]
    assert [(r["router"], r["override"], r["immutable"]) for r in alone] == [
        (False, False, False)
    ]


# What needs no reconciliation


def test_a_tenant_that_repeats_itself_is_no_work() -> None:
    host = made()
    heard = BindingsSnooped([(ONE, A, IP4)])

    assert host.engine.handle(heard, host.now) is True
    assert host.engine.handle(heard, host.now) is False


def test_a_refusal_is_told_at_once() -> None:
    host = made(static=(static(IP4),))
    heard = BindingsSnooped([(TWO, B, IP4)])

    assert host.engine.handle(heard, host.now) is True
    host.run()
    assert host.engine.handle(heard, host.now) is False


# The default gateway


def gateway(host: Host) -> dict[bytes, ExportAttributes]:
    mark = bytes.fromhex("030d000000000000")
    return {
        key[6:]: found
        for key, found in told(host).items()
        if mark in found.extended_communities
    }


def test_the_bridges_addresses_of_both_families_are_gateways() -> None:
    host = made(advertise=Advertise(default_gateway=True))
    link_local = parse_ip("fe80::1")
    for ip in (IP4, IP6, link_local):
        host.run(AddressObserved(BRIDGE, ip, present=True))

    found = gateway(host)
    assert found.keys() == {IP4, IP6}
    assert flags_of(found[IP4]) is None
    assert flags_of(found[IP6]) == ROUTER | OVERRIDE
    host.run(AddressObserved(BRIDGE, IP4, present=False))
    assert gateway(host).keys() == {IP6}


def test_the_gateway_follows_the_bridges_mac() -> None:
    host = made(advertise=Advertise(default_gateway=True))
    host.run(AddressObserved(BRIDGE, IP4, present=True))
    link = host.engine.inventory.links.by_index[BRIDGE]
    host.engine.inventory.observe(link._replace(mac=C))
    host.run()

    assert told(host).keys() == {C + IP4}
