"""After any events and refusals, bridges that evpnd makes are as they are to be."""

from hypothesis import given
from hypothesis import strategies as st

from evpnd.core.evi.made_ports import port_vlans
from evpnd.model.bridges import BridgeConfig, BridgePort, as_ranges
from evpnd.model.config import Config
from evpnd.model.rows import PortVlans
from tests.fakes.host import VTEP
from tests.fakes.made_bridges import (
    NO_VLANS,
    MadeHost,
    MadeKernel,
    made_config,
    made_evi,
)

PORTS = (
    BridgePort("bond0", (range(10, 21),), 5),
    BridgePort("vnet*", (), 10, attach=False),
    BridgePort("vnet1", (range(10, 11),), None, attach=False),
    BridgePort("tap*", (range(20, 21),), 30, attach=True),
)
BRIDGE = BridgeConfig("br0", None, PORTS)
SHARED = BridgeConfig("br0", "vx0", PORTS)
NAMES = ("bond0", "vnet0", "vnet1", "tap0", "theirs")
MADE = ("br0", "vx10010", "vx10020", "br0.10", "br0.20", "vx0")
SETS = ((10,), (10, 20), (20, 30))
"""VLANs of the EVIs, of configurations that are loaded."""

vlans = st.sampled_from([1, 5, 10, 15, 20, 30])
port_states = st.builds(
    lambda pvid, inside, tagged: PortVlans(
        pvid if pvid in inside else 0, frozenset(inside), frozenset(tagged & inside)
    ),
    vlans,
    st.sets(vlans),
    st.sets(vlans),
)
filters = st.sets(st.integers(10_008, 10_022)).map(as_ranges)
steps = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(NAMES)),
    st.tuples(st.just("remove"), st.sampled_from(NAMES + MADE)),
    st.tuples(st.just("attach"), st.sampled_from(NAMES)),
    st.tuples(st.just("leave"), st.sampled_from(NAMES + MADE)),
    st.tuples(st.just("vlans"), st.sampled_from(NAMES + MADE[1:3]), port_states),
    st.tuples(st.just("up"), st.sampled_from(NAMES + MADE), st.booleans()),
    st.tuples(st.just("refuse"), st.sampled_from(NAMES + MADE)),
    st.tuples(st.just("reload"), st.sampled_from(SETS), st.booleans()),
    st.tuples(st.just("filter"), filters),
    st.tuples(st.just("later"), st.sampled_from([0.2, 1.5])),
)


def configuration(vlans: tuple[int, ...], *, shared: bool) -> Config:
    if not shared:
        return made_config(*vlans, bridges=(BRIDGE,))
    evis = tuple(made_evi(vlan, vxlan="vx0") for vlan in vlans)
    return made_config(bridges=(SHARED,), evis=evis)


def happen(host: MadeHost, step: tuple[object, ...]) -> None:
    kernel = host.devices
    match step:
        case ("add", str(name)) if name not in kernel.links:
            host.run(*kernel.add(name))
        case ("attach", str(name)) if name in kernel.links and "br0" in kernel.links:
            host.run(*kernel.attach(name, "br0"))
        case ("vlans", str(name), PortVlans() as has) if name in kernel.links:
            if kernel.links[name].master:
                host.run(*kernel.set_vlans(name, has))
        case ("remove", str(name)):
            host.run(*kernel.remove(name))
        case ("leave", str(name)) if name in kernel.links:
            host.run(*kernel.change(name, master=0))
        case ("up", str(name), bool(up)) if name in kernel.links:
            host.run(*kernel.change(name, up=up))
        case ("refuse", str(name)):
            kernel.refused ^= {name}
        case ("reload", tuple(evis), bool(shared)):
            host.reload(configuration(evis, shared=shared))
        case ("filter", tuple(vnis)) if "vx0" in kernel.links:
            kernel.filters[kernel.links["vx0"].ifindex] = vnis
            host.run(*kernel.set_vlans("vx0", kernel.vlans_of("vx0")))
        case ("later", float(seconds)):
            host.later(seconds)


@given(story=st.lists(steps, max_size=30), restart=st.booleans())
def test_devices_and_vlans_become_what_they_are_to_be(
    story: list[tuple[object, ...]], *, restart: bool
) -> None:
    host = MadeHost(configuration((10, 20), shared=False), MadeKernel(VTEP))
    for step in story:
        happen(host, step)
    kernel = host.devices
    kernel.refused.clear()
    if restart:
        host = MadeHost(host.engine.config, kernel)
    for _ in range(4):
        host.later(1.5)

    evis = [vrf.config for vrf in host.engine.inventory.vrfs.values()]
    made = {"br0"} | {evi.vxlan for evi in evis} | {f"br0.{evi.vlan}" for evi in evis}
    assert kernel.ours() == made
    assert set(host.states().values()) == {None}
    bridge = kernel.links["br0"].ifindex
    for link in kernel.links.values():
        entry = None if link.name in made else BRIDGE.port(link.name)
        if entry is not None and entry.attach:
            assert link.master == bridge
        if link.master != bridge:
            continue
        if entry is not None:
            assert kernel.vlans_of(link.name) == port_vlans(entry)
    vlans = {evi.vlan or 0: int(evi.vni) for evi in evis}
    for evi in evis:
        assert evi.vxlan is not None
        assert evi.vlan is not None
        assert not kernel.links[f"br0.{evi.vlan}"].up
        has = kernel.vlans_of(evi.vxlan)
        if evi.vxlan != "vx0":
            assert has == PortVlans(evi.vlan, frozenset({evi.vlan}))
            continue
        assert has == PortVlans(0, frozenset(vlans), frozenset(vlans), vlans)
        vnis = kernel.filters[kernel.links["vx0"].ifindex]
        assert vnis == as_ranges(vlans.values())
    host.done()
    host.later(5)
    assert host.done() == []
    assert kernel.vlans_of("br0") == NO_VLANS
