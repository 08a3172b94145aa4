"""Recordings of a daemon that runs, and of what FRR writes down of its peers."""

import json
import os
import signal
from pathlib import Path

import pytest

from evpnd.adapters.recording.reading import segments_of
from integration import frr, recordings
from integration.lab import ROUTER_SESSION, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import expect_macs, heard
from integration.lab_netns import wait_until

pytestmark = [pytest.mark.root, pytest.mark.frr]
VNI = 10100


def fabric(make_lab: MakeLab) -> tuple[Lab, list[Evpnd], frr.Frr]:
    """Start evpnd on two hosts with a tenant each, behind an FRR as reflector."""
    lab = make_lab(2)
    for host in lab.hosts:
        host.prepare(VNI)
        host.tenant(f"t{host.number}", VNI, 10 + host.number)
    reflector = frr.reflector(lab)
    dump = "dump bgp updates-et /run/frr/updates.mrt"
    reflector.vtysh("configure terminal", dump)
    daemons = [
        host.evpnd(host.config(ROUTER_SESSION[4], evis=[evi(VNI)]))
        for host in lab.hosts
    ]
    for daemon in daemons:
        daemon.wait_established(1)
        daemon.wait_ready(1)
    heard(lab.tenants)
    first, second = lab.tenants
    expect_macs(lab[1], VNI, {second.mac: lab[2].vtep})
    expect_macs(lab[2], VNI, {first.mac: lab[1].vtep})
    return lab, daemons, reflector


def test_a_recording_begins_in_the_middle_and_outlives_an_agent(
    make_lab: MakeLab, tmp_path: Path
) -> None:
    lab, (one, _), _ = fabric(make_lab)
    path = tmp_path / "night"
    started = one.ask("record", "start", str(path))
    assert started.returncode == 0, started.stderr
    lab[1].tenant("more", VNI, 77)
    heard(lab.tenants[-1:])

    recordings.check(one, path)

    again = one.ask("record", "start", str(path))
    assert again.returncode == 0, again.stderr
    wait_until(lambda: len(segments_of(path)) == 2, 20, "the second recording")
    told = json.loads(one.ask("record", "status", "--json").stdout)
    assert told["file"] == str(path)
    before = one.agent_pid()
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: one.agent_pid() != before, 20, "another agent")
    one.wait_ready(1)
    # What an operator began ends with the agent: the daemon was not asked to record.
    assert (
        json.loads(one.ask("record", "status", "--json").stdout)["recording"] is False
    )
    assert one.run("replay", str(path)).returncode == 0


def test_a_dump_of_frr_says_what_a_host_would_do(make_lab: MakeLab) -> None:
    lab, (one, two), _ = fabric(make_lab)
    dump = lab.directory / f"frr-{lab.router}" / "updates.mrt"
    first, _ = lab.tenants

    def told() -> dict[str, object]:
        words = ("--replay", str(dump), "--config", str(two.path))
        done = two.run(*words, "show", "macs", "--json")
        assert done.returncode == 0, done.stderr
        return {row["mac"]: row["vtep"] for row in json.loads(done.stdout)}

    # FRR writes as its peers send.
    wait_until(lambda: told() != {}, 20, "the MAC of host 1")
    # Host 2 takes no route that leads to itself.
    assert told() == {first.mac: lab[1].vtep}
    done = one.run("replay", str(dump), "--config", str(one.path))
    assert "the configuration does not have these peers" in done.stderr
