"""What we announce (docs/wire.md)."""

from dataclasses import replace

from evpnd.model.actions import (
    AnnounceImet,
    AnnounceMacIp,
    FinishAnnouncement,
    WithdrawMacIp,
)
from evpnd.model.config import Advertise, StaticEntry
from evpnd.model.events import (
    AddressObserved,
    BindingsSnooped,
    ConfigChanged,
    FdbObserved,
    Heard,
    LinkObserved,
    NeighborsObserved,
)
from evpnd.model.ids import Mac, parse_ip
from evpnd.model.rows import (
    NUD_FAILED,
    NUD_PERMANENT,
    NUD_REACHABLE,
    FdbRow,
    NeighborRow,
)
from tests.fakes.host import VTEP, Host, config
from tests.fakes.kernel import BRIDGE, PORTS, VXLAN

MAC = b"\2\0\0\0\0\1"
IP4, IP6 = parse_ip("192.0.2.10"), parse_ip("2001:db8::10")


def keys(host: Host) -> set[bytes]:
    """The type 2 routes that peers hold now."""
    held: set[bytes] = set()
    for action in host.bgp:
        match action:
            case AnnounceMacIp():
                held |= set(action.keys)
            case WithdrawMacIp():
                held -= set(action.keys)
            case _:
                pass
    return held


def test_the_first_announcement_ends_with_its_mark() -> None:
    host = Host()

    assert isinstance(host.bgp[0], AnnounceImet)
    assert host.bgp[-1] == FinishAnnouncement(forwarding_preserved=False)


def test_imet_has_the_vtep_address_in_all_three_places() -> None:
    (imet,) = (a for a in Host().bgp if isinstance(a, AnnounceImet))

    assert imet.originator == imet.advert.next_hop == VTEP
    assert imet.advert.pmsi_vni == 100


def test_a_mac_is_announced_alone_and_with_each_ip() -> None:
    host = Host()
    host.run(*host.kernel.frame(PORTS[0], MAC))
    host.run(BindingsSnooped([Heard(PORTS[0], MAC, IP4), Heard(PORTS[0], MAC, IP6)]))

    assert keys(host) == {MAC, MAC + IP4, MAC + IP6}


def test_a_binding_heard_before_its_mac_waits_for_it() -> None:
    host = Host()
    host.run(BindingsSnooped([Heard(PORTS[0], MAC, IP4)]))

    assert keys(host) == set()
    host.run(*host.kernel.frame(PORTS[0], MAC))
    assert keys(host) == {MAC, MAC + IP4}


def test_ageing_withdraws_the_mac_and_its_bindings() -> None:
    host = Host()
    host.run(*host.kernel.frame(PORTS[0], MAC))
    host.run(BindingsSnooped([Heard(PORTS[0], MAC, IP4)]))
    host.run(*host.kernel.age(MAC))

    assert keys(host) == set()


def test_link_local_multicast_unspecified_and_own_addresses_stay_here() -> None:
    host = Host()
    own = parse_ip("192.0.2.1")
    host.run(AddressObserved(BRIDGE, own, present=True))
    host.run(*host.kernel.frame(PORTS[0], MAC))
    for text in ("fe80::1", "ff02::1", "::", "0.0.0.0", "224.0.0.1"):
        host.run(BindingsSnooped([Heard(PORTS[0], MAC, parse_ip(text))]))
    host.run(BindingsSnooped([Heard(PORTS[0], MAC, own)]))

    assert keys(host) == {MAC}


def test_an_interface_mac_of_our_own_is_no_tenant() -> None:
    host = Host()
    for port in (PORTS[0], VXLAN, BRIDGE):
        row = FdbRow(True, port, MAC, 0, NUD_PERMANENT, 0, b"")
        host.run(FdbObserved([row]))

    assert keys(host) == set()


def test_an_ip_that_moves_to_another_mac_leaves_the_old_one() -> None:
    host = Host()
    other = b"\2\0\0\0\0\2"
    host.run(*host.kernel.frame(PORTS[0], MAC), *host.kernel.frame(PORTS[1], other))
    host.run(BindingsSnooped([Heard(PORTS[0], MAC, IP4)]))
    host.run(BindingsSnooped([Heard(PORTS[1], other, IP4)]))

    assert keys(host) == {MAC, other, other + IP4}


