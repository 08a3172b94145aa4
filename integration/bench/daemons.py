"""The daemons that are measured, each with the configuration of its documentation.

Each waits for the peer at 192.0.2.1, in AS 65000 as the peer, and has an EVI for every
VXLAN device. What belongs to one daemon are all of its processes.
"""

import os
import re
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, NamedTuple, final

from evpnd import __version__
from integration import bed
from integration.bench.place import HERE, THERE, VTEP, Place
from integration.bench.routes import ASN, FIRST_VNI
from integration.lab_evpnd import command
from integration.lab_netns import LabError, Process, children, wait_until
from integration.roots import MACHINE, Root

_TICKS = os.sysconf("SC_CLK_TCK")
_START = 30.0
_RUN_FRR = "/run/frr"
_FRR = "/usr/lib/frr"


class Usage(NamedTuple):
    """Of all processes of a daemon."""

    cpu: float
    """Seconds, user and system."""
    peak: float
    """MiB: the sum of their largest resident sizes."""
    share: float
    """MiB: their share of memory now (PSS)."""


class Daemon(ABC):
    """One run of a daemon."""

    lacks: ClassVar[Mapping[str, str]] = {}
    """Rows of the table that it cannot have, and why."""

    def __init__(self, place: Place) -> None:
        """Write its configuration."""
        self._place = place
        self._folder = place.folder / type(self).__name__.lower()
        self._folder.mkdir(mode=0o755, exist_ok=True)
        self._processes: list[Process] = []
        self.configure()

    @abstractmethod
    def configure(self) -> None:
        """Write its files."""

    @abstractmethod
    def start(self) -> None:
        """Start it; not waited for."""

    def _run(self, name: str, argv: Iterable[str]) -> Process:
        log = self._folder / f"{name}.log"
        process = Process(self._place.host, list(argv), log)
        self._processes.append(process)
        return process

    def pids(self) -> list[int]:
        """Return its processes, and those that they started."""
        found = [process.pid for process in self._processes]
        for pid in found:
            found += children(pid)
        return found

    def usage(self) -> Usage:
        """Read what its processes have used."""
        cpu = peak = share = 0.0
        for pid in self.pids():
            there = Path(f"/proc/{pid}")
            words = (there / "stat").read_text().rpartition(")")[2].split()
            cpu += (int(words[11]) + int(words[12])) / _TICKS
            peak += _kib(there / "status", "VmHWM:") / 1024
            share += _kib(there / "smaps_rollup", "Pss:") / 1024
        return Usage(cpu, peak, share)

    def kill(self) -> None:
        """End it as a crash would: what is in the kernel stays."""
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        for process in self._processes:
            process.wait(10)
        self._processes.clear()

    def log(self) -> str:
        """Return the ends of its logs."""
        return "\n".join(
            f"{process.log.name}: {process.tail(5)}" for process in self._processes
        )


def _kib(path: Path, key: str) -> int:
    lines = path.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


@final
class Evpnd(Daemon):
    """The evpnd of this checkout, with `discover`."""

    def configure(self) -> None:
        """Write evpnd.yaml."""
        self._file = self._folder / "evpnd.yaml"
        self._file.write_text(f"""
router-id: {VTEP}
asn: {ASN}
vtep: {{address: {VTEP}}}
peers: [{{address: {THERE}, asn: {ASN}, local-address: {HERE}, passive: true}}]
discover: true
control: {{socket: {self._folder}/evpnd.sock}}
log: {{level: warning, format: json}}
""")

    def start(self) -> None:
        """Start speaker and agent."""
        self._run("evpnd", [*command(), "run", "-c", str(self._file)])


class Frr(Daemon):
    """bgpd and zebra, of the machine or of the bed; mgmtd where there is one."""

    root: Root = MACHINE

    def configure(self) -> None:
        """Write frr.conf."""
        root = self.root
        (root.path / _RUN_FRR.lstrip("/")).mkdir(exist_ok=True)
        file = self._folder / "frr.conf"
        file.write_text(f"""
hostname dut
log file {_RUN_FRR}/frr.log warnings
router bgp {ASN}
 bgp router-id {VTEP}
 no bgp default ipv4-unicast
 neighbor {THERE} remote-as {ASN}
 neighbor {THERE} passive
 address-family l2vpn evpn
  neighbor {THERE} activate
  advertise-all-vni
 exit-address-family
""")
        for path in (self._folder, file):
            root.give(path, "frr")

    def start(self) -> None:
        """Start the daemons; bgpd as soon as zebra listens."""
        file = ("-f", f"{_RUN_FRR}/frr.conf")
        if self.root.has(f"{_FRR}/mgmtd"):
            self._daemon("mgmtd", "mgmtd_be.sock")
        self._daemon("zebra", "zserv.api", *file, "-s", "90000000")
        self._daemon("bgpd", None, *file, "-l", HERE)

    def _daemon(self, name: str, listens: str | None, *arguments: str) -> None:
        path = None if listens is None else self._folder / listens
        if path is not None:
            path.unlink(missing_ok=True)
        argv = [f"{_FRR}/{name}", "-A", "127.0.0.1", *arguments]
        process = self._run(name, self.root.command(argv, {_RUN_FRR: self._folder}))
        if path is not None:
            wait_until(path.exists, _START, name, interval=0.002, seen=process.tail)


