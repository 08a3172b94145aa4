"""What a host is checked for, with a real FRR beside it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from evpnd.adapters.netlink.preflight import (
    bgp_port_holder,
    frr_owner,
    missing_capabilities,
)
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


@pytest.mark.frr
def test_an_frr_that_runs_evpn_on_our_devices_is_found(
    bench: Bench, tmp_path: Path
) -> None:
    with frr(bench, tmp_path) as other, inside(bench.namespace):
        wait_until(lambda: frr_owner({"vx0"}, ()), 10, "zebra's VNI")
        found = frr_owner({"vx0"}, ())

        assert found is not None
        assert f"zebra (pid {other.zebra.pid}) owns VNI 100 on vx0" in found
        assert "advertise-all-vni" in found
        assert frr_owner((), {100}) == found
        assert frr_owner(None, ()) == found
        assert frr_owner({"vx9"}, {900}) is None

        leave = ("router bgp 65000", "address-family l2vpn evpn")
        other.vtysh("configure terminal", *leave, "no advertise-all-vni")
        wait_until(lambda: frr_owner(None, ()) is None, 5, "zebra to let go")
    with inside(bench.namespace):
        assert frr_owner(None, ()) is None


@pytest.mark.frr
def test_an_frr_in_another_namespace_is_not_ours(bench: Bench, tmp_path: Path) -> None:
    with frr(bench, tmp_path):
        with inside(bench.namespace):
            wait_until(lambda: frr_owner(None, ()), 10, "zebra's VNI")
        assert frr_owner({"vx0"}, {100}) is None


@pytest.mark.frr
def test_who_holds_the_bgp_port_is_named(bench: Bench, tmp_path: Path) -> None:
    with inside(bench.namespace):
        assert bgp_port_holder(["", VTEP, "10.9.9.9"]) is None
    with frr(bench, tmp_path) as other, inside(bench.namespace):
        held = f"is taken by bgpd (pid {other.bgpd.pid}); stop it or give it another"
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
