"""evpnd with FRR leaves, directly and through FRR's or GoBGP's route reflector."""

from dataclasses import dataclass
from enum import Enum

import pytest

from integration import frr
from integration.frames import FrameCounter, Kind, Known
from integration.gobgp import GoBgp
from integration.lab import ROUTER_SESSION, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import expect_bindings, expect_flood, expect_macs, heard
from integration.lab_kernel import bindings, remote_macs
from integration.lab_netns import wait_until
from integration.lab_roots import each_root

pytestmark = [pytest.mark.root, pytest.mark.frr, each_root]
VNI = 10100
REFLECTOR = ROUTER_SESSION[4]
SVI = {VNI: "192.168.100.252/24"}


class Via(Enum):
    """How the routes come across."""

    IBGP = "ibgp"
    EBGP = "ebgp"
    FRR = "frr-reflector"
    GOBGP = "gobgp-reflector"


VIAS = [
    pytest.param(
        via, id=via.value, marks=[pytest.mark.gobgp] if via is Via.GOBGP else []
    )
    for via in Via
]


@dataclass
class Pair:
    """evpnd on host 1, FRR on host 2, a tenant on each."""

    lab: Lab
    evpnd: Evpnd
    leaf: frr.Frr


def devices(lab: Lab) -> None:
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)


def pair(make_lab: MakeLab, via: Via) -> Pair:
    lab = make_lab(2)
    devices(lab)
    asn = 65002 if via is Via.EBGP else 65001
    match via:
        case Via.FRR:
            frr.reflector(lab)
        case Via.GOBGP:
            GoBgp(lab)
        case Via.IBGP | Via.EBGP:
            pass
    direct = via in (Via.IBGP, Via.EBGP)
    to_evpnd = {lab[1].session if direct else REFLECTOR: 65001}
    to_leaf: dict[str, object] = {
        "address": lab[2].session if direct else REFLECTOR,
        "asn": asn if direct else 65001,
        "profile": "frr",
    }
    leaf = frr.leaf(lab[2], to_evpnd, asn=asn, svi=SVI)
    daemon = lab[1].evpnd(lab[1].config(to_leaf, evis=[evi(VNI)]))
    daemon.wait_established(1)
    daemon.wait_ready(1)
    leaf.wait_established()
    return Pair(lab, daemon, leaf)


def expect_at_leaf(leaf: frr.Frr, macs: dict[str, str], ips: dict[str, str]) -> None:
    wait_until(
        lambda: leaf.remote_macs(VNI) == macs and leaf.remote_ips(VNI) == ips,
        10,
        f"FRR has the MACs {macs} and the IPs {ips}",
        interval=0.2,
        seen=lambda: (leaf.remote_macs(VNI), leaf.remote_ips(VNI), leaf.routes()),
    )


@pytest.mark.parametrize("via", VIAS)
def test_tenants_of_evpnd_and_frr_reach_each_other_unflooded(
    make_lab: MakeLab, via: Via
) -> None:
    it = pair(make_lab, via)
    lab, (one, two) = it.lab, it.lab.tenants
    expect_flood(lab[1], VNI, [lab[2]])
    expect_flood(lab[2], VNI, [lab[1]])
    heard([one, two])

    expect_macs(lab[1], VNI, {two.mac: lab[2].vtep})
    wait_until(
        lambda: bindings(lab[1].namespace, f"br{VNI}").get(two.ip) == two.mac,
        10,
        "the binding that FRR announces",
        seen=lambda: (bindings(lab[1].namespace, f"br{VNI}"), it.leaf.routes()),
    )
    expect_at_leaf(it.leaf, {one.mac: lab[1].vtep}, {one.ip: one.mac, one.ip6: one.mac})
    expect_macs(lab[2], VNI, {one.mac: lab[1].vtep})
    one.expect_ping(two.ip)
    two.expect_ping(one.ip)
    one.expect_ping(two.ip6)
    # FRR's leaf has no IPv6 address on its bridge and so learns no IPv6 binding.
    known = Known(lab.known_macs(), lab.known_ips() - {(VNI, two.ip6)})
    with FrameCounter(lab.router, known) as counter:
        one.forget_neighbors()
        two.forget_neighbors()
        losses = one.ping(two.ip).loss, two.ping(one.ip).loss
    assert losses == (0, 0)
    assert counter.report[Kind.FLOODED] == 0, str(counter.report)
    assert counter.report[Kind.ANSWERABLE] == 0, str(counter.report)


@pytest.mark.parametrize("via", VIAS)
def test_macs_without_an_ip_cross_both_ways_and_are_withdrawn(
    make_lab: MakeLab, via: Via
) -> None:
    it = pair(make_lab, via)
    lab, (one, two) = it.lab, it.lab.tenants
    heard([one, two])
    one.speak_as("02:00:00:00:ee:01")
    two.speak_as("02:00:00:00:ee:02")
    at_one = dict.fromkeys((two.mac, "02:00:00:00:ee:02"), lab[2].vtep)
    at_two = dict.fromkeys((one.mac, "02:00:00:00:ee:01"), lab[1].vtep)

    expect_macs(lab[1], VNI, at_one)
    expect_at_leaf(it.leaf, at_two, {one.ip: one.mac, one.ip6: one.mac})
    one.unplug()
    two.unplug()
    expect_macs(lab[1], VNI, {})
    expect_bindings(lab[1], VNI, {})
    expect_at_leaf(it.leaf, {}, {})


