"""Restarts with a peer that is not evpnd: who keeps what, and what is lost.

docs/interop-frr.md tells the same to operators.
"""

import os
import signal
import time
from dataclasses import dataclass
from typing import Self

import pytest

from integration import frr
from integration.gobgp import GoBgp
from integration.lab import ROUTER_SESSION, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import expect_flood, expect_macs, heard
from integration.lab_monitor import RowMonitor
from integration.lab_netns import is_running, wait_until
from integration.lab_roots import each_root
from integration.lab_tenant import Tenant

pytestmark = [pytest.mark.root, pytest.mark.frr]
VNI = 10100
AWAY = 1.0
"""Seconds between an end and the start that follows."""
SETTLED = 1.5
"""Seconds after which what a restart sets off has happened."""
KEEPS_FORWARDING = ["bgp graceful-restart", "bgp graceful-restart preserve-fw-state"]
REFLECTOR = ROUTER_SESSION[4]


@dataclass
class Pair:
    """evpnd on host 1, FRR on host 2, a tenant on each."""

    lab: Lab
    evpnd: Evpnd
    leaf: frr.Frr

    @property
    def tenants(self) -> tuple[Tenant, Tenant]:
        """The tenant behind evpnd, and the one behind FRR."""
        one, two = self.lab.tenants
        return one, two


def devices(make_lab: MakeLab, hosts: int) -> Lab:
    lab = make_lab(hosts)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    return lab


def converged(lab: Lab) -> None:
    heard(lab.tenants)
    for host in lab.hosts:
        others = [each for each in lab.tenants if each.host is not host]
        expect_macs(host, VNI, {each.mac: each.host.vtep for each in others})
        expect_flood(host, VNI, [each.host for each in others])
    for one in lab.tenants:
        for two in lab.tenants:
            if one is not two:
                one.expect_ping(two.ip)


def pair(make_lab: MakeLab) -> Pair:
    lab = devices(make_lab, 2)
    leaf = frr.leaf(lab[2], {lab[1].session: 65001}, router=KEEPS_FORWARDING)
    daemon = lab[1].evpnd(lab[1].config(lab[2].session, evis=[evi(VNI)]))
    daemon.wait_established(1)
    daemon.wait_ready(1)
    converged(lab)
    return Pair(lab, daemon, leaf)


def crash(daemon: Evpnd) -> None:
    """End speaker and agent at once."""
    agent = daemon.agent_pid()
    daemon.process.signal(signal.SIGKILL)
    os.kill(agent, signal.SIGKILL)
    daemon.process.wait(30)
    wait_until(lambda: not is_running(agent), 5, "the agent gone")


def kill_bgpd(leaf: frr.Frr) -> None:
    leaf.bgpd.signal(signal.SIGKILL)
    leaf.bgpd.wait(30)


def kill_zebra(leaf: frr.Frr) -> None:
    leaf.zebra.signal(signal.SIGKILL)
    leaf.zebra.wait(30)


class OneWay:
    """Counts what reaches a tenant of the requests to it; a context manager.

    An answer may be lost because of the other end; this tells of one direction.
    """

    def __init__(self, source: Tenant, target: Tenant) -> None:
        self._target = target
        self._ping = source.pinging(target.ip)
        self._before = target.echoes_answered()

    def __enter__(self) -> Self:
        self._ping.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._ping.__exit__()
        self.answers_lost = self._ping.result().loss
        arrived = self._target.echoes_answered() - self._before
        self.lost = self._ping.result().sent - arrived


def test_frr_that_restarts_with_preserved_state_costs_no_packet(
    make_lab: MakeLab,
) -> None:
    it = pair(make_lab)
    one, two = it.tenants
    with (
        RowMonitor(it.lab[1]) as monitor,
        one.pinging(two.ip) as there,
        two.pinging(one.ip) as back,
    ):
        # zebra first: it takes the rows away when its bgpd is gone.
        kill_zebra(it.leaf)
        kill_bgpd(it.leaf)
        it.evpnd.wait_show(
            "peers", lambda rows: rows[0]["state"] != "established", "the loss seen"
        )
        time.sleep(AWAY)
        it.leaf.start_zebra()
        it.leaf.start_bgpd()
        it.leaf.wait_established()
        time.sleep(SETTLED)
        changes = monitor.changes()

    assert (there.result().loss, back.result().loss) == (0, 0)
    assert changes == []


