"""A tenant moves between an FRR leaf and evpnd hosts; the others follow."""

import pytest

from integration import frr
from integration.lab import Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import expect_macs, heard
from integration.lab_kernel import local_macs
from integration.lab_netns import LabError, wait_until
from integration.lab_roots import each_root
from integration.lab_tenant import Tenant

pytestmark = [pytest.mark.root, pytest.mark.frr, each_root]
VNI = 10100
LEAF = 2
"""The host with FRR; 1 and 3 have evpnd."""
GAP = 1.5
"""Seconds; FRR 8.4 holds what it sends for 50 ms and retries its own work."""


def fabric(make_lab: MakeLab) -> tuple[Lab, list[Evpnd], frr.Frr]:
    lab = make_lab(3)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    leaf = frr.leaf(lab[LEAF], {lab[1].session: 65001, lab[3].session: 65001})
    daemons = []
    for host in (lab[1], lab[3]):
        others = (each.session for each in lab.hosts if each is not host)
        daemons.append(host.evpnd(host.config(*others, evis=[evi(VNI)])))
    for daemon in daemons:
        daemon.wait_established(2)
        daemon.wait_ready(1)
    heard(lab.tenants)
    expect_everywhere(lab)
    return lab, daemons, leaf


def expect_everywhere(lab: Lab) -> None:
    for host in lab.hosts:
        others = (each for each in lab.tenants if each.host is not host)
        expect_macs(host, VNI, {each.mac: each.host.vtep for each in others})


def move_under_ping(witness: Tenant, mover: Tenant, to: int) -> float:
    """Move while the witness pings; the longest gap, seconds."""
    witness.expect_ping(mover.ip)
    with witness.pinging(mover.ip) as ping:
        wait_until(lambda: ping.answered >= 20, 5, "20 answers before the move")
        mover.move(witness.host.lab[to])
        seen = ping.answered
        wait_until(lambda: ping.answered >= seen + 50, 10, "50 answers after the move")
    return ping.result().gap


def learned_by(leaf: frr.Frr, mover: Tenant) -> None:
    """Wait until FRR's leaf has learned a tenant that moved there.

    FRR 10.3 now and then forgets the MAC that it just learned, when the route of its
    old place is withdrawn; it learns the MAC anew when the port has been down.
    """

    def is_learned() -> bool:
        return leaf.macs(VNI).get(mover.mac, {}).get("type") == "local"

    try:
        wait_until(is_learned, 1, "FRR to learn the tenant")
    except LabError:
        mover.unplug()
        mover.attach()
        heard([mover])
        wait_until(is_learned, 5, "FRR to learn the tenant from a new port")


def test_from_frr_to_evpnd(make_lab: MakeLab) -> None:
    lab, _, _ = fabric(make_lab)
    one, two, _ = lab.tenants
    gap = move_under_ping(one, two, 3)

    expect_everywhere(lab)
    assert gap < GAP


def test_from_evpnd_to_frr(make_lab: MakeLab) -> None:
    lab, _, leaf = fabric(make_lab)
    one, _, three = lab.tenants
    gap = move_under_ping(one, three, LEAF)

    learned_by(leaf, three)
    expect_everywhere(lab)
    assert gap < GAP


def test_there_and_back_and_there_again(make_lab: MakeLab) -> None:
    lab, _, leaf = fabric(make_lab)
    one, two, _ = lab.tenants
    for to in (3, LEAF, 3, LEAF):
        two.move(lab[to])
        if to == LEAF:
            learned_by(leaf, two)
        expect_everywhere(lab)

    one.expect_ping(two.ip)


def test_without_a_sign_evpnds_higher_sequence_wins_at_frr(make_lab: MakeLab) -> None:
    lab, daemons, leaf = fabric(make_lab)
    _, two, three = lab.tenants
    # FRR's leaf still has the MAC on a port; host 3 now hears it on its own.
    three.speak_as(two.mac)

    expect_macs(
        lab[LEAF],
        VNI,
        {each.mac: each.host.vtep for each in (lab.tenants[0], three)}
        | {two.mac: lab[3].vtep},
    )
    assert leaf.remote_macs(VNI)[two.mac] == lab[3].vtep
    (row,) = daemons[0].show("macs", "--mac", two.mac)
    assert (row["vtep"], row["sequence"]) == (lab[3].vtep, 1)


def test_without_a_sign_frrs_higher_sequence_wins_at_evpnd(make_lab: MakeLab) -> None:
    lab, daemons, _ = fabric(make_lab)
    one, two, three = lab.tenants
    two.speak_as(three.mac)

    expect_macs(
        lab[3],
        VNI,
        {each.mac: each.host.vtep for each in (one, two)} | {three.mac: lab[LEAF].vtep},
    )
    assert three.mac not in local_macs(lab[3].namespace, "t3")
    (row,) = daemons[1].show("macs", "--mac", three.mac)
    assert (row["kind"], row["vtep"], row["sequence"]) == ("remote", lab[LEAF].vtep, 1)