@final
class BedFrr(Frr):
    """FRR of the Debian 13 root."""

    root = bed.bed()


class Bird(Daemon):
    """BIRD with an eth table, a bridge and an evpn protocol for each VNI."""

    root: Root = MACHINE
    program = "/usr/sbin/bird"
    lacks: ClassVar[Mapping[str, str]] = {
        "mac-ip": "it installs no neighbours",
        "move": "it knows no MAC mobility: the route that it has already stays",
    }

    def configure(self) -> None:
        """Write bird.conf."""
        self._file = self._folder / "bird.conf"
        self._file.write_text("\n".join(_bird(self._place.vnis)))

    def start(self) -> None:
        """Start it in the foreground."""
        argv = [self.program, "-f", "-c", "/run/bird.conf", "-s", "/run/bird.ctl"]
        self._run("bird", self.root.command(argv, {"/run": self._folder}))


@final
class BedBird(Bird):
    """BIRD of the Debian 13 root."""

    root = bed.bed()


def _bird(vnis: int) -> Iterator[str]:
    yield f"router id {VTEP};"
    yield "log stderr { warning, error, fatal, bug };"
    yield "evpn table evpntab;"
    yield "protocol device { scan time 60; }"
    yield "protocol direct { ipv4; }"
    yield f"protocol static {{ ipv4; route 10.200.0.0/16 via {THERE}; }}"
    for number in range(vnis):
        vni = FIRST_VNI + number
        yield f"eth table eth{number};"
        yield f"protocol bridge bridge{number} {{"
        yield f'  bridge device "br{number}";'
        yield f"  eth {{ table eth{number}; import all; export all; }};"
        yield "}"
        yield f"protocol evpn evi{number} {{"
        yield f"  eth {{ table eth{number}; import all; export all; }};"
        yield "  evpn { table evpntab; import all; export all; };"
        yield f"  rd {VTEP}:{vni};"
        yield f"  route target (rt, {ASN}, {vni});"
        yield "  encapsulation vxlan {"
        yield f'    tunnel device "vx{number}";'
        yield f"    router address {VTEP};"
        yield "  };"
        yield f"  vni {vni};"
        yield "  vid 0;"
        yield "}"
    yield "protocol bgp far {"
    yield f"  local {HERE} as {ASN};"
    yield f"  neighbor {THERE} as {ASN};"
    yield "  passive;"
    yield "  evpn { table evpntab; import all; export all; };"
    yield "}"


class Known(NamedTuple):
    """A daemon that can be measured here."""

    name: str
    """With its version."""
    run: type[Daemon]


def find() -> dict[str, Known]:
    """Return the daemons that are installed, by their short names."""
    found = {"evpnd": Known(f"evpnd {__version__}", Evpnd)}
    frr: list[tuple[str, type[Frr]]] = [("frr", Frr)]
    bird: list[tuple[str, type[Bird]]] = [("bird", Bird)]
    if bed.is_made():
        frr.append(("frr-bed", BedFrr))
        bird.append(("bird-bed", BedBird))
    for short, kind in frr:
        if kind.root.has(f"{_FRR}/bgpd"):
            version = _version(kind.root, f"{_FRR}/bgpd")
            found[short] = Known(f"FRR {version}", kind)
    for short, other in bird:
        if other.root.has(other.program) and _has_evpn(other):
            version = _version(other.root, other.program)
            found[short] = Known(f"BIRD {version}", other)
    return found


def _version(root: Root, program: str) -> str:
    done = subprocess.run(
        root.command([program, "--version"]),
        capture_output=True,
        text=True,
        check=False,
    )
    match = re.search(r"\d+\.\d+(?:\.\d+)?", done.stdout + done.stderr)
    if match is None:
        raise LabError(f"{program} --version: {done.stdout}{done.stderr}")
    return match[0]


def _has_evpn(kind: type[Bird]) -> bool:
    """Return whether a BIRD knows EVPN: 2.19 and 3.3 do, those of Debian 12 do not."""
    done = subprocess.run(
        kind.root.command([kind.program, "-p", "-c", "/dev/stdin"]),
        input="evpn table t;\nprotocol device { }\n",
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0
