"""Two route reflectors, FRR and GoBGP: either one may go and come back."""

import signal
import time
from contextlib import ExitStack

import pytest

from integration import frr
from integration.gobgp import GoBgp
from integration.lab import ROUTER_SESSION, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import expect_flood, expect_macs, heard
from integration.lab_monitor import RowMonitor
from integration.lab_netns import Process, wait_until
from integration.lab_roots import each_root

pytestmark = [pytest.mark.root, pytest.mark.frr, pytest.mark.gobgp, each_root]
VNI = 10100
SETTLED = 1.0
"""Seconds after which what a change sets off has happened."""


def fabric(make_lab: MakeLab) -> tuple[Lab, list[Evpnd], frr.Frr, frr.Frr, GoBgp]:
    """Start evpnd on hosts 1 and 2 and FRR on host 3, behind both reflectors."""
    lab = make_lab(4)
    for host in lab.hosts[:3]:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    first = frr.reflector(lab, clients=lab.hosts[:3])
    second = GoBgp(lab, on=lab[4])
    reflectors = (ROUTER_SESSION[4], lab[4].session)
    leaf = frr.leaf(lab[3], dict.fromkeys(reflectors, 65001))
    daemons = [
        host.evpnd(host.config(*reflectors, evis=[evi(VNI)])) for host in lab.hosts[:2]
    ]
    for daemon in daemons:
        daemon.wait_established(2)
        daemon.wait_ready(1)
    leaf.wait_established(2)
    heard(lab.tenants)
    for host in lab.hosts[:3]:
        others = [each for each in lab.tenants if each.host is not host]
        expect_macs(host, VNI, {each.mac: each.host.vtep for each in others})
        expect_flood(host, VNI, [each.host for each in others])
    return lab, daemons, leaf, first, second


def received(daemons: list[Evpnd], leaf: frr.Frr) -> list[dict[str, int]]:
    """Collect how many routes each session brought; those that are down: none."""
    views = [
        {
            str(row["address"]): int(str(row["routes_received"]))
            for row in daemon.show("peers")
            if row["state"] == "established"
        }
        for daemon in daemons
    ]
    peers = leaf.show("show bgp l2vpn evpn summary json").get("peers", {})
    assert isinstance(peers, dict)
    views.append(
        {
            address: peer["pfxRcd"]
            for address, peer in peers.items()
            if peer["state"] == "Established"
        }
    )
    return views


def test_a_reflector_that_goes_costs_no_packet_and_moves_no_row(
    make_lab: MakeLab,
) -> None:
    lab, daemons, leaf, first, second = fabric(make_lab)
    one, two, three = lab.tenants
    one.expect_ping(two.ip)
    three.expect_ping(one.ip)
    time.sleep(SETTLED)
    everything = received(daemons, leaf)

    def end(process: Process, sign: signal.Signals) -> None:
        process.signal(sign)
        process.wait(30)
        wait_until(
            lambda: [len(view) for view in received(daemons, leaf)] == [1, 1, 1],
            20,
            "the loss seen by all",
            seen=lambda: received(daemons, leaf),
        )
        time.sleep(SETTLED)

    def all_told_again() -> None:
        wait_until(
            lambda: received(daemons, leaf) == everything,
            20,
            f"the routes received again: {everything}",
            seen=lambda: received(daemons, leaf),
        )

    with ExitStack() as stack:
        pairs = ((one, two), (two, one), (one, three), (three, two))
        pings = [stack.enter_context(a.pinging(b.ip)) for a, b in pairs]
        monitors = [stack.enter_context(RowMonitor(host)) for host in lab.hosts[:3]]
        for sign in (signal.SIGKILL, signal.SIGTERM):
            end(first.bgpd, sign)
            first.start_bgpd()
            all_told_again()
            end(second.process, sign)
            second.restart()
            all_told_again()
        time.sleep(SETTLED)
        changes = [monitor.changes() for monitor in monitors]

    assert [str(ping.result()) for ping in pings if ping.result().loss] == []
    assert changes == [[], [], []]
