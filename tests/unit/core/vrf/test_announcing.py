"""What peers are told of a VRF: prefixes of its table, and how to route to tenants."""

from dataclasses import replace

import pytest

from evpnd.model.actions import AnnounceMacIp, AnnouncePrefixes, WithdrawPrefixes
from evpnd.model.config import PeerConfig
from evpnd.model.events import ConfigChanged, PeerWentUp
from evpnd.model.ids import Peer, parse_ip, parse_prefix
from evpnd.model.rows import (
    RTN_UNREACHABLE,
    RTPROT_BOOT,
    RTPROT_KERNEL,
    RTPROT_STATIC,
)
from evpnd.model.targets import Profile, auto_export_target
from tests.fakes.host import PEERS, VNI, VTEP, Host, end_of_rib
from tests.fakes.vrf_kernel import L3_VNI, ROUTER_MAC, VrfKernel
from tests.unit.core.vrf.vrf_host import (
    VRF_TARGET,
    announce_prefixes,
    configuration,
    ip_vrf,
    kernel_of,
    routed,
    vrf_config,
)

MAC, IP4 = bytes((2, 0, 0, 0, 0, 7)), parse_ip("192.0.2.7")
PORT = 12
SUBNET, STATIC, BOOT, OTHER = (parse_prefix(f"192.0.{n}.0/24") for n in (2, 3, 4, 5))
LINK_LOCAL = parse_prefix("fe80::/64")
ROUTES = {
    SUBNET: RTPROT_KERNEL,
    STATIC: RTPROT_STATIC,
    BOOT: RTPROT_BOOT,
    OTHER: 186,
    LINK_LOCAL: RTPROT_KERNEL,
}


def told(host: Host) -> set[bytes]:
    """Return the prefixes that peers know."""
    known: set[bytes] = set()
    for action in host.bgp:
        if isinstance(action, AnnouncePrefixes):
            known.update(action.prefixes)
        elif isinstance(action, WithdrawPrefixes):
            known.difference_update(action.prefixes)
    return known


def with_routes() -> VrfKernel:
    kernel = VrfKernel(VTEP)
    for prefix, protocol in ROUTES.items():
        kernel.put_route(prefix, protocol)
    return kernel


@pytest.mark.parametrize(
    ("advertise", "wanted"),
    [
        ({}, {SUBNET}),
        ({"connected": False}, set()),
        ({"static": True}, {SUBNET, STATIC}),
        ({"kernel": True}, {SUBNET, BOOT}),
        ({"prefixes": frozenset({OTHER, BOOT})}, {SUBNET, OTHER, BOOT}),
    ],
)
def test_routes_are_announced_by_who_made_them(
    advertise: dict[str, object], wanted: set[bytes]
) -> None:
    host = routed(with_routes(), vrf_config(**advertise))

    assert told(host) == wanted
    (first,) = [a for a in host.bgp if isinstance(a, AnnouncePrefixes)] or [None]
    if first is not None:
        assert (first.vni, first.advert.router_mac) == (L3_VNI, ROUTER_MAC)
        assert first.advert.route_targets == (VRF_TARGET,)


def test_a_route_that_goes_is_withdrawn() -> None:
    host = routed(with_routes())

    host.run(*kernel_of(host).take_route(SUBNET))
    assert told(host) == set()

    host.run(*kernel_of(host).put_route(SUBNET, RTPROT_KERNEL))
    assert told(host) == {SUBNET}


def test_what_came_from_the_fabric_is_not_told_to_it_again() -> None:
    host = routed(vrf=vrf_config(prefixes=frozenset({parse_prefix("172.16.0.0/16")})))

    host.run(announce_prefixes("10.0.0.2", "172.16.0.0/16"))

    assert kernel_of(host).ours()
    assert told(host) == set()


def test_what_leads_nowhere_is_not_announced() -> None:
    kernel = VrfKernel(VTEP)
    kernel.put_route(STATIC, RTPROT_STATIC, 0, RTN_UNREACHABLE)

    assert told(routed(kernel, vrf_config(static=True))) == set()


def test_all_is_withdrawn_while_the_device_is_down() -> None:
    host = routed(with_routes())
    kernel = kernel_of(host)

    host.run(*kernel.set_l3(up=False))
    assert told(host) == set()

    host.run(*kernel.set_l3(up=True))
    assert told(host) == {SUBNET}


def test_an_ip_is_announced_with_both_labels_and_a_mac_alone_with_one() -> None:
    host = routed()
    host.run(*host.kernel.frame(PORT, MAC))

    host.run(*host.kernel.pin(IP4, MAC))

    latest = {
        key: action.advert
        for action in host.bgp
        if isinstance(action, AnnounceMacIp)
        for key in action.keys
    }
    alone, bound = latest[MAC], latest[MAC + IP4]
    evi_target = auto_export_target(65000, VNI)
    assert (alone.l3_vni, alone.router_mac) == (None, b"")
    assert alone.route_targets == (evi_target,)
    assert (bound.l3_vni, bound.router_mac) == (L3_VNI, ROUTER_MAC)
    assert bound.route_targets == (evi_target, VRF_TARGET)


def test_both_targets_are_in_the_form_of_the_peers_profile() -> None:
    peers = tuple(PeerConfig(peer, 65000, profile=Profile.JUNOS) for peer in PEERS)
    host = routed(with_routes(), peers=peers)
    host.run(*host.kernel.frame(PORT, MAC), *host.kernel.pin(IP4, MAC))

    form = {vni: auto_export_target(65000, vni, Profile.JUNOS) for vni in (VNI, L3_VNI)}
    announced = [a for a in host.bgp if isinstance(a, AnnounceMacIp)]
    bound = [a for a in announced if MAC + IP4 in a.keys]
    assert bound[-1].advert.route_targets == (form[VNI], form[L3_VNI])
    (of_vrf,) = [a for a in host.bgp if isinstance(a, AnnouncePrefixes)]
    assert of_vrf.advert.route_targets == (form[L3_VNI],)


def test_a_new_peer_is_told_all_prefixes() -> None:
    host = routed(with_routes())
    new = Peer("192.0.2.9")
    config = host.engine.config
    peers = (*config.peers, PeerConfig(new, 65000))
    host.bgp.clear()

    host.run(ConfigChanged(replace(config, peers=peers)))

    (action,) = [a for a in host.bgp if isinstance(a, AnnouncePrefixes)]
    assert (action.peer, action.prefixes) == (new, [SUBNET])


def test_a_vrf_that_is_removed_leaves_nothing() -> None:
    host = routed(with_routes())
    host.run(announce_prefixes("10.0.0.2", "172.16.0.0/16"))
    config = host.engine.config
    evis = tuple(replace(evi, vrf=None) for evi in config.evis)

    host.run(ConfigChanged(replace(config, evis=evis, vrfs=())))

    assert told(host) == set()
    assert not kernel_of(host).needed()
    assert {row.protocol for row in kernel_of(host).table.values()} == set(
        ROUTES.values()
    )


def test_a_reload_changes_what_is_announced() -> None:
    host = routed(with_routes())

    changed = configuration(vrf_config(connected=False, static=True))
    host.run(ConfigChanged(changed))

    assert told(host) == {STATIC}
    assert ip_vrf(host).config.advertise.static


def test_the_first_announcement_waits_for_the_table() -> None:
    host = Host(with_routes(), configuration())
    assert host.engine.announced_first
    host.run(PeerWentUp(PEERS[0]), end_of_rib(PEERS[0]))
    assert told(host) == {SUBNET}
