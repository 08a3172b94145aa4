"""Clients that are many, and signals that are many, cost the daemon nothing."""

import os
import resource
import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from evpnd.adapters.control.client import request
from integration.lab import ROUTER_SESSION, Host, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_netns import inside, ip, wait_until

pytestmark = pytest.mark.root

VNI = 10100
ASN = 65001
PORT = 9471
DESCRIPTORS = 64
PORTS = 40
SHOW: dict[str, object] = {"command": "show", "what": "evis"}


@pytest.fixture
def host(make_lab: MakeLab) -> Host:
    lab = make_lab(1)
    lab[1].prepare(VNI)
    return lab[1]


def run(host: Host, **more: object) -> Evpnd:
    peer = {"address": ROUTER_SESSION[4], "asn": ASN, "passive": True}
    daemon = host.evpnd(host.config(peer, evis=[evi(VNI)], asn=ASN, **more))
    daemon.wait_ready(1)
    return daemon


def reloads(daemon: Evpnd) -> int:
    return sum(row["event"] == "reloaded" for row in daemon.show("events"))


def test_clients_that_want_all_descriptors_are_refused_and_the_agent_lives(
    host: Host,
) -> None:
    daemon = run(host, metrics={"listen": f"127.0.0.1:{PORT}"})
    agent = daemon.agent_pid()
    resource.prlimit(agent, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    with ExitStack() as stack:
        for _ in range(2 * DESCRIPTORS):
            with inside(host.namespace):
                scrape = stack.enter_context(socket.socket())
            scrape.settimeout(20)
            scrape.connect(("127.0.0.1", PORT))
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(20)
            client.connect(str(daemon.socket))
        refused = request(daemon.socket, SHOW)
        assert refused["ok"] is False
        assert "too many clients" in str(refused["error"])
        # A reload opens files, and needs no client.
        daemon.process.signal(signal.SIGHUP)
        wait_until(
            lambda: "reloaded" in daemon.log.read_text(), 10, "a reload in the log"
        )
        used = len(list(Path(f"/proc/{agent}/fd").iterdir()))
        assert used < DESCRIPTORS

    wait_until(lambda: request(daemon.socket, SHOW)["ok"], 10, "an answer")
    assert daemon.agent_pid() == agent
    done = subprocess.run(
        [
            *("ip", "netns", "exec", host.namespace, "python3", "-c"),
            f"import urllib.request as u; u.urlopen('http://127.0.0.1:{PORT}').read()",
        ],
        check=False,
        timeout=60,
    )
    assert done.returncode == 0


def test_signals_in_a_row_are_one_reload(host: Host) -> None:
    daemon = run(host)
    for _ in range(40):
        os.kill(daemon.process.pid, signal.SIGHUP)
        time.sleep(0.01)
    wait_until(lambda: reloads(daemon), 10, "a reload")
    time.sleep(1.5)

    assert reloads(daemon) <= 2
    daemon.process.signal(signal.SIGHUP)
    wait_until(lambda: reloads(daemon) > 1, 10, "another reload")


def test_tenant_ports_beyond_the_limit_are_told_and_leave_descriptors(
    host: Host,
) -> None:
    """A socket each; a limit of the speaker's is the next agent's."""
    names = [f"tenant{number}" for number in range(PORTS)]
    ip(
        (f"link add {name} master br{VNI} type veth peer {name}p" for name in names),
        host.namespace,
    )
    ip((f"link set {name} up" for name in names), host.namespace)
    daemon = run(host)
    resource.prlimit(
        daemon.process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS)
    )
    daemon.kill_agent()

    def told() -> list[dict[str, object]]:
        return [e for e in daemon.show("events") if e["event"] == "descriptors_short"]

    daemon.wait_show("events", lambda _: bool(told()), "a warning")
    [warning] = told()
    assert warning["limit"] == DESCRIPTORS
    assert f"LimitNOFILE= of the service to at least {PORTS + 160}" in str(
        warning["fix"]
    )
    daemon.wait_ready(1)
    used = len(list(Path(f"/proc/{daemon.agent_pid()}/fd").iterdir()))
    assert used <= DESCRIPTORS // 2 + 8
    assert daemon.reload().returncode == 0
