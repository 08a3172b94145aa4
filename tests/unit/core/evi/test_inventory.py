"""Devices that are not as they should be, or change."""

from dataclasses import replace

from evpnd.core.evi.news import MAKING
from evpnd.model.actions import (
    AnnounceImet,
    AnnounceMacIp,
    DeleteNeighbors,
    WithdrawImet,
    WithdrawMacIp,
)
from evpnd.model.events import (
    ConfigChanged,
    DeviceActionFailed,
    LinkObserved,
    PeerWentUp,
)
from evpnd.model.ids import FLOOD_MAC, parse_ip, parse_rd, parse_vni
from evpnd.model.rows import NTF_SELF, NUD_NOARP, NUD_PERMANENT, FdbRow, Link
from tests.fakes.host import (
    PEERS,
    VTEP,
    Host,
    announce,
    announce_imet,
    attributes,
    config,
    withdraw_imet,
)
from tests.fakes.kernel import BRIDGE, DOMAIN, PORTS, VXLAN, FakeKernel

MAC = b"\2\0\0\0\0\1"
IP = parse_ip("192.0.2.10")
PEER = PEERS[0]
REMOTE = "10.0.0.2"


def link(host: Host, ifindex: int) -> Link:
    return next(each for each in host.kernel.links() if each.ifindex == ifindex)


def test_devices_in_the_making_are_no_warning_unless_it_lasts() -> None:
    (evi,) = config().evis
    managed = replace(evi, vni=parse_vni(200), vxlan=None, bridge=None, manage=True)
    here = Host(configuration=config(evis=(managed,)))

    def told() -> list[str]:
        return [each.event for each in here.notices if each.event.startswith("evi_")]

    assert told() == []
    here.later(MAKING + 1)
    assert told() == ["evi_not_ready"]


def test_what_is_refused_again_and_again_is_told_once() -> None:
    (evi,) = config().evis
    managed = replace(evi, vni=parse_vni(200), vxlan=None, bridge=None, manage=True)
    here = Host(configuration=config(evis=(managed,)))

    def told() -> list[str]:
        return [each.event for each in here.notices]

    for _ in range(5):
        here.run(DeviceActionFailed("vx200", "VNI 200 is already on vxforeign"))
        here.later(1.5)
    assert told().count("device_refused") == 1
    assert told().count("evi_not_ready") == 1
    assert here.engine.inventory.vrfs[200].reason == (
        "vx200 VNI 200 is already on vxforeign"
    )

    here.run(DeviceActionFailed("vx200", "Operation not permitted"))
    assert told().count("device_refused") == 2


def test_ports_that_are_missing_or_too_wide_are_noted() -> None:
    (evi,) = config().evis
    here = Host(configuration=config(evis=(replace(evi, ports=("t12", "t99")),)))
    port, vxlan = link(here, PORTS[0]), link(here, VXLAN)
    here.run(
        LinkObserved(vxlan._replace(mtu=1450)), LinkObserved(port._replace(mtu=9000))
    )

    assert here.vrf.notes == (
        "port t99 does not exist",
        f"frames of {port.name} and 1 more may be larger than the MTU of vx100, 1450",
    )
    told = [each for each in here.notices if each.event == "evi_noted"]
    assert told[-1].fields["notes"] == list(here.vrf.notes)


def test_another_udp_port_than_ours_is_said() -> None:
    host = Host()
    vxlan = link(host, VXLAN)
    assert vxlan.vxlan is not None
    other = vxlan._replace(vxlan=vxlan.vxlan._replace(udp_port=8472))
    host.run(LinkObserved(other))

    assert host.vrf.reason == "vx100 uses UDP port 8472, not vtep.udp-port 4789"


def test_a_device_that_moves_to_another_bridge_takes_its_neighbours_along() -> None:
    host = Host()
    host.up()
    host.run(announce(PEER, attributes(REMOTE), REMOTE, MAC + IP))
    new = link(host, BRIDGE)._replace(ifindex=99, name="br2")
    host.run(LinkObserved(new))
    host.tell(LinkObserved(link(host, VXLAN)._replace(master=99)))
    actions = host.turn()

    assert DeleteNeighbors(DOMAIN, [IP]) in actions


def test_a_flood_row_that_lost_its_mark_is_ours_again_when_it_is_announced() -> None:
    kernel = FakeKernel(VTEP)
    state = NUD_NOARP | NUD_PERMANENT
    for vtep in (parse_ip(REMOTE), parse_ip("10.9.9.9")):
        row = FdbRow(True, VXLAN, FLOOD_MAC, 0, state, NTF_SELF, vtep)
        kernel.flood[vtep] = row
    host = Host(kernel)
    host.up()
    host.run(announce_imet(PEER, REMOTE))
    host.run(withdraw_imet(PEER, REMOTE))

    assert kernel.flood.keys() == {parse_ip("10.9.9.9")}


