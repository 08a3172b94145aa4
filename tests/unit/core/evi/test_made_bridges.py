"""Bridges that evpnd makes: what it asks the kernel for."""

from dataclasses import replace

import pytest

from evpnd.model.actions import ReleasePorts, RemoveDevices
from evpnd.model.bridge_actions import (
    AttachPorts,
    MakeBridge,
    MakeVlanDevices,
    MakeVxlanDevices,
    SetPortVlans,
)
from evpnd.model.bridges import BridgeConfig, BridgePort
from evpnd.model.events import PathsMeasured
from evpnd.model.rows import PortVlans
from tests.fakes.host import PEERS, VTEP, announce_imet
from tests.fakes.made_bridges import (
    MadeHost,
    MadeKernel,
    made_config,
    made_evi,
)

BOND = BridgePort("bond0", (range(10, 21),), 5)
VNET = BridgePort("vnet*", (), 10, attach=False)
TAP = BridgePort("tap*", (range(10, 11),), None, attach=True)
A, B = 10, 20


def kernel_with(*names: str) -> MadeKernel:
    kernel = MadeKernel(VTEP)
    for name in names:
        kernel.add(name)
    return kernel


def access(vlan: int) -> PortVlans:
    return PortVlans(vlan, frozenset({vlan}))


BOND_VLANS = PortVlans(5, frozenset({5, *range(10, 21)}), frozenset(range(10, 21)))


def test_all_devices_are_made_in_one_go_and_the_evis_are_ready() -> None:
    host = MadeHost(made_config(A, B, ports=(BOND,)), kernel_with("bond0"))

    assert host.states() == {A: None, B: None}
    assert host.devices.ours() == {
        *("br0", "vx10010", "vx10020", "br0.10", "br0.20"),
    }
    kinds = [type(action) for action in host.done()]
    assert kinds[:4] == [MakeBridge, AttachPorts, MakeVlanDevices, MakeVxlanDevices]
    assert set(kinds[4:]) == {SetPortVlans}
    assert host.devices.vlans_of("bond0") == BOND_VLANS
    assert host.devices.vlans_of("vx10010") == access(A)
    assert [vrf.notes for vrf in host.engine.inventory.vrfs.values()] == [(), ()]


def test_nothing_is_done_to_what_is_as_it_should_be() -> None:
    host = MadeHost(made_config(A, ports=(BOND,)), kernel_with("bond0"))

    again = MadeHost(made_config(A, ports=(BOND,)), host.devices)
    host.done()
    again.later(5)
    assert again.done() == []
    assert again.states() == {A: None}


def test_many_devices_are_made_some_hundred_at_a_time() -> None:
    vlans = range(1, 1002)
    host = MadeHost(made_config(*vlans))

    made = [each for each in host.done() if isinstance(each, MakeVxlanDevices)]
    assert [len(each.devices) for each in made] == [500, 500, 1]
    assert set(host.states().values()) == {None}


def test_without_suppression_there_is_no_vlan_device() -> None:
    evis = (made_evi(A, suppress=False), made_evi(B))
    host = MadeHost(made_config(evis=evis))

    assert "br0.10" not in host.devices.ours()
    assert "br0.20" in host.devices.ours()
    assert host.states() == {A: None, B: None}
    host.reload(made_config(evis=tuple(replace(evi, suppress=False) for evi in evis)))
    assert host.devices.ours() == {"br0", "vx10010", "vx10020"}


def test_a_device_that_is_asked_for_is_not_asked_for_again_before_an_answer() -> None:
    host = MadeHost(made_config(A))
    host.later(2)
    host.done()
    host.devices.refused.add("vx10010")
    host.run(*host.devices.remove("vx10010"))

    assert len(host.done(MakeVxlanDevices)) == 1
    host.later(0.5)
    assert host.done() == []
    host.later(0.6)
    assert len(host.done(MakeVxlanDevices)) == 1
    assert host.states() == {A: "vx10010 EPERM: not today"}
    host.devices.refused.clear()
    host.later(1.1)
    assert host.states() == {A: None}


@pytest.mark.parametrize(
    "found",
    [
        PortVlans(0, frozenset()),
        PortVlans(1, frozenset({1})),
        PortVlans(10, frozenset({5, *range(10, 21)}), frozenset(range(11, 21))),
        PortVlans(5, frozenset({5, *range(10, 30)}), frozenset(range(10, 30))),
        PortVlans(0, frozenset({5, *range(10, 21)}), frozenset({5, *range(10, 21)})),
    ],
)
def test_the_vlans_of_a_port_are_given_back(found: PortVlans) -> None:
    host = MadeHost(made_config(A, ports=(BOND,)), kernel_with("bond0"))
    host.later(2)
    host.run(*host.devices.set_vlans("bond0", found))

    assert host.devices.vlans_of("bond0") == BOND_VLANS
    told = [notice for notice in host.notices if notice.event == "port_vlans_set"]
    assert told[-1].fields["device"] == "bond0"


