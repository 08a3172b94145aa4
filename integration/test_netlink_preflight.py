"""What a host is checked for, with a real FRR beside it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from evpnd.adapters.netlink.preflight import bgp_port_holder, missing_capabilities
from evpnd.adapters.netlink.zebra import find_frr
from integration.frr import DAEMONS
from integration.lab_netns import Process, inside, run, wait_until
from integration.netlink_bench import VTEP, Bench, bench

__all__ = ["bench"]
pytestmark = pytest.mark.root

CONFIGURATION = """\
router bgp 65000
 bgp router-id 10.0.0.1
 no bgp default ipv4-unicast
 address-family l2vpn evpn
  advertise-all-vni
 exit-address-family
"""


class Frr:
    """A zebra and a bgpd in the bench's namespace."""

    def __init__(self, directory: Path, zebra: Process, bgpd: Process) -> None:
        """Remember both."""
        self._directory = directory
        self.zebra = zebra
        self.bgpd = bgpd

    def vtysh(self, *commands: str) -> str:
        """Run commands."""
        words = [word for command in commands for word in ("-c", command)]
        return run(["vtysh", "--vty_socket", str(self._directory), *words])


@contextmanager
def frr(bench: Bench, directory: Path) -> Iterator[Frr]:
    """Run FRR with EVPN on all VNIs of the namespace."""
    for path in (directory, *list(directory.parents)[:3]):
        path.chmod(0o755)  # FRR leaves root behind
    file = directory / "frr.conf"
    file.write_text(CONFIGURATION)
    for path in (directory, file):
        shutil.chown(path, "frr", "frr")

    def start(stack: ExitStack, daemon: str) -> Process:
        process = Process(
            bench.namespace,
            [
                str(DAEMONS / daemon),
                *("-A", "127.0.0.1", "-f", str(file)),
                *("-i", str(directory / f"{daemon}.pid")),
                *("-z", str(directory / "zserv.api")),
                *("--vty_socket", str(directory)),
            ],
            directory / f"{daemon}.log",
        )
        stack.callback(process.stop)
        socket = directory / f"{daemon}.vty"
        wait_until(socket.exists, 10, f"{daemon}'s socket", seen=process.tail)
        return process

    with ExitStack() as stack:
        yield Frr(directory, start(stack, "zebra"), start(stack, "bgpd"))


def frr_owner(devices: set[str] | None, vnis: set[int]) -> str | None:
    return find_frr(devices, vnis).owns


@pytest.mark.frr
def test_an_frr_that_runs_evpn_on_our_devices_is_found(
    bench: Bench, tmp_path: Path
) -> None:
    with frr(bench, tmp_path) as other, inside(bench.namespace):
        wait_until(lambda: frr_owner({"vx0"}, set()), 10, "zebra's VNI")
        found = frr_owner({"vx0"}, set())

        assert found is not None
        assert f"zebra (pid {other.zebra.pid}) owns VNI 100 on vx0" in found
        assert "advertise-all-vni" in found
        assert frr_owner(set(), {100}) == found
        assert frr_owner(None, set()) == found
        assert frr_owner({"vx9"}, {900}) is None

        leave = ("router bgp 65000", "address-family l2vpn evpn")
        other.vtysh("configure terminal", *leave, "no advertise-all-vni")
        wait_until(lambda: frr_owner(None, set()) is None, 5, "zebra to let go")
    with inside(bench.namespace):
        assert frr_owner(None, set()) is None


