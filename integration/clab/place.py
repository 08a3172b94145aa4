"""Where a lab is while it is up: its namespaces, its files, its nodes' processes."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from integration.clab.model import NAME
from integration.lab_netns import NETNS_DIRECTORY, LabError, ip, is_running, run

LABS = Path("/run/evpnd-lab")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Place:
    """A lab's directory, and the names of its namespaces."""

    name: str

    def __post_init__(self) -> None:
        """Refuse what would lead out of the directory of all labs."""
        if not NAME.fullmatch(self.name):
            raise LabError(f"{self.name!r} is no name of a lab")

    @property
    def directory(self) -> Path:
        """Where specifications, states and logs of its nodes are."""
        return LABS / self.name

    @property
    def host(self) -> str:
        """The namespace in the machine's part: of bridges and of kind host."""
        return f"{self.name}+host"

    @classmethod
    def names(cls) -> list[str]:
        """List the labs that are up, or were left behind."""
        return (
            sorted(path.name for path in LABS.iterdir() if NAME.fullmatch(path.name))
            if LABS.is_dir()
            else []
        )

    def exists(self) -> bool:
        """Tell whether it is up, or was left behind."""
        return self.directory.is_dir()

    @classmethod
    def made_from(cls, file: Path) -> list[str]:
        """List the labs of a topology file, whatever it says by now."""
        found = str(file.resolve())
        return [
            name for name in cls.names() if cls(name)._manifest().get("file") == found
        ]

    def create(self, namespaces: Mapping[str, str], file: Path) -> Self:
        """Make directory and namespaces; each node's namespace is named by node.

        ``file`` is the topology's.
        """
        self.directory.mkdir(parents=True, mode=0o755)
        everything = sorted({self.host, *namespaces.values()})
        taken = [name for name in everything if (NETNS_DIRECTORY / name).exists()]
        if taken:
            self.directory.rmdir()
            raise LabError(f"there are namespaces of these names: {', '.join(taken)}")
        # Noted before they are made: what is killed half-way is found again.
        manifest = {
            "file": str(file.resolve()),
            "nodes": dict(namespaces),
            "all": everything,
            "pid": os.getpid(),
        }
        (self.directory / "lab.json").write_text(json.dumps(manifest))
        ip(f"netns add {name}" for name in everything)
        for name in everything:
            ip(["link set lo up"], name)
        return self

    def _manifest(self) -> dict[str, object]:
        try:
            found = json.loads((self.directory / "lab.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def maker(self) -> int:
        """The process that made it."""
        pid = self._manifest().get("pid")
        return pid if isinstance(pid, int) else 0

    def namespaces(self) -> dict[str, str]:
        """Map nodes to their namespaces."""
        found = self._manifest().get("nodes", {})
        return dict(found) if isinstance(found, dict) else {}

    def namespace(self, node: str) -> str:
        """Find the namespace of a node."""
        try:
            return self.namespaces()[node]
        except KeyError:
            raise LabError(f"lab {self.name} has no node {node}") from None

    def remove(self) -> bool:
        """End every process, remove namespaces and files; tells if there was any."""
        if not self.exists():
            return False
        listed = self._manifest().get("all")
        names = [
            name
            for name in (listed if isinstance(listed, list) else [])
            if (NETNS_DIRECTORY / name).exists()
        ]
        pids = {pid for name in names for pid in pids_in(name)}
        pids.discard(os.getpid())
        end({pid for pid in pids if is_first(pid)}, signal.SIGTERM, 5)
        end(pids, signal.SIGKILL, 3)
        for pid in pids:
            # Those that this process started itself.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        for name in names:
            ip([f"netns del {name}"])
        shutil.rmtree(self.directory)
        return True

    def init_of(self, node: str) -> int:
        """Find the pid of a node's first process; LabError where there is none."""
        at = self.directory / node / "unshare.pid"
        try:
            parent = int(at.read_text())
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except (FileNotFoundError, ValueError, ProcessLookupError):
            children = ""
        if not children.split():
            raise LabError(f"node {node} of lab {self.name} does not run")
        return int(children.split()[0])

    def state(self, node: str) -> str:
        """Read what a node's first process says of its program."""
        try:
            return (self.directory / node / "state").read_text().strip()
        except FileNotFoundError:
            return ""

    def log(self, node: str, lines: int = 15) -> str:
        """Read the end of what a node printed."""
        try:
            text = (self.directory / node / "log").read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _entering(self, node: str) -> tuple[list[str], dict[str, str]]:
        """Compose what stands in front of a command to run it in a node."""
        if not (self.directory / node).is_dir():
            # A bridge, or the machine itself.
            where = self.namespace(node)
            return ["ip", "netns", "exec", where], {"PATH": PATH, "HOME": "/root"}
        pid = self.init_of(node)
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        pairs = (word.decode(errors="replace").partition("=") for word in words if word)
        environment = {name: value for name, _, value in pairs}
        namespaces = ("--net", "--uts", "--pid", "--mount")
        return ["nsenter", "--target", str(pid), *namespaces, "--"], environment

    def execute(
        self, node: str, argv: Sequence[str], timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a node; any exit status."""
        prefix, environment = self._entering(node)
        try:
            return subprocess.run(
                [*prefix, *argv],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise LabError(
                f"{node}: {' '.join(argv)}: still runs after {timeout:g} s"
            ) from None

    def attach(self, node: str, argv: Sequence[str]) -> int:
        """Run a command in a node on this terminal; its exit status."""
        prefix, environment = self._entering(node)
        term = {"TERM": os.environ.get("TERM", "dumb")}
        return subprocess.run(
            [*prefix, *argv], env=environment | term, check=False
        ).returncode


def pids_in(namespace: str) -> list[int]:
    """List the processes of a namespace."""
    return [int(pid) for pid in run(["ip", "netns", "pids", namespace]).split()]


def is_first(pid: int) -> bool:
    """Tell whether a process is the first one of a PID namespace."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    numbers = next((line for line in lines if line.startswith("NSpid:")), "").split()
    return len(numbers) > 2 and numbers[-1] == "1"


def end(pids: set[int], sign: signal.Signals, patience: float) -> None:
    """Send a signal, and wait for the ends of those that got it."""
    for pid in pids:
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + patience
    while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