def test_ports_of_a_pattern_get_their_vlans_when_somebody_puts_them_there() -> None:
    host = MadeHost(made_config(A, ports=(VNET,)), kernel_with("vnet0", "eth7"))
    assert host.devices.links["vnet0"].master == 0

    host.run(*host.devices.attach("vnet0", "br0"))
    host.run(*host.devices.attach("eth7", "br0"))
    host.run(*host.devices.add("vnet1"), *host.devices.attach("vnet1", "br0"))
    assert host.devices.vlans_of("vnet0") == access(A)
    assert host.devices.vlans_of("vnet1") == access(A)
    assert host.devices.vlans_of("eth7") == PortVlans(0, frozenset())
    assert host.done(AttachPorts) == []


def test_a_pattern_may_attach_and_takes_nothing_that_it_should_not() -> None:
    kernel = kernel_with("tap0", "other")
    kernel.add("tap-br", "bridge")
    kernel.add("tap-vx", "vxlan")
    host = MadeHost(made_config(A, ports=(TAP,)), kernel)

    host.run(*kernel.add("tap1"))
    inside = {
        name
        for name, link in kernel.links.items()
        if link.master == kernel.links["br0"].ifindex
    }
    assert inside == {"tap0", "tap1", "vx10010"}


def test_the_device_with_the_vtep_address_matches_no_pattern() -> None:
    every = BridgePort("*", (), A, attach=True)
    host = MadeHost(made_config(A, ports=(every,)), kernel_with("eth0"))

    assert host.devices.links["lo"].master == 0
    assert host.devices.links["eth0"].master == host.devices.links["br0"].ifindex
    assert host.devices.vlans_of("vx10010") == access(A)


def test_of_two_bridges_the_one_with_the_most_exact_name_gets_the_port() -> None:
    bridges = (
        BridgeConfig("br0", None, (BridgePort("*", (), A, attach=True),)),
        BridgeConfig("br1", None, (BridgePort("vnet7", (), A),)),
    )
    evis = (made_evi(A), made_evi(B, bridge="br1"))
    host = MadeHost(made_config(bridges=bridges, evis=evis), kernel_with("vnet7"))

    assert host.devices.links["vnet7"].master == host.devices.links["br1"].ifindex


def test_a_port_of_another_bridge_is_left_there_and_that_is_noted() -> None:
    kernel = kernel_with("bond0")
    kernel.add("br9", "bridge")
    kernel.attach("bond0", "br9")
    host = MadeHost(made_config(A, 30, ports=(BOND,)), kernel)

    sentence = (
        "port bond0 is a port of br9; remove it from there before it can be a port of "
        "br0"
    )
    assert host.states() == {A: None, 30: None}
    one, other = host.engine.inventory.vrfs.values()
    host.later(1)
    assert one.notes == (sentence,)
    assert other.notes == ()  # it is not in that VLAN
    host.run(*kernel.change("bond0", master=0))
    host.later(1)
    assert kernel.vlans_of("bond0") == BOND_VLANS
    assert one.notes == ()


def test_a_named_port_that_does_not_exist_is_noted_and_attached_when_it_comes() -> None:
    host = MadeHost(made_config(A, ports=(BOND,)))
    (vrf,) = host.engine.inventory.vrfs.values()
    assert vrf.notes == ("port bond0 does not exist",)

    host.run(*host.devices.add("bond0", up=False))
    assert host.devices.links["bond0"].up
    assert host.devices.vlans_of("bond0") == BOND_VLANS
    assert vrf.notes == ()


@pytest.mark.parametrize("name", ["br0", "vx10010"])
def test_a_device_of_somebody_else_is_not_taken(name: str) -> None:
    kernel = MadeKernel(VTEP)
    kernel.add(name, "bridge" if name == "br0" else "dummy")
    host = MadeHost(made_config(A, ports=(BOND,)), kernel)

    told = f"{name} exists, but evpnd did not create it"
    assert str(host.states()[A]).startswith(told)
    assert kernel.links[name].alias == ""
    host.later(2)
    host.run(*kernel.remove(name))
    host.later(2)
    assert host.states() == {A: None}


def test_a_vlan_device_of_somebody_else_is_used_and_let_in() -> None:
    host = MadeHost(made_config(A))
    bridge = host.devices.links["br0"]
    gateway = {"lower": bridge.ifindex, "vlan_id": B}
    host.run(*host.devices.add("gw", "vlan", **gateway))
    host.reload(made_config(A, B))

    assert "br0.20" not in host.devices.links
    inside = host.devices.vlans_of("br0")
    assert inside == PortVlans(0, frozenset({B}), frozenset({B}))
    svi = host.engine.inventory.vrfs[10_020].domain.svi
    assert svi == host.devices.links["gw"].ifindex
    host.later(1)
    host.run(*host.devices.remove("gw"))
    assert "br0.20" in host.devices.ours()