def test_a_vtep_that_is_also_the_session_address_works_with_frr(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(2)
    devices(lab)
    leaf = frr.leaf(lab[2], {lab[1].vtep: 65001}, svi=SVI)
    peer: dict[str, object] = {
        "address": lab[2].session,
        "asn": 65001,
        "local-address": lab[1].vtep,
    }
    daemon = lab[1].evpnd(lab[1].config(peer, evis=[evi(VNI)]))
    daemon.wait_established(1)
    daemon.wait_ready(1)
    one, two = lab.tenants
    heard([one, two])

    expect_at_leaf(leaf, {one.mac: lab[1].vtep}, {one.ip: one.mac, one.ip6: one.mac})
    expect_macs(lab[1], VNI, {two.mac: lab[2].vtep})
    one.expect_ping(two.ip)


def test_macs_that_age_out_at_frr_leave_evpnd(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    lab[1].prepare(VNI)
    lab[2].prepare(VNI, ageing=3)
    lab[1].tenant("t1", VNI, 11)
    two = lab[2].tenant("t2", VNI, 12)
    frr.leaf(lab[2], {lab[1].session: 65001})
    daemon = lab[1].evpnd(lab[1].config(lab[2].session, evis=[evi(VNI)]))
    daemon.wait_established(1)
    daemon.wait_ready(1)
    two.speak_as("02:00:00:00:ee:02")

    wait_until(
        lambda: "02:00:00:00:ee:02" in remote_macs(lab[1].namespace, f"vx{VNI}"),
        10,
        "the MAC at evpnd",
    )
    expect_macs(lab[1], VNI, {}, within=20)


@pytest.mark.parametrize("right", [True, False], ids=["same-key", "other-key"])
def test_md5_lets_in_who_knows_the_key(make_lab: MakeLab, *, right: bool) -> None:
    lab = make_lab(2)
    devices(lab)
    leaf = frr.leaf(lab[2], {lab[1].session: 65001}, neighbor=["password secret7"])
    key = lab.directory / "peer.key"
    key.write_text("secret7\n" if right else "other\n")
    key.chmod(0o600)
    peer: dict[str, object] = {"address": lab[2].session, "password-file": str(key)}
    daemon = lab[1].evpnd(lab[1].config(peer, evis=[evi(VNI)]))
    if right:
        daemon.wait_established(1)
        leaf.wait_established()
        expect_flood(lab[1], VNI, [lab[2]])
        return
    daemon.wait_show("peers", lambda rows: len(rows) == 1, "the peer shown")
    with pytest.raises(AssertionError, match="not within"):
        daemon.wait_established(1, timeout=0.75)


def test_sticky_macs_are_sticky_at_the_other_side(make_lab: MakeLab) -> None:
    lab = make_lab(2)
    devices(lab)
    leaf = frr.leaf(lab[2], {lab[1].session: 65001})
    static = [{"mac": "02:00:00:00:ee:01", "sticky": True}]
    config = lab[1].config(lab[2].session, evis=[evi(VNI, static=static)])
    daemon = lab[1].evpnd(config)
    daemon.wait_established(1)
    theirs = "02:00:00:00:ee:02"
    lab.tenants[1].host.static_mac("t2", theirs)

    daemon.wait_show(
        "macs",
        lambda rows: any(row["mac"] == theirs and row["sticky"] for row in rows),
        "FRR's static MAC is sticky",
    )
    wait_until(
        lambda: (
            "sticky"
            in leaf.vtysh(f"show evpn mac vni {VNI} mac 02:00:00:00:ee:01").lower()
        ),
        10,
        "evpnd's static MAC is sticky at FRR",
        interval=0.2,
        seen=lambda: leaf.vtysh(f"show evpn mac vni {VNI} mac 02:00:00:00:ee:01"),
    )


def test_frr_keeps_its_session_when_the_agent_is_killed(make_lab: MakeLab) -> None:
    it = pair(make_lab, Via.IBGP)
    lab, (one, two) = it.lab, it.lab.tenants
    heard([one, two])
    expect_macs(lab[1], VNI, {two.mac: lab[2].vtep})
    expect_at_leaf(it.leaf, {one.mac: lab[1].vtep}, {one.ip: one.mac, one.ip6: one.mac})
    one.expect_ping(two.ip)
    drops = connections_dropped(it.leaf, lab[1].session)
    with one.pinging(two.ip) as ping:
        old = it.evpnd.kill_agent()
        wait_until(lambda: it.evpnd.agent_pid() != old, 10, "a new agent")
        it.evpnd.wait_ready(1)
        newcomer = lab[2].tenant("t3", VNI, 33)
        heard([newcomer])
        expect_macs(lab[1], VNI, {each.mac: lab[2].vtep for each in (two, newcomer)})

    assert ping.result().loss == 0, str(ping.result())
    assert connections_dropped(it.leaf, lab[1].session) == drops


def connections_dropped(leaf: frr.Frr, address: str) -> object:
    peer = leaf.show(f"show bgp neighbor {address} json")[address]
    assert isinstance(peer, dict)
    return peer["connectionsDropped"]
