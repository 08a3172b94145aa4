"""Devices that are not as they should be, or change."""

from evpnd.model.actions import DeleteNeighbors
from evpnd.model.events import LinkObserved
from evpnd.model.ids import FLOOD_MAC, parse_ip
from evpnd.model.rows import NTF_SELF, NUD_NOARP, NUD_PERMANENT, FdbRow, Link
from tests.fakes.host import (
    PEERS,
    VTEP,
    Host,
    announce,
    announce_imet,
    attributes,
    withdraw_imet,
)
from tests.fakes.kernel import BRIDGE, VXLAN, FakeKernel

MAC = b"\2\0\0\0\0\1"
IP = parse_ip("192.0.2.10")
PEER = PEERS[0]
REMOTE = "10.0.0.2"


def link(host: Host, ifindex: int) -> Link:
    return next(each for each in host.kernel.links() if each.ifindex == ifindex)


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

    assert DeleteNeighbors(BRIDGE, [IP]) in actions


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


def test_a_device_that_leaves_its_bridge_takes_its_rows_along() -> None:
    host = Host()
    host.up()
    host.run(announce(PEER, attributes(REMOTE), REMOTE, MAC + IP))
    host.run(announce_imet(PEER, REMOTE))
    host.run(LinkObserved(link(host, VXLAN)._replace(master=0)))

    assert host.vrf.reason == "vx100 is not in a bridge"
    assert host.kernel.vxlan == host.kernel.flood == host.kernel.neighbors == {}
