"""Who has a MAC (RFC 7432, section 15)."""

from dataclasses import replace

from evpnd.core.engine import Engine
from evpnd.model.actions import AnnounceMacIp, WithdrawMacIp
from evpnd.model.config import StaticEntry
from evpnd.model.events import (
    Event,
    FdbObserved,
    KernelOverran,
    PeerWentUp,
)
from evpnd.model.ids import Mac, parse_ip
from evpnd.model.rows import (
    NUD_PERMANENT,
    FdbRow,
    NeighborRow,
)
from tests.fakes.host import (
    PEERS,
    VTEP,
    Host,
    announce,
    attributes,
    config,
    end_of_rib,
    withdraw,
)
from tests.fakes.kernel import BRIDGE, PORTS, VXLAN, FakeKernel

MAC = b"\2\0\0\0\0\1"
IP = parse_ip("192.0.2.10")
PEER = PEERS[0]
LOWER, HIGHER = "10.0.0.0", "10.0.0.9"  # than our VTEP address, 10.0.0.1


def host() -> Host:
    made = Host()
    made.up()
    made.bgp.clear()
    return made


def test_the_echo_of_our_own_row_is_no_move() -> None:
    here = host()
    here.run(announce(PEER, attributes(HIGHER), HIGHER, MAC))
    here.run(FdbObserved([here.kernel.bridge[MAC], here.kernel.vxlan[MAC]]))

    assert here.remote_macs() == {MAC: parse_ip(HIGHER)}
    assert here.vrf.macs.local == {}
    assert here.kernel.bridge[MAC].ifindex == VXLAN


def test_a_static_entry_of_the_yaml_gives_way_to_a_better_claim_and_comes_back() -> (
    None
):
    settings = config()
    (evi,) = settings.evis
    evi = replace(evi, static=(StaticEntry(Mac(MAC), IP),))
    here = Host(configuration=replace(settings, evis=(evi,)))
    here.up()
    here.run(announce(PEER, attributes(HIGHER, 9), HIGHER, MAC + IP))
    assert here.remote_macs() == {MAC: parse_ip(HIGHER)}
    assert not here.kernel.neighbors[IP].is_note
    assert MAC not in here.vrf.sent.macs

    here.run(withdraw(PEER, HIGHER, MAC + IP))
    assert here.remote_macs() == {}
    assert here.vrf.sent.macs[MAC].ips == (IP,)


def events(here: Host, event: str) -> int:
    return sum(notice.event == event for notice in here.notices)


def test_a_race_of_two_learners_is_no_move() -> None:
    here = host()
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.tell(announce(PEER, attributes(LOWER), LOWER, MAC))
    here.turn()

    assert here.remote_macs() == {MAC: parse_ip(LOWER)}
    assert here.engine.tenants.duplicates._moves == {}


def test_a_sticky_remote_mac_heard_here_is_no_move_and_told_of_once_a_minute() -> None:
    here = host()
    here.run(announce(PEER, attributes(HIGHER, sticky=True), HIGHER, MAC))
    for _ in range(1000):
        here.run(*here.kernel.frame(PORTS[0], MAC))
        here.now += 0.001
        assert here.remote_macs() == {MAC: parse_ip(HIGHER)}

    assert events(here, "sticky_mac_seen_locally") == 1
    assert events(here, "mac_moved") == 0
    assert here.engine.tenants.duplicates.found == {}
    here.now += 60.0
    here.run(*here.kernel.frame(PORTS[0], MAC))
    assert events(here, "sticky_mac_seen_locally") == 2
    assert len(here.vrf.macs.sticky_told) == 1


def test_a_local_mac_that_turns_out_sticky_elsewhere_goes_there_without_a_move() -> (
    None
):
    here = host()
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(announce(PEER, attributes(HIGHER, sticky=True), HIGHER, MAC))

    assert here.remote_macs() == {MAC: parse_ip(HIGHER)}
    assert MAC not in here.vrf.sent.macs
    assert events(here, "mac_moved") == 0
    assert events(here, "sticky_mac_seen_locally") == 1