@pytest.mark.frr
def test_check_tells_what_run_would_refuse(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "evpnd.yaml"
    file.write_text(
        f"asn: 65000\nvtep: {{address: {VTEP}}}\nevis: [{{vni: 100}}]\n"
        "peers: [{address: 10.0.0.9, asn: 65000}]\n"
        f"control: {{socket: {tmp_path}/evpnd.sock}}\n"
    )

    def evpnd(*words: str) -> "subprocess.CompletedProcess[str]":
        command = ["ip", "netns", "exec", bench.namespace, sys.executable]
        return subprocess.run(
            [*command, "-m", "evpnd.cli.main", *words, str(file)],
            capture_output=True,
            text=True,
            check=False,
        )

    alone = evpnd("check", "--this-host")
    with frr(bench, tmp_path) as other:
        with inside(bench.namespace):
            wait_until(lambda: frr_owner({"vx0"}, set()), 10, "zebra's VNI")
            wait_until(lambda: bgp_port_holder([""]), 10, "bgpd to listen")
        found = [evpnd("check"), evpnd("check", "--this-host"), evpnd("plan")]
        refused = evpnd("run")

    assert (alone.returncode, alone.stderr) == (0, "")
    assert [done.returncode for done in found] == [0, 1, 0]
    port = f"port 179 on any address is taken by bgpd (pid {other.bgpd.pid}); "
    owner = f"FRR's zebra (pid {other.zebra.pid}) owns VNI 100 on vx0: "
    for done in found:
        first, second = done.stderr.splitlines()
        assert first.startswith(f"this host: `evpnd run` would refuse: {port}")
        assert "local-address" in first
        assert second.startswith(f"this host: `evpnd run` would refuse: {owner}")
    assert refused.returncode == 1
    assert [line[:20] for line in refused.stderr.splitlines()] == [
        f"evpnd: {port}"[:20],
        f"evpnd: {owner}"[:20],
    ]


UNIT = "net_admin", "net_raw", "net_bind_service"
"""Capabilities of packaging/evpnd.service."""


def as_the_unit(bench: Bench, script: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with no more than the systemd unit's capabilities."""
    bounding = ",".join(["-all", *(f"+{name}" for name in UNIT)])
    limit = ["setpriv", f"--bounding-set={bounding}", "--inh-caps=-all"]
    return subprocess.run(
        ["ip", "netns", "exec", bench.namespace, *limit, sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )


@pytest.mark.frr
def test_the_units_capabilities_are_enough_to_see_an_frr(
    bench: Bench, tmp_path: Path
) -> None:
    look = (
        "from evpnd.adapters.netlink.zebra import find_frr\n"
        "found = find_frr({'vx0'}, set())\n"
        "print(found.owns, found.silent, sep='\\n')\n"
    )
    nowhere = as_the_unit(bench, look).stdout
    with frr(bench, tmp_path) as other:
        with inside(bench.namespace):
            wait_until(lambda: frr_owner({"vx0"}, set()), 10, "zebra's VNI")
        owns, silent = as_the_unit(bench, look).stdout.splitlines()
        row = "192.0.2.9 lladdr 02:00:00:00:00:09 nud noarp dev br0 protocol zebra"
        run(["ip", "-n", bench.namespace, "neigh", "replace", *row.split()])
        by_rows, _ = as_the_unit(bench, look).stdout.splitlines()
        # Where its sockets are of our user, it is asked as ever.
        shutil.chown(tmp_path / "zebra.vty", "root")
        asked, _ = as_the_unit(bench, look).stdout.splitlines()

    assert nowhere == "None\nNone\n"
    told = f"FRR's zebra (pid {other.zebra.pid})"
    assert owns == "None"
    assert silent.startswith(f"{told} runs here and cannot be asked for its VNIs: ")
    assert by_rows.startswith(f"{told} owns VNI 100 on vx0 (neighbours of protocol")
    assert asked.startswith(f"{told} owns VNI 100 on vx0: remove")


@pytest.mark.frr
def test_an_frr_in_another_namespace_is_not_ours(bench: Bench, tmp_path: Path) -> None:
    with frr(bench, tmp_path):
        with inside(bench.namespace):
            wait_until(lambda: frr_owner(None, set()), 10, "zebra's VNI")
        assert frr_owner({"vx0"}, {100}) is None


@pytest.mark.frr
def test_who_holds_the_bgp_port_is_named(bench: Bench, tmp_path: Path) -> None:
    with inside(bench.namespace):
        assert bgp_port_holder(["", VTEP, "10.9.9.9"]) is None
    with frr(bench, tmp_path) as other, inside(bench.namespace):
        held = f"is taken by bgpd (pid {other.bgpd.pid}); stop bgpd, or start it with"
        wait_until(lambda: bgp_port_holder([VTEP]), 5, "bgpd to listen")

        assert f"port 179 on {VTEP} {held}" in str(bgp_port_holder([VTEP]))
        assert f"port 179 on any address {held}" in str(bgp_port_holder([""]))
        assert bgp_port_holder([VTEP], port=1179) is None


def test_a_process_without_net_admin_is_told_so(bench: Bench) -> None:
    script = (
        "import asyncio\n"
        "from evpnd.adapters.netlink.kernel import Kernel\n"
        "asyncio.run(Kernel(print).start())\n"
    )
    words = ["setpriv", "--bounding-set=-net_admin", sys.executable, "-c", script]
    done = subprocess.run(
        ["ip", "netns", "exec", bench.namespace, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=os.environ,
    )

    assert done.returncode == 1
    assert "PermissionError: changing the kernel's tables needs CAP_NET_ADMIN" in (
        done.stderr
    )


def test_root_lacks_nothing() -> None:
    assert missing_capabilities() == []
