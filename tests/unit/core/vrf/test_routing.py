"""Received routes become routes of the VRF, with all that they need."""

import pytest

from evpnd.core.bgp.vrf_routes import host_prefix
from evpnd.model.actions import Notice
from evpnd.model.events import KernelOverran, PeerWentUp, UpdateReceived
from evpnd.model.ids import parse_ip, parse_prefix
from evpnd.model.routes import Update
from evpnd.model.rows import (
    ROUTE_METRIC,
    RTN_UNREACHABLE,
    RTPROT_KERNEL,
    RTPROT_STATIC,
    UNREACHABLE_METRIC,
)
from tests.fakes.host import PEERS, VTEP, Host, announce, end_of_rib
from tests.fakes.host import attributes as plain
from tests.fakes.vrf_kernel import VrfKernel
from tests.unit.core.vrf.vrf_host import (
    announce_hosts,
    announce_prefixes,
    attributes,
    configuration,
    ip_vrf,
    kernel_of,
    prefix_route,
    routed,
    router_mac,
    withdraw_hosts,
    withdraw_prefixes,
)

ONE, TWO = "10.0.0.2", "10.0.0.3"
MAC = bytes((2, 0, 0, 0, 0, 7))
IP4, IP6 = parse_ip("192.0.2.7"), parse_ip("2001:db8::7")
NET, NET6 = parse_prefix("172.16.0.0/16"), parse_prefix("2001:db8:16::/48")
MAPPED = bytes(10) + b"\xff\xff"


def leg(vtep: str, *, six: bool = False) -> tuple[bytes, bytes, bytes]:
    ip = parse_ip(vtep)
    return (MAPPED + ip if six else ip), router_mac(ip[-1]), ip


def test_a_prefix_leads_to_the_router_that_announces_it() -> None:
    host = routed()

    host.run(announce_prefixes(ONE, "172.16.0.0/16", "2001:db8:16::/48"))

    assert kernel_of(host).ours() == {NET: (leg(ONE),), NET6: (leg(ONE, six=True),)}


def test_a_host_is_routed_and_in_its_evi_as_well() -> None:
    host = routed()

    host.run(announce_hosts(ONE, MAC + IP4, MAC + IP6))

    assert kernel_of(host).ours() == {
        host_prefix(IP4): (leg(ONE),),
        host_prefix(IP6): (leg(ONE, six=True),),
    }
    assert host.remote_macs() == {MAC: parse_ip(ONE)}


def test_routes_to_one_router_share_an_object() -> None:
    host = routed()
    prefixes = [f"172.16.{n}.0/24" for n in range(50)]

    host.run(announce_prefixes(ONE, *prefixes))

    kernel = kernel_of(host)
    assert len(kernel.ours()) == 50
    assert len(kernel.nexthops) == len(kernel.next_routers) == len(kernel.routers) == 1


def test_what_is_withdrawn_takes_all_that_it_needed_with_it() -> None:
    host = routed()
    host.run(announce_prefixes(ONE, "172.16.0.0/16"), announce_hosts(ONE, MAC + IP4))

    host.run(withdraw_prefixes(ONE, "172.16.0.0/16"))
    assert kernel_of(host).ours() == {host_prefix(IP4): (leg(ONE),)}

    host.run(withdraw_hosts(ONE, MAC + IP4))
    kernel = kernel_of(host)
    assert kernel.ours() == {}
    assert not kernel.needed()
    assert kernel.ends() == {bytes(5), bytes(17)}


def test_several_vteps_share_the_traffic_of_a_prefix() -> None:
    host = routed()
    host.run(
        announce_prefixes(ONE, "172.16.0.0/16"), announce_prefixes(TWO, "172.16.0.0/16")
    )
    assert kernel_of(host).ours() == {NET: (leg(ONE), leg(TWO))}

    host.run(withdraw_prefixes(ONE, "172.16.0.0/16"))

    assert kernel_of(host).ours() == {NET: (leg(TWO),)}
    assert len(kernel_of(host).nexthops) == 1