def test_a_claim_on_a_locally_sticky_mac_is_told_of_once_until_it_ends() -> None:
    here = host()
    here.run(*here.kernel.put(PORTS[0], MAC, sticky=True))
    for sequence in range(1, 5):
        here.run(announce(PEER, attributes(LOWER, sequence), LOWER, MAC))
    assert events(here, "sticky_mac_claimed") == 1
    assert MAC in here.vrf.sent.macs

    here.run(withdraw(PEER, LOWER, MAC))
    here.run(announce(PEER, attributes(LOWER, sticky=True), LOWER, MAC))
    assert events(here, "sticky_mac_claimed") == 2
    assert MAC in here.vrf.sent.macs
    assert events(here, "mac_moved") == 0


def test_a_static_row_that_gave_way_and_was_removed_is_forgotten() -> None:
    here = host()
    here.run(*here.kernel.put(PORTS[0], MAC))
    here.run(announce(PEER, attributes(HIGHER, 9), HIGHER, MAC))
    assert MAC not in here.vrf.sent.macs
    here.run(*here.kernel.take(MAC))
    here.run(*here.kernel.put(PORTS[0], MAC, sticky=True))

    assert MAC in here.vrf.sent.macs


def announced_sequence(here: Host) -> int:
    last = [action for action in here.bgp if isinstance(action, AnnounceMacIp)][-1]
    return last.advert.sequence


def test_a_sequence_in_the_lower_half_stays_when_nobody_else_has_the_mac() -> None:
    here = host()
    here.run(announce(PEER, attributes(HIGHER, 6), HIGHER, MAC))
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(withdraw(PEER, HIGHER, MAC))

    assert announced_sequence(here) == 7
    assert here.vrf.macs.sequence == {MAC: 7}


def test_a_mac_on_two_ports_of_one_bridge_is_where_it_was_heard_last() -> None:
    here = host()
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.bgp.clear()
    for port in (PORTS[1], PORTS[0], PORTS[1]):
        here.run(*here.kernel.frame(port, MAC))

    assert here.vrf.macs.local[MAC].port == PORTS[1]
    assert here.bgp == []
    assert events(here, "mac_moved") == 0


def own_row(*, present: bool, vlan: int = 0) -> FdbObserved:
    return FdbObserved(
        [FdbRow(present, PORTS[0], MAC, vlan, NUD_PERMANENT, 0, b"")],
    )


def test_a_mac_that_becomes_a_ports_own_is_neither_announced_nor_remote() -> None:
    here = host()
    here.run(*here.kernel.frame(PORTS[1], MAC))
    here.run(own_row(present=True))
    here.run(announce(PEER, attributes(LOWER, 9), LOWER, MAC))

    assert MAC not in here.vrf.sent.macs
    assert here.remote_macs() == {}


def test_the_mac_of_a_port_that_left_may_be_remote() -> None:
    here = host()
    here.run(own_row(present=True), own_row(present=True, vlan=1))
    here.run(announce(PEER, attributes(HIGHER), HIGHER, MAC))
    here.run(own_row(present=False, vlan=1))
    assert here.remote_macs() == {}

    here.run(own_row(present=False))
    assert here.remote_macs() == {MAC: parse_ip(HIGHER)}


def vlan_host() -> Host:
    made = Host(FakeKernel(VTEP, vlans=(0, 1)))
    made.up()
    made.run(announce(PEER, attributes(HIGHER, 4), HIGHER, MAC))
    return made


def test_a_port_that_takes_the_row_of_its_vlan_takes_ours_of_the_others() -> None:
    here = vlan_host()
    assert here.kernel.spare.keys() == here.kernel.bridge.keys() == {MAC}
    here.run(*here.kernel.frame(PORTS[0], MAC))

    assert here.kernel.spare == here.kernel.vxlan == {}
    assert MAC in here.vrf.sent.macs


def test_a_row_of_ours_in_another_vlan_does_not_make_a_local_mac_remote() -> None:
    here = vlan_host()
    here.tell(*here.kernel.frame(PORTS[0], MAC))
    here.tell(KernelOverran("events"))
    here.later(2.0)

    assert here.vrf.macs.local.keys() == here.vrf.sent.macs.keys() == {MAC}
    assert here.kernel.spare == {}


def test_a_row_that_is_missing_in_one_vlan_is_written_again() -> None:
    here = vlan_host()
    here.kernel.frame(PORTS[0], MAC)
    here.kernel.age(MAC)
    assert here.kernel.bridge == {}
    here.run(KernelOverran("events"))
    here.later(2.0)

    assert here.remote_macs() == {MAC: parse_ip(HIGHER)}