@each_root
def test_rows_to_frr_stay_while_bgpd_restarts(make_lab: MakeLab) -> None:
    it = pair(make_lab)
    one, two = it.tenants
    with RowMonitor(it.lab[1]) as monitor, OneWay(one, two) as there:
        kill_bgpd(it.leaf)
        it.evpnd.wait_show(
            "peers", lambda rows: rows[0]["state"] != "established", "the loss seen"
        )
        time.sleep(AWAY)
        it.leaf.start_bgpd()
        it.leaf.wait_established()
        expect_macs(it.lab[2], VNI, {one.mac: it.lab[1].vtep})
        time.sleep(SETTLED)
        changes = monitor.changes()

    assert there.lost == 0
    assert changes == []


def test_what_goes_to_frr_arrives_while_evpnd_restarts(make_lab: MakeLab) -> None:
    it = pair(make_lab)
    one, two = it.tenants
    with RowMonitor(it.lab[1]) as monitor, OneWay(one, two) as there:
        crash(it.evpnd)
        # FRR 8.4.4 keeps no EVPN routes of a peer that restarts.
        expect_macs(it.lab[2], VNI, {})
        it.evpnd.start()
        it.evpnd.wait_established(1)
        expect_macs(it.lab[2], VNI, {one.mac: it.lab[1].vtep})
        expect_flood(it.lab[2], VNI, [it.lab[1]])
        time.sleep(SETTLED)
        changes = monitor.changes()
    capability = it.leaf.vtysh("show bgp neighbors")

    assert there.lost == 0
    assert changes == []
    assert "L2VPN EVPN(preserved)" in capability
    two.expect_ping(one.ip)


@pytest.mark.gobgp
@each_root
def test_a_reflector_that_keeps_routes_lets_evpnd_restart_unnoticed(
    make_lab: MakeLab,
) -> None:
    lab = devices(make_lab, 3)
    reflector = GoBgp(lab, graceful_restart=60)
    frr.leaf(lab[2], {REFLECTOR: 65001})
    restarting, witness = (
        host.evpnd(host.config(REFLECTOR, evis=[evi(VNI)])) for host in (lab[1], lab[3])
    )
    for daemon in (restarting, witness):
        daemon.wait_established(1)
        daemon.wait_ready(1)
    reflector.wait_established(3)
    converged(lab)
    one, two, three = lab.tenants
    monitors = [RowMonitor(host) for host in lab.hosts]
    with (
        monitors[0],
        monitors[1],
        monitors[2],
        one.pinging(two.ip) as at_frr,
        two.pinging(one.ip) as from_frr,
        three.pinging(one.ip) as from_evpnd,
    ):
        crash(restarting)
        wait_until(lambda: sum(reflector.neighbors().values()) == 2, 10, "the loss")
        time.sleep(AWAY)
        restarting.start()
        restarting.wait_established(1)
        time.sleep(SETTLED)
        changes = [monitor.changes() for monitor in monitors]

    losses = [ping.result().loss for ping in (at_frr, from_frr, from_evpnd)]
    assert losses == [0, 0, 0]
    assert changes == [[], [], []]


@pytest.mark.gobgp
def test_the_only_reflector_may_restart(make_lab: MakeLab) -> None:
    lab = devices(make_lab, 2)
    # FRR's reflector marks the end of its table before all its clients are back.
    reflector = GoBgp(lab, graceful_restart=60)
    daemons = [
        host.evpnd(host.config(REFLECTOR, evis=[evi(VNI)])) for host in lab.hosts
    ]
    for daemon in daemons:
        daemon.wait_established(1)
        daemon.wait_ready(1)
    converged(lab)
    one, two = lab.tenants
    before = {daemon: markers(daemon) for daemon in daemons}
    monitors = [RowMonitor(host) for host in lab.hosts]
    with (
        monitors[0],
        monitors[1],
        one.pinging(two.ip) as there,
        two.pinging(one.ip6) as back,
    ):
        reflector.process.signal(signal.SIGKILL)
        reflector.process.wait(30)
        time.sleep(AWAY)
        reflector.restart(graceful=True)
        wait_until(
            lambda: all(markers(each) > old for each, old in before.items()),
            20,
            "End-of-RIB at both",
            interval=0.2,
            seen=lambda: [daemon.show("events") for daemon in daemons],
        )
        time.sleep(SETTLED)
        changes = [monitor.changes() for monitor in monitors]

    assert (there.result().loss, back.result().loss) == (0, 0)
    assert changes == [[], []]


def markers(daemon: Evpnd) -> int:
    """Count the End-of-RIB markers received."""
    return sum(
        row["event"] == "end_of_rib" and row["by"] == "marker"
        for row in daemon.show("events")
    )