def test_a_local_binding_is_noted_on_the_bridge_unless_the_kernel_has_it() -> None:
    host = Host()
    host.run(*host.kernel.frame(PORTS[0], MAC))
    host.run(BindingsSnooped([Heard(PORTS[0], MAC, IP4)]))
    assert host.kernel.neighbors[IP4].mac == MAC
    assert host.kernel.neighbors[IP4].is_note

    host.run(*host.kernel.age(MAC))
    assert host.kernel.neighbors == {}

    host.run(*host.kernel.frame(PORTS[0], MAC))
    row = NeighborRow(True, BRIDGE, IP4, MAC, NUD_REACHABLE, 0, 0)
    host.kernel.neighbors[IP4] = row
    host.run(NeighborsObserved([row]))
    assert host.kernel.neighbors == {IP4: row}


def test_the_kernels_neighbours_are_bindings_until_they_go() -> None:
    host = Host()
    host.run(*host.kernel.frame(PORTS[0], MAC))
    row = NeighborRow(True, BRIDGE, IP4, MAC, NUD_REACHABLE, 0, 0)
    host.run(NeighborsObserved([row]))
    assert keys(host) == {MAC, MAC + IP4}

    failed = row._replace(state=NUD_FAILED, mac=b"")
    host.run(NeighborsObserved([failed, row._replace(present=False)]))
    assert keys(host) == {MAC}


def test_advertise_says_what_is_announced() -> None:
    for advertise, expected in (
        (Advertise(macs=False), {MAC + IP4}),
        (Advertise(neighbors=False), {MAC}),
        (Advertise(macs=False, neighbors=False), set()),
    ):
        settings = config()
        (evi,) = settings.evis
        host = Host(
            configuration=replace(settings, evis=(replace(evi, advertise=advertise),))
        )
        host.run(*host.kernel.frame(PORTS[0], MAC))
        host.run(BindingsSnooped([Heard(PORTS[0], MAC, IP4)]))

        assert keys(host) == expected


def test_static_entries_are_announced_unheard() -> None:
    settings = config()
    (evi,) = settings.evis
    entry = StaticEntry(Mac(MAC), IP4, sticky=True)
    host = Host(configuration=replace(settings, evis=(replace(evi, static=(entry,)),)))

    assert keys(host) == {MAC, MAC + IP4}
    host.run(ConfigChanged(settings))
    assert keys(host) == set()


def test_a_device_that_goes_down_takes_its_routes_along() -> None:
    host = Host()
    host.run(*host.kernel.frame(PORTS[0], MAC))
    vxlan = next(link for link in host.kernel.links() if link.ifindex == VXLAN)
    host.run(LinkObserved(vxlan._replace(up=False)))

    assert host.vrf.reason == "vx100 is down"
    assert keys(host) == set()
    assert host.vrf.sent.imet is None
    host.run(LinkObserved(vxlan))
    assert keys(host) == {MAC}
    assert host.vrf.sent.imet is not None


def test_the_bridges_own_addresses_are_announced_as_default_gateway() -> None:
    settings = config()
    (evi,) = settings.evis
    evi = replace(evi, advertise=Advertise(default_gateway=True))
    host = Host(configuration=replace(settings, evis=(evi,)))
    bridge = next(link for link in host.kernel.links() if link.ifindex == BRIDGE)
    assert keys(host) == set()

    host.run(AddressObserved(BRIDGE, IP4, present=True))
    assert keys(host) == {bridge.mac + IP4}
    (told,) = (action for action in host.bgp if isinstance(action, AnnounceMacIp))
    assert told.advert.default_gateway

    host.run(AddressObserved(BRIDGE, IP4, present=False))
    assert keys(host) == set()


def test_a_new_agent_takes_back_the_bindings_that_the_last_one_noted() -> None:
    first = Host()
    first.run(*first.kernel.frame(PORTS[0], MAC))
    first.run(BindingsSnooped([Heard(PORTS[0], MAC, IP4)]))
    second = Host(first.kernel)

    assert keys(second) == {MAC, MAC + IP4}
    assert first.kernel.neighbors[IP4].mac == MAC
