"""What happens in one VLAN of a bridge changes nothing of the EVI of another.

Nor does what happens in one VNI of a VXLAN device.
"""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evpnd.adapters.netlink.pack import Delete, Upsert
from evpnd.core.evi.mac_vrf import MacVrf
from evpnd.model.actions import Action
from evpnd.model.events import BindingsSnooped, Event, Heard, UpdateReceived
from evpnd.model.ids import Ip, Mac, parse_ip, parse_rd, parse_route_target
from evpnd.model.routes import ImetRoute, MacIpBatch, PmsiTunnel, Update
from tests.fakes.host import NO_ESI, NO_TAG, PEERS, Host, attributes
from tests.fakes.shared_bridge import ONE, TWO, SharedBridge, shared_host, vni_of

VLANS = (10, 20)
MACS = [bytes((2, 0, 0, 0, 0, last)) for last in range(3)]
IPS = [parse_ip("192.0.2.10"), parse_ip("2001:db8::10")]
VTEPS = ["10.0.0.0", "10.0.0.2"]
ports, macs, ips = (st.sampled_from(each) for each in ((ONE, TWO), MACS, IPS))
happenings = st.one_of(
    st.tuples(st.just("frame"), ports, macs),
    st.tuples(st.just("age"), macs),
    st.tuples(st.just("put"), ports, macs, st.booleans()),
    st.tuples(st.just("say"), ports, macs, ips),
    st.tuples(st.just("route"), st.sampled_from(VTEPS), macs, ips, st.integers(0, 3)),
    st.tuples(st.just("no-route"), st.sampled_from(VTEPS), macs, ips),
    st.tuples(st.just("imet"), st.sampled_from(VTEPS), st.booleans()),
    st.tuples(st.just("flush")),
    st.tuples(st.just("answers"), macs, ips),
    st.tuples(st.just("refuses"), macs),
)
steps = st.one_of(
    st.tuples(st.sampled_from(VLANS), happenings),
    st.tuples(st.just(0), st.sampled_from([0.5, 5.0, 170.0])),
)


def route(vlan: int, vtep: str, keys: list[bytes], sequence: int | None) -> Event:
    rd, vni = parse_rd(f"{vtep}:{vlan}"), vni_of(vlan)
    if sequence is None:
        batch = MacIpBatch(rd, NO_TAG, b"", b"", keys)
        return UpdateReceived(PEERS[0], Update(None, [], [], [batch], []))
    path = replace(
        attributes(vtep, sequence),
        route_targets=(parse_route_target(f"65000:{vni}"),),
    )
    batch = MacIpBatch(rd, NO_TAG, NO_ESI, vni.to_bytes(3, "big"), keys)
    return UpdateReceived(PEERS[0], Update(path, [batch], [], [], []))


def imet(vlan: int, vtep: str, *, gone: bool) -> Event:
    ip, vni = parse_ip(vtep), vni_of(vlan)
    found = ImetRoute(parse_rd(f"{vtep}:{vlan}"), NO_TAG, ip)
    if gone:
        return UpdateReceived(PEERS[0], Update(None, [], [], [], [found]))
    path = replace(
        attributes(vtep),
        route_targets=(parse_route_target(f"65000:{vni}"),),
        pmsi=PmsiTunnel(6, vni, ip),
    )
    return UpdateReceived(PEERS[0], Update(path, [], [found], [], []))


def happen(host: Host, vlan: int, what: object) -> None:
    kernel: object = host.kernel
    assert isinstance(kernel, SharedBridge)
    tables = kernel.vlans[vlan]
    match what:
        case ("frame", int(port), bytes(mac)):
            host.run(*kernel.tell(vlan, tables.frame(port, mac)))
        case ("age", bytes(mac)):
            host.run(*kernel.tell(vlan, tables.age(mac)))
        case ("put", int(port), bytes(mac), bool(sticky)):
            host.run(*kernel.tell(vlan, tables.put(port, mac, sticky=sticky)))
        case ("say", int(port), bytes(mac), bytes(ip)):
            tag = 0 if kernel.port_vlans[port].pvid == vlan else vlan
            host.run(BindingsSnooped([Heard(port, Mac(mac), Ip(ip), tag)]))
        case ("route", str(vtep), bytes(mac), bytes(ip), int(sequence)):
            host.run(route(vlan, vtep, [mac, mac + ip], sequence))
        case ("no-route", str(vtep), bytes(mac), bytes(ip)):
            host.run(route(vlan, vtep, [mac, mac + ip], None))
        case ("imet", str(vtep), bool(gone)):
            host.run(imet(vlan, vtep, gone=gone))
        case ("flush",):
            host.run(*kernel.tell(vlan, tables.flush_neighbors()))
        case ("answers", bytes(mac), bytes(ip)):
            tables.answering ^= {(mac, ip)}
        case ("refuses", bytes(mac)):
            tables.refused ^= {mac}


def known(vrf: MacVrf) -> dict[str, object]:
    macs, bindings = vrf.macs, vrf.bindings
    return {
        "local": macs.local,
        "own": macs.own,
        "sequence": macs.sequence,
        "frozen": macs.frozen,
        "snooped": bindings.snooped,
        "heard": bindings.heard,
        "kernel": bindings.kernel,
        "waiting": vrf.remembered.waiting,
        "flushed": vrf.remembered.flushed,
        "fdb": vrf.fdb.actual,
        "partial": vrf.fdb.partial,
        "flood": vrf.floods.actual,
        "neighbors": vrf.neighbors.actual,
        "sent": vrf.sent.macs,
    }


def done(host: Host, vlan: int) -> tuple[list[Action], list[object]]:
    """Return what was written for an EVI, and what people were told of it."""
    kernel: object = host.kernel
    assert isinstance(kernel, SharedBridge)
    domain, vni = kernel.domain_of(vlan), vni_of(vlan)
    writes = [action for action in host.actions if isinstance(action, Upsert | Delete)]
    return (
        [action for action in writes if action.domain == domain],
        [notice for notice in host.notices if notice.fields.get("vni") == vni],
    )


@given(st.lists(steps, max_size=25), st.booleans())
def test_an_evi_is_as_if_its_vlan_were_alone(
    story: list[tuple[int, object]], single: bool
) -> None:
    hosts = [shared_host(*VLANS, single=single) for _ in (*VLANS, None)]
    together, *apart = hosts
    for vlan, what in story:
        if not vlan:
            assert isinstance(what, float)
            for host in hosts:
                host.later(what)
            continue
        happen(together, vlan, what)
        happen(apart[VLANS.index(vlan)], vlan, what)

    for vlan, alone in zip(VLANS, apart, strict=True):
        here = together.engine.inventory.vrfs[vni_of(vlan)]
        there = alone.engine.inventory.vrfs[vni_of(vlan)]
        assert known(here) == known(there)
        assert done(together, vlan) == done(alone, vlan)
        kernel: object = together.kernel
        assert isinstance(kernel, SharedBridge)
        rows = kernel.vlans[vlan].bridge.values()
        # Where a remote row was refused, the port has the MAC still.
        assert here.macs.local.keys() | here.macs.displaced.keys() == {
            row.mac for row in rows if row.ifindex in (ONE, TWO)
        }