def test_the_better_of_two_prefixes_is_alone() -> None:
    host = routed()
    preferred = attributes(TWO, local_preference=200)
    host.run(
        announce_prefixes(ONE, "172.16.0.0/16"),
        announce_prefixes(TWO, "172.16.0.0/16", path=preferred),
    )

    assert kernel_of(host).ours() == {NET: (leg(TWO),)}


def test_a_host_moves_with_its_mac() -> None:
    host = routed()
    host.run(announce_hosts(ONE, MAC + IP4))

    host.run(announce_hosts(TWO, MAC + IP4, path=attributes(TWO, sequence=1)))

    assert kernel_of(host).ours() == {host_prefix(IP4): (leg(TWO),)}


def test_a_tenant_of_this_host_is_not_routed_away() -> None:
    host = routed()
    host.run(announce_hosts(ONE, MAC + IP4))
    port = 12

    host.run(*host.kernel.frame(port, MAC))
    host.tell(*host.kernel.pin(IP4, MAC))
    host.run()

    assert host_prefix(IP4) not in kernel_of(host).ours()


@pytest.mark.parametrize("protocol", [RTPROT_KERNEL, RTPROT_STATIC])
def test_a_route_of_somebody_else_comes_first_and_is_left_alone(protocol: int) -> None:
    kernel = VrfKernel(VTEP)
    kernel.put_route(NET, protocol)
    host = routed(kernel)
    host.run(announce_prefixes(ONE, "172.16.0.0/16"))
    assert kernel.ours() == {}

    host.run(*kernel.take_route(NET))
    assert kernel.ours() == {NET: (leg(ONE),)}

    host.run(*kernel.put_route(NET, protocol, ROUTE_METRIC + 1))
    assert kernel.ours() == {}
    assert (NET, ROUTE_METRIC + 1) in kernel.table


def test_the_table_ends_in_an_unreachable_default_unless_it_has_one() -> None:
    kernel = VrfKernel(VTEP)
    theirs = kernel.put_route(bytes(5), RTPROT_STATIC, 4000, RTN_UNREACHABLE)
    assert theirs
    routed(kernel)

    assert kernel.ends() == {bytes(17)}


def test_a_default_route_of_a_peer_goes_before_the_end() -> None:
    host = routed()

    host.run(announce_prefixes(ONE, "0.0.0.0/0"))

    kernel = kernel_of(host)
    assert kernel.ours() == {bytes(5): (leg(ONE),)}
    assert (bytes(5), UNREACHABLE_METRIC) in kernel.table


def test_a_route_without_a_second_label_stays_in_its_evi() -> None:
    host = routed()

    host.run(announce_hosts(ONE, MAC + IP4, labels=bytes((0, 0, 100))))

    assert kernel_of(host).ours() == {}
    assert host.remote_macs() == {MAC: parse_ip(ONE)}


def test_a_route_without_a_routers_mac_is_not_installed() -> None:
    host = routed()
    path = attributes(ONE, extended_communities=())

    host.run(announce_prefixes(ONE, "172.16.0.0/16", path=path))

    assert kernel_of(host).ours() == {}


def test_a_prefix_with_a_gateway_is_kept_and_not_used() -> None:
    host = routed()
    route = prefix_route(ONE, "172.16.0.0/16", gateway=IP4)

    host.run(UpdateReceived(PEERS[0], Update(attributes(ONE), [], [route], [], [])))

    assert kernel_of(host).ours() == {}


def test_an_evi_without_a_vrf_pays_nothing() -> None:
    host = routed()

    host.run(announce(PEERS[0], plain(ONE), ONE, MAC, MAC + IP4))

    assert not kernel_of(host).ours()
    assert not ip_vrf(host).routes.slots