def test_flood_rows_that_nobody_confirms_and_that_may_not_be_ours_are_told() -> None:
    kernel = FakeKernel(VTEP)
    state = NUD_NOARP | NUD_PERMANENT
    for vtep in (parse_ip(REMOTE), parse_ip("10.9.9.9")):
        row = FdbRow(True, VXLAN, FLOOD_MAC, 0, state, NTF_SELF, vtep)
        kernel.flood[vtep] = row
    host = Host(kernel)
    host.run(PeerWentUp(PEER), announce_imet(PEER, REMOTE))
    assert "flood_rows_not_ours" not in [each.event for each in host.notices]
    host.up()
    host.run(announce_imet(PEER, "10.0.0.3"))

    told = [each for each in host.notices if each.event == "flood_rows_not_ours"]
    assert [each.fields["vteps"] for each in told] == [["10.9.9.9"]]


def test_a_device_that_leaves_its_bridge_takes_its_rows_along() -> None:
    host = Host()
    host.up()
    host.run(announce(PEER, attributes(REMOTE), REMOTE, MAC + IP))
    host.run(announce_imet(PEER, REMOTE))
    host.run(LinkObserved(link(host, VXLAN)._replace(master=0)))

    assert host.vrf.reason == "vx100 is not in a bridge"
    assert host.kernel.vxlan == host.kernel.flood == host.kernel.neighbors == {}


def vxlan_of(vni: int, ifindex: int, host: Host) -> Link:
    """Another VXLAN device, in no bridge."""
    base = link(host, VXLAN)
    assert base.vxlan is not None
    mine = base.vxlan._replace(vni=vni)
    return base._replace(ifindex=ifindex, name=f"vx{vni}", master=0, vxlan=mine)


def test_discovered_evis_have_the_rds_that_a_restart_gives_them() -> None:
    settings = config(evis=(), discover=True)
    ends = []
    for order in ((65536 + 7, 7, 131072 + 7), (131072 + 7, 65536 + 7, 7)):
        host = Host(configuration=settings)
        for ifindex, vni in enumerate(order, 50):
            host.run(LinkObserved(vxlan_of(vni, ifindex, host)))
        ends.append({vni: vrf.rd for vni, vrf in host.engine.inventory.vrfs.items()})

    assert ends[0] == ends[1]
    assert ends[0][7] == parse_rd("10.0.0.1:7")


def test_a_discovered_evi_that_gives_its_rd_up_keeps_its_tables() -> None:
    """VNI 65543 has the RD 10.0.0.1:7 until VNI 7 is discovered, too."""
    kernel = FakeKernel(parse_ip("10.0.0.1"), vni=65543)
    host = Host(kernel, config(evis=(), discover=True))
    host.up()
    host.run(*kernel.frame(PORTS[0], b"\2\0\0\0\0\1"))
    before = host.engine.inventory.vrfs[65543]
    host.bgp.clear()
    host.run(LinkObserved(vxlan_of(7, 50, host)))

    assert host.engine.inventory.vrfs[65543] is before
    assert before.rd == parse_rd("10.0.0.1:8")
    announced = [type(a) for a in host.bgp if a.source == before.rd]
    withdrawn = [type(a) for a in host.bgp if a.source == parse_rd("10.0.0.1:7")]
    assert announced == [AnnounceImet, AnnounceMacIp]
    assert set(withdrawn) == {WithdrawImet, WithdrawMacIp}
    assert host.bgp[:2] == [a for a in host.bgp if a.source == before.rd]


def test_a_discovered_evi_leaves_the_rd_of_a_configured_one_alone() -> None:
    (evi,) = config().evis
    high = replace(evi, vni=parse_vni(65536 + 7), name="high")
    host = Host(configuration=config(evis=(high,), discover=True))
    host.run(LinkObserved(vxlan_of(7, 50, host)))
    rds = {vni: vrf.rd for vni, vrf in host.engine.inventory.vrfs.items()}

    assert rds[high.vni] == parse_rd("10.0.0.1:7")
    assert rds[7] == parse_rd("10.0.0.1:8")


def test_a_discovered_evi_gives_way_to_a_configured_one() -> None:
    (evi,) = config().evis
    host = Host(configuration=config(evis=(), discover=True))
    host.run(LinkObserved(vxlan_of(7, 50, host)))
    high = replace(evi, vni=parse_vni(65536 + 7), name="high")
    host.run(ConfigChanged(config(evis=(high,), discover=True)))
    rds = {vni: vrf.rd for vni, vrf in host.engine.inventory.vrfs.items()}

    assert rds[high.vni] == parse_rd("10.0.0.1:7")
    assert rds[7] == parse_rd("10.0.0.1:8")