def test_a_vlan_device_whose_name_is_taken_is_told() -> None:
    kernel = kernel_with("br0.10")
    host = MadeHost(made_config(A), kernel)
    host.later(1)

    (vrf,) = host.engine.inventory.vrfs.values()
    assert vrf.reason is None
    assert vrf.notes[0].startswith("br0 answers no ARP or ND in VLAN 10: br0.10 exists")


def test_our_vlan_device_is_taken_down_where_somebody_brings_it_up() -> None:
    host = MadeHost(made_config(A))
    host.later(1)
    host.run(*host.devices.change("br0.10", up=True))

    assert not host.devices.links["br0.10"].up


def test_a_bridge_with_a_long_name_has_vlan_devices_of_shorter_names() -> None:
    bridges = (BridgeConfig("fifteen-letters"),)
    evi = made_evi(A, bridge="fifteen-letters")
    host = MadeHost(made_config(bridges=bridges, evis=(evi,)))

    (name,) = host.devices.ours() - {"fifteen-letters", "vx10010"}
    assert len(name) <= 15
    again = MadeHost(made_config(bridges=bridges, evis=(evi,)), host.devices)
    assert name in again.devices.ours()
    assert again.states() == {A: None}


def test_evis_ports_and_bridges_that_the_configuration_drops_are_removed() -> None:
    ports = (BOND, VNET, TAP)
    kernel = kernel_with("bond0", "vnet0", "tap0", "theirs")
    host = MadeHost(made_config(A, B, ports=ports), kernel)
    for name in ("vnet0", "theirs"):
        host.run(*kernel.attach(name, "br0"))
    host.run(*kernel.set_vlans("theirs", access(A)))
    host.later(1)

    host.reload(made_config(A))
    assert kernel.ours() == {"br0", "vx10010", "br0.10"}
    assert kernel.links["bond0"].master == kernel.links["tap0"].master == 0
    # Who put it there keeps it there, without the VLANs of evpnd.
    assert kernel.links["vnet0"].master == kernel.links["br0"].ifindex
    assert kernel.vlans_of("vnet0") == PortVlans(0, frozenset())
    assert kernel.vlans_of("theirs") == access(A)

    host.reload(made_config(bridges=(), evis=()))
    assert kernel.ours() == set()


def test_a_port_that_a_pattern_covers_now_stays() -> None:
    kernel = kernel_with("bond0")
    host = MadeHost(made_config(A, ports=(BOND,)), kernel)
    host.done()
    host.reload(made_config(A, ports=(replace(VNET, name="bond*"),)))

    host.later(1)
    assert host.done(ReleasePorts) == []
    assert kernel.vlans_of("bond0") == access(A)


def test_a_start_removes_what_an_earlier_run_left() -> None:
    host = MadeHost(made_config(A, B, 30))

    later = MadeHost(made_config(A), host.devices)
    assert later.devices.ours() == {"br0", "vx10010", "br0.10"}
    assert later.states() == {A: None}


def test_a_flush_removes_all_devices() -> None:
    host = MadeHost(made_config(A, B))
    (action,) = [x for x in host.engine.flush() if isinstance(x, RemoveDevices)]
    host.run(*host.devices.apply(action))

    assert set(action.names) >= {"br0", "vx10010", "vx10020", "br0.10", "br0.20"}
    assert action.names[-1] == "br0"


def test_devices_follow_the_vtep_address_and_the_underlay() -> None:
    host = MadeHost(made_config(A))
    host.up()
    assert host.devices.links["vx10010"].mtu == 1500
    path = announce_imet(PEERS[0], "10.0.0.2")
    host.later(1)
    host.run(path)
    host.run(PathsMeasured({bytes((10, 0, 0, 2)): 9000}))
    # No route of that EVI: it stays.
    assert host.devices.links["vx10010"].mtu == 1500

    host.run(*host.devices.change("vx10010", mtu=1400, up=False))
    assert (host.devices.links["vx10010"].up, host.states()[A]) == (True, None)


def test_a_bridge_that_somebody_changes_is_mended() -> None:
    host = MadeHost(made_config(A))
    host.later(1)
    host.run(*host.devices.change("br0", vlan_filtering=False, default_pvid=1))

    bridge = host.devices.links["br0"]
    assert (bridge.vlan_filtering, bridge.default_pvid) == (True, 0)
    assert host.states() == {A: None}


def test_evis_of_a_full_bridge_say_so() -> None:
    kernel = MadeKernel(VTEP)
    host = MadeHost(made_config(A), kernel)
    for number in range(1022):
        kernel.add(f"p{number}")
        kernel.attach(f"p{number}", "br0")
    host.reload(made_config(A, B))
    host.later(1)

    assert host.states() == {A: None, B: "vx10020 EXFULL: no room"}
