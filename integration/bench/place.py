"""The host that a daemon works on, and the peer's: two namespaces and a veth pair."""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, final

from integration.bench.routes import FIRST_VNI, Load
from integration.lab_netns import LabError, ip, sweep, sysctl

HERE, THERE = "192.0.2.1", "192.0.2.2"
VTEP = "10.100.0.1"
CHECKOUT = Path(__file__).parents[2]
LONG = 600.0
"""Seconds that a step may take before the measurement is given up."""


class Place(NamedTuple):
    """Namespaces, and files of the daemons."""

    prefix: str
    folder: Path
    vnis: int

    @property
    def host(self) -> str:
        """Return the namespace of the daemon that is measured."""
        return f"{self.prefix}-dut"

    @property
    def far(self) -> str:
        """Return the namespace of the peer."""
        return f"{self.prefix}-peer"


@contextmanager
def made(prefix: str, folder: Path, vnis: int, *, gateways: bool) -> Iterator[Place]:
    """Make namespaces, an underlay, and bridge, VXLAN device and port of each VNI.

    `gateways`: the bridges have addresses, as FRR needs to install neighbours.
    """
    place = Place(prefix, folder, vnis)
    sweep(prefix)
    try:
        ip([f"netns add {place.host}", f"netns add {place.far}"])
        und = "link add und type veth peer name und netns"
        ip([f"{und} {place.far}"], place.host)
        for name, address in ((place.host, HERE), (place.far, THERE)):
            words = [f"addr add {address}/24 dev und", "link set und up"]
            ip(["link set lo up", *words], name)
        quiet = ("all", "default")
        sysctl(place.host, {f"net/ipv6/conf/{name}/disable_ipv6": 1 for name in quiet})
        lines = [f"addr add {VTEP}/32 dev lo", f"route add 10.200.0.0/16 via {THERE}"]
        for number in range(vnis):
            lines += _devices(number, gateways=gateways)
        ip(lines, place.host)
        yield place
    finally:
        sweep(prefix)


def _devices(number: int, *, gateways: bool) -> Iterator[str]:
    bridge, vxlan, port = f"br{number}", f"vx{number}", f"lv{number}"
    quiet = "ageing_time 1000000 mcast_snooping 0 forward_delay 0"
    tunnel = f"id {FIRST_VNI + number} local {VTEP} dstport 4789 nolearning"
    yield f"link add {bridge} type bridge {quiet}"
    yield f"link add {vxlan} type vxlan {tunnel}"
    yield f"link set {vxlan} master {bridge}"
    yield f"link set dev {vxlan} type bridge_slave learning off neigh_suppress on"
    yield f"link add {port} type veth peer name lp{number}"
    yield f"link set {port} master {bridge}"
    for name in (vxlan, port, f"lp{number}", bridge):
        yield f"link set {name} up"
    if gateways:
        yield f"addr add 10.{64 + number}.255.254/16 dev {bridge}"


@final
class Speaker:
    """The peer's process."""

    def __init__(self, place: Place, load: Load, *, at_once: bool = False) -> None:
        """Start it, and wait until all is encoded."""
        flags = {
            "--with-ips": load.with_ips,
            "--alone": load.alone,
            "--at-once": at_once,
        }
        self._errors = (place.folder / "peer.log").open("ab")
        self._process = subprocess.Popen(
            [
                *("ip", "netns", "exec", place.far),
                *(sys.executable, "-m", "integration.bench.peer", THERE, HERE),
                *(str(load.macs), str(load.vnis)),
                *(flag for flag, given in flags.items() if given),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=CHECKOUT,
            text=True,
            bufsize=1,
        )
        self._said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self.wait("encoded")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(json.loads(line))
        self._said.put(None)

    def say(self, words: str) -> None:
        """Have it do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words}\n")

    def wait(self, event: str, timeout: float = LONG) -> dict[str, Any]:
        """Wait for an event; LabError where the session ends or nothing comes."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                said = self._said.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise LabError(f"no {event} within {timeout} s") from None
            if said is None:
                raise LabError(f"the peer ended before {event}")
            if said["event"] == event:
                return said
            if said["event"] == "down" and event != "established":
                raise LabError(f"the session ended before {event}")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            stream.close()
