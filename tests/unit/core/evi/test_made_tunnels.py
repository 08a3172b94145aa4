"""One VXLAN device for all VNIs of a bridge that evpnd makes."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evpnd.core.evi.made_tunnels import format_map, tunnel_change
from evpnd.model.bridge_actions import (
    MakeSharedVxlan,
    SetTunnels,
    SetVlanSuppression,
    Tunnels,
)
from evpnd.model.bridges import BridgeConfig, BridgePort, as_ranges
from evpnd.model.config import Config
from evpnd.model.rows import PortVlans
from tests.fakes.host import VTEP
from tests.fakes.made_bridges import MadeHost, MadeKernel, made_config, made_evi

A, B, C = 10, 11, 30


def shared(*vlans: int, suppress: bool = True) -> Config:
    bridge = BridgeConfig(
        "br0", "vx0", (BridgePort("bond*", (range(10, 31),), attach=False),)
    )
    evis = tuple(made_evi(each, vxlan="vx0", suppress=suppress) for each in vlans)
    return made_config(bridges=(bridge,), evis=evis)


def host_with(*vlans: int) -> MadeHost:
    return MadeHost(shared(*vlans), MadeKernel(VTEP))


def port(*vlans: int) -> PortVlans:
    tunnels = {vlan: 10_000 + vlan for vlan in vlans}
    return PortVlans(0, frozenset(vlans), frozenset(vlans), tunnels)


def vni_filter(host: MadeHost) -> tuple[range, ...]:
    return host.devices.filters[host.devices.links["vx0"].ifindex]


def test_one_device_carries_all_vnis() -> None:
    host = host_with(A, B, C)

    assert host.states() == {A: None, B: None, C: None}
    assert host.devices.ours() == {"br0", "vx0", *(f"br0.{v}" for v in (A, B, C))}
    assert host.devices.vlans_of("vx0") == port(A, B, C)
    assert vni_filter(host) == (range(10_010, 10_012), range(10_030, 10_031))
    (made,) = host.done(MakeSharedVxlan)
    assert (made.name, made.suppress) == ("vx0", True)  # type: ignore[union-attr]
    link = host.devices.links["vx0"]
    assert link.vxlan is not None
    assert (link.vxlan.external, link.vxlan.vnifilter) == (True, True)


def test_map_and_filter_are_given_back() -> None:
    host = host_with(A, B, C)
    kernel = host.devices
    index = kernel.links["vx0"].ifindex
    for vlans, filtered in (
        (port(A), ()),
        (PortVlans(0, frozenset({A, C}), frozenset({A, C}), {A: 10_011, C: 7}), ()),
        (PortVlans(A, frozenset({A, 99}), frozenset({99}), {99: 10_010}), (range(9),)),
        (port(A, B, C, 40), (range(10_000, 10_020), range(20_000, 30_000))),
    ):
        host.later(2)
        kernel.filters[index] = filtered
        host.run(*kernel.set_vlans("vx0", vlans))
        host.later(2)
        assert kernel.vlans_of("vx0") == port(A, B, C)
        assert host.states() == {A: None, B: None, C: None}
        assert vni_filter(host) == (range(10_010, 10_012), range(10_030, 10_031))


def test_evis_come_and_go_with_map_and_filter() -> None:
    host = host_with(A, B)
    host.later(1)
    host.reload(shared(B, C))
    host.later(2)

    assert host.devices.vlans_of("vx0") == port(B, C)
    assert vni_filter(host) == (range(10_011, 10_012), range(10_030, 10_031))
    evis = (replace(made_evi(B, vxlan="vx0"), vlan=C),)
    host.reload(replace(shared(B), evis=evis))
    host.later(2)
    assert host.devices.vlans_of("vx0").tunnels == {C: 10_011}


def test_devices_for_each_vni_give_way_to_one_and_the_other_way_round() -> None:
    host = MadeHost(made_config(A, B))
    host.later(1)
    host.reload(shared(A, B))
    host.later(2)
    assert host.devices.ours() == {"br0", "vx0", "br0.10", "br0.11"}
    assert host.states() == {A: None, B: None}

    host.reload(made_config(A, B))
    host.later(2)
    assert host.devices.ours() == {"br0", "vx10010", "vx10011", "br0.10", "br0.11"}
    assert host.states() == {A: None, B: None}


def differing(host: MadeHost) -> None:
    evis = (made_evi(A, vxlan="vx0", suppress=False), made_evi(B, vxlan="vx0"))
    host.reload(replace(shared(A, B), evis=evis))
    host.later(2)
    host.later(2)


def test_vlans_are_told_apart_where_evis_differ_in_suppress() -> None:
    host = host_with(A, B)
    host.later(1)
    differing(host)

    port_state = host.devices.links["vx0"].port
    assert port_state is not None
    assert port_state.neigh_vlan_suppress
    assert host.devices.vlans_of("vx0").suppressed == {B}
    assert [vrf.notes for vrf in host.engine.inventory.vrfs.values()] == [(), ()]
    host.run(
        *host.devices.set_vlans("vx0", port(A, B)._replace(suppressed=frozenset({A})))
    )
    host.later(2)
    assert host.devices.vlans_of("vx0").suppressed == {B}

    host.reload(shared(A, B))
    host.later(2)
    port_state = host.devices.links["vx0"].port
    assert port_state is not None
    assert not port_state.neigh_vlan_suppress


def test_a_kernel_that_cannot_tell_them_apart_is_asked_once() -> None:
    host = host_with(A, B)
    host.later(1)
    host.devices.old = True
    differing(host)

    assert len(host.done(SetVlanSuppression)) == 1
    one, other = host.engine.inventory.vrfs.values()
    assert one.notes[0].startswith("`suppress: false` has no effect: vx0 answers")
    assert other.notes == ()
    host.later(5)
    assert host.done(SetVlanSuppression) == []


def test_a_device_of_somebody_else_is_not_taken() -> None:
    kernel = MadeKernel(VTEP)
    kernel.add("vx0", "dummy")
    host = MadeHost(shared(A), kernel)

    assert kernel.links["vx0"].alias == ""
    assert host.engine.inventory.attempts.refused["vx0"].startswith("exists, but evpnd")


def test_a_map_is_told_by_its_ranges() -> None:
    tunnels = {vlan: 10_000 + vlan for vlan in range(100, 200)} | {300: 10_300}
    assert format_map(tunnels) == "100-199: 10100-10199, 300: 10300"
    change = tunnel_change(7, tunnels, {}, ())
    assert change == SetTunnels(
        7,
        mapped=(Tunnels(range(100, 200), 10_100), Tunnels(range(300, 301), 10_300)),
        taken_in=(range(10_100, 10_200), range(10_300, 10_301)),
    )


maps = st.lists(
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    unique_by=(lambda each: each[0], lambda each: each[1]),
    max_size=12,
).map(dict)
filters = st.sets(st.integers(1, 30)).map(as_ranges)


@given(wanted=maps, has=maps, vnis=filters)
def test_a_change_leads_from_any_map_and_filter_to_the_wanted_ones(
    wanted: dict[int, int], has: dict[int, int], vnis: tuple[range, ...]
) -> None:
    change = tunnel_change(1, wanted, has, vnis) or SetTunnels(1)

    tunnels = dict(has)
    for vlan in (vlan for each in change.unmapped for vlan in each):
        del tunnels[vlan]
    for vlans, first in change.mapped:
        for at, vlan in enumerate(vlans):
            # Each VLAN and each VNI is there once at most, at any time.
            assert first + at not in tunnels.values()
            tunnels[vlan] = first + at
    inside = {vni for each in vnis for vni in each}
    inside -= {vni for each in change.filtered for vni in each}
    inside |= {vni for each in change.taken_in for vni in each}
    assert tunnels == wanted
    assert inside == set(wanted.values())