def replaced(before: Host, *events: Event) -> Host:
    """A new agent in place of a dead one: peers' routes come before the kernel's."""
    again = Host(before.kernel, before.engine.config)
    again.engine = Engine(before.engine.config, again.now)
    peers_up = [each for peer in PEERS for each in (PeerWentUp(peer), end_of_rib(peer))]
    again.tell(*peers_up, *events)
    again.bgp.clear()
    again.run()
    return again


def test_a_static_mac_that_was_given_up_is_not_taken_back_by_a_new_agent() -> None:
    here = host()
    here.run(*here.kernel.put(PORTS[0], MAC))
    here.run(announce(PEER, attributes(HIGHER, 5), HIGHER, MAC))
    assert isinstance(here.bgp[-1], WithdrawMacIp)
    again = replaced(here, announce(PEER, attributes(HIGHER, 5), HIGHER, MAC))

    assert not [each for each in again.bgp if isinstance(each, AnnounceMacIp)]
    assert again.kernel.bridge[MAC].ifindex == PORTS[0]
    again.run(withdraw(PEER, HIGHER, MAC))
    assert isinstance(again.bgp[-1], AnnounceMacIp)


def test_a_neighbour_of_a_given_up_ip_is_not_believed_by_a_new_agent() -> None:
    here = host()
    other = b"\2\0\0\0\0\2"
    here.run(*here.kernel.frame(PORTS[0], MAC))
    row = NeighborRow(True, BRIDGE, IP, MAC, NUD_PERMANENT, 0, 0)
    here.kernel.neighbors[IP] = row
    again = replaced(here, announce(PEER, attributes(HIGHER, 5), HIGHER, other + IP))

    told = [each for each in again.bgp if isinstance(each, AnnounceMacIp)]
    assert [key for each in told for key in each.keys] == [MAC]


def test_a_mac_of_the_yaml_that_was_heard_and_moves_away_has_a_remote_row() -> None:
    (evi,) = config().evis
    named = replace(evi, static=(StaticEntry(Mac(MAC)),))
    here = Host(configuration=config(evis=(named,)))
    here.up()
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.run(announce(PEER, attributes(HIGHER, 1), HIGHER, MAC))

    assert here.remote_macs() == {MAC: parse_ip(HIGHER)}
    assert isinstance(here.bgp[-1], WithdrawMacIp)
    here.run(withdraw(PEER, HIGHER, MAC))
    assert here.remote_macs() == {}
    assert isinstance(here.bgp[-1], AnnounceMacIp)


def test_a_mac_whose_remote_row_is_refused_is_local_again_when_its_route_ends() -> None:
    here = host()
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.kernel.refused.add(MAC)
    here.run(announce(PEER, attributes(HIGHER, 5), HIGHER, MAC))
    assert isinstance(here.bgp[-1], WithdrawMacIp)
    assert here.kernel.bridge[MAC].ifindex == PORTS[0]
    here.run(withdraw(PEER, HIGHER, MAC))

    assert isinstance(here.bgp[-1], AnnounceMacIp)
    assert here.vrf.macs.local[MAC].port == PORTS[0]
    assert here.vrf.macs.displaced == {}


def test_a_mac_whose_remote_row_is_taken_later_is_not_taken_back() -> None:
    here = host()
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.kernel.refused.add(MAC)
    here.run(announce(PEER, attributes(HIGHER, 5), HIGHER, MAC))
    here.kernel.refused.clear()
    here.now += 100
    here.run()
    assert here.remote_macs() == {MAC: parse_ip(HIGHER)}
    assert here.vrf.macs.displaced == {}
    here.run(withdraw(PEER, HIGHER, MAC))

    assert isinstance(here.bgp[-1], WithdrawMacIp)
    assert here.vrf.macs.local == {}


def test_a_displaced_mac_that_leaves_its_port_is_forgotten() -> None:
    here = host()
    here.run(*here.kernel.frame(PORTS[0], MAC))
    here.kernel.refused.add(MAC)
    here.run(announce(PEER, attributes(HIGHER, 5), HIGHER, MAC))
    here.run(*here.kernel.age(MAC))
    here.run(withdraw(PEER, HIGHER, MAC))

    assert isinstance(here.bgp[-1], WithdrawMacIp)