def test_two_macs_of_one_router_are_a_conflict_that_is_told() -> None:
    host = routed()
    host.run(announce_prefixes(ONE, "172.16.0.0/16"))

    host.run(announce_prefixes(ONE, "172.17.0.0/16", path=attributes(ONE, mac=9)))

    kernel = kernel_of(host)
    assert set(kernel.ours().values()) == {(leg(ONE),)}
    assert [n.fields["router_mac"] for n in conflicts(host)] == ["02:99:00:00:00:09"]


def test_one_mac_at_two_vteps_is_a_conflict_that_is_told() -> None:
    host = routed()
    host.run(announce_prefixes(ONE, "172.16.0.0/16"))

    host.run(announce_prefixes(TWO, "172.17.0.0/16", path=attributes(TWO, mac=2)))

    assert kernel_of(host).routers[router_mac(2)].dst == parse_ip(ONE)
    assert [n.fields["vtep"] for n in conflicts(host)] == [TWO]


def conflicts(host: Host) -> list[Notice]:
    return [each for each in host.notices if each.event == "router_mac_conflict"]


def test_what_a_device_that_was_down_lost_is_written_again() -> None:
    host = routed()
    host.run(announce_prefixes(ONE, "172.16.0.0/16", "2001:db8:16::/48"))
    kernel = kernel_of(host)
    wanted = kernel.ours()

    host.run(*kernel.set_l3(up=False))
    host.run(*kernel.set_l3(up=True))

    assert kernel.ours() == wanted


def test_what_somebody_removes_comes_back_and_is_counted() -> None:
    host = routed()
    host.run(announce_prefixes(ONE, "172.16.0.0/16"))
    kernel = kernel_of(host)
    wanted = kernel.ours()

    host.run(*kernel.take_route(NET, ROUTE_METRIC))
    assert kernel.ours() == wanted
    assert host.engine.rows.repaired["route", "notified"] == 1

    # The kernel tells of the objects, and not of the routes that go with them.
    host.run(*kernel.take_nexthops())
    assert kernel.ours() == wanted

    kernel.take_nexthops()
    host.run(KernelOverran("notifications were lost"))
    host.later(2)
    assert kernel.ours() == wanted


def test_a_new_agent_takes_the_rows_over_and_writes_nothing() -> None:
    host = routed()
    events = [
        announce_prefixes(ONE, "172.16.0.0/16", "2001:db8:16::/48"),
        announce_prefixes(TWO, "172.16.0.0/16"),
        announce_hosts(ONE, MAC + IP4),
    ]
    host.run(*events)
    kernel = kernel_of(host)
    kernel.written.clear()

    new = Host(kernel, configuration())
    new.run(PeerWentUp(PEERS[0]), *events, end_of_rib(PEERS[0]))
    new.run(PeerWentUp(PEERS[1]), end_of_rib(PEERS[1]))

    assert kernel.written == []
    assert kernel.ours()[NET] == (leg(ONE), leg(TWO))


def test_what_no_route_confirms_goes_after_end_of_rib() -> None:
    host = routed()
    host.run(announce_prefixes(ONE, "172.16.0.0/16"))
    kernel = kernel_of(host)

    routed(kernel)

    assert kernel.ours() == {}
    assert not kernel.needed()


def test_a_refused_route_is_tried_again() -> None:
    host = routed()
    kernel = kernel_of(host)
    kernel.refused.add(NET)
    host.run(announce_prefixes(ONE, "172.16.0.0/16", "172.17.0.0/16"))
    assert set(kernel.ours()) == {parse_prefix("172.17.0.0/16")}

    kernel.refused.clear()
    host.later(1.5)

    assert set(kernel.ours()) == {NET, parse_prefix("172.17.0.0/16")}


def test_a_flush_leaves_nothing() -> None:
    host = routed()
    host.run(announce_prefixes(ONE, "172.16.0.0/16"), announce_hosts(ONE, MAC + IP4))
    kernel = kernel_of(host)

    for action in host.engine.flush():
        kernel.apply(action)

    assert not kernel.table
    assert not kernel.needed()
