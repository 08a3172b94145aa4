"""Where a lab is while it is up: its namespaces, its files, its nodes' processes."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lab.commands import run_to_end
from lab.interrupts import left_to_a_program, undisturbed
from lab.model import NAME
from lab.netns import NETNS_DIRECTORY, LabError, ip, is_running, run

LABS = Path("/run/evpnd-lab")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MANIFEST = "lab.json"
"""What is to be removed, beside the directories of nodes."""
_MARK = "EVPND_LAB"
"""In the environment of commands beside the nodes: these may leave the namespace."""


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

    def stays(self) -> bool:
        """Tell whether it is there and nobody began to remove it."""
        return self.exists() and not self._manifest().get("going")

    @classmethod
    def made_from(cls, file: Path) -> list[str]:
        """List the labs of a topology file, whatever it says by now."""
        found = str(file.resolve())
        return [
            name for name in cls.names() if cls(name)._manifest().get("file") == found
        ]

    def claim(self) -> None:
        """Take the name; LabError where another lab has it."""
        try:
            self.directory.mkdir(parents=True, mode=0o755)
        except FileExistsError:
            raise LabError(
                f"lab {self.name} is there already; `down` removes it"
            ) from None

    def create(
        self, namespaces: Mapping[str, str], on_machine: Sequence[str], file: Path
    ) -> Self:
        """Make the namespaces; each node's namespace is named by node.

        Nodes ``on_machine`` are no containers: bridges, and the lab's machine itself.
        ``file`` is the topology's.
        """
        everything = sorted({self.host, *namespaces.values()})
        taken = [name for name in everything if (NETNS_DIRECTORY / name).exists()]
        if taken:
            raise LabError(f"there are namespaces of these names: {', '.join(taken)}")
        # Noted before they are made: what is killed half-way is found again.
        manifest = {
            "file": str(file.resolve()),
            "nodes": dict(namespaces),
            "on_machine": list(on_machine),
            "all": everything,
            "pid": os.getpid(),
        }
        (self.directory / MANIFEST).write_text(json.dumps(manifest))
        ip(f"netns add {name}" for name in everything)
        for name in everything:
            ip(["link set lo up"], name)
        return self

    def _manifest(self) -> dict[str, object]:
        try:
            found = json.loads((self.directory / MANIFEST).read_text())
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
        """End every process, remove namespaces and files; tells if there was any.

        The directory goes last: what could not be removed is found by another try.
        """
        with undisturbed():
            return self._remove()

    def _remove(self) -> bool:
        if not self.exists():
            return False
        manifest = self._manifest()
        with contextlib.suppress(OSError):
            # Who brings it up at this moment is not to say that it is up.
            going = json.dumps({**manifest, "going": True})
            written = self.directory / f"{MANIFEST}.{os.getpid()}"
            written.write_text(going)
            # Whole at any moment, for those who look.
            written.replace(self.directory / MANIFEST)
        listed = manifest.get("all")
        names = [
            name
            for name in (listed if isinstance(listed, list) else [])
            if (NETNS_DIRECTORY / name).exists()
        ]
        pids = {pid for name in names for pid in pids_in(name)}
        pids |= marked(f"{_MARK}={self.name}")
        pids.discard(os.getpid())
        end({pid for pid in pids if is_first(pid)}, signal.SIGTERM, 5)
        end(pids, signal.SIGKILL, 3)
        for pid in pids:
            # Those that this process started itself.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        for name in names:
            with _unless_gone(NETNS_DIRECTORY / name):
                ip([f"netns del {name}"])
        while self.exists():
            # Who brings it up removes it as well, where that was not done.
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self.directory)
        return True

    def init_of(self, node: str) -> int:
        """Find the pid of a node's first process; LabError where there is none."""
        parent = self.holder_of(node)
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except (FileNotFoundError, ProcessLookupError):
            children = ""
        if not children.split():
            raise LabError(f"node {node} of lab {self.name} does not run")
        return int(children.split()[0])

    def holder_of(self, node: str) -> int:
        """Find the process that ends with a node."""
        try:
            return int((self.directory / node / "unshare.pid").read_text())
        except (FileNotFoundError, ValueError):
            raise LabError(f"node {node} of lab {self.name} does not run") from None

    def state(self, node: str) -> str:
        """Read what a node's first process says of its program."""
        try:
            return (self.directory / node / "state").read_text().strip()
        except FileNotFoundError:
            return ""

    def standing(self, node: str) -> str:
        """Tell how a node is now: its first process may have been killed."""
        if node in self._on_machine():
            return "there"
        try:
            self.init_of(node)
        except LabError:
            return "ended"
        # What has no program of its own takes commands all the same.
        word, _, number = self.state(node).partition(" ")
        return "running" if word in ("created", "running") else f"{word} ({number})"

    def log_file(self, node: str) -> Path:
        """Name the file of what a node printed; a bridge has none."""
        return self.directory / node / "log"

    def log(self, node: str, lines: int = 15) -> str:
        """Read the end of what a node printed."""
        try:
            text = self.log_file(node).read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _entering(self, node: str) -> tuple[list[str], dict[str, str]]:
        """Compose what stands in front of a command to run it in a node."""
        where = self.namespace(node)
        if node in self._on_machine():
            environment = {"PATH": PATH, "HOME": "/root", _MARK: self.name}
            return ["ip", "netns", "exec", where], environment
        pid = self.init_of(node)
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        pairs = (word.decode(errors="replace").partition("=") for word in words if word)
        environment = {name: value for name, _, value in pairs}
        namespaces = ("--net", "--uts", "--pid", "--mount")
        return ["nsenter", "--target", str(pid), *namespaces, "--"], environment

    def _on_machine(self) -> list[str]:
        found = self._manifest().get("on_machine", [])
        return found if isinstance(found, list) else []

    def execute(
        self, node: str, argv: Sequence[str], timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a node; any exit status, LabError where it takes longer."""
        done = self.execute_until(node, argv, lambda seconds: seconds > timeout)
        if done is None:
            text = f"{node}: {' '.join(argv)}: still runs after {timeout:g} s"
            raise LabError(text)
        return done

    def execute_until(
        self, node: str, argv: Sequence[str], give_up: Callable[[float], bool]
    ) -> subprocess.CompletedProcess[str] | None:
        """Run a command in a node until it ends, or is given up and killed: None."""
        prefix, environment = self._entering(node)
        return run_to_end([*prefix, *argv], environment, give_up)

    def execute_on_machine(
        self, argv: Sequence[str], give_up: Callable[[float], bool]
    ) -> subprocess.CompletedProcess[str] | None:
        """Run a command beside all nodes, in the namespace of the lab's machine."""
        environment = dict(os.environ) | {_MARK: self.name}
        return run_to_end(
            ["ip", "netns", "exec", self.host, *argv], environment, give_up
        )

    def attach(self, node: str, argv: Sequence[str]) -> int:
        """Run a command in a node on this terminal; its exit status, as in a shell."""
        prefix, environment = self._entering(node)
        term = {"TERM": os.environ.get("TERM", "dumb")}
        with left_to_a_program() as words:
            status = subprocess.run(
                [*prefix, *words, *argv], env=environment | term, check=False
            ).returncode
        return status if status >= 0 else 128 - status


def pids_in(namespace: str) -> list[int]:
    """List the processes of a namespace; none where it goes meanwhile."""
    with _unless_gone(NETNS_DIRECTORY / namespace):
        return [int(pid) for pid in run(["ip", "netns", "pids", namespace]).split()]
    return []


@contextlib.contextmanager
def _unless_gone(path: Path) -> Iterator[None]:
    """Do something with what somebody else may remove at the same time."""
    try:
        yield
    except LabError:
        if path.exists():
            raise


def marked(word: str) -> set[int]:
    """Find the processes with a word in their environment."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            words = path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if word.encode() in words:
            found.add(int(path.parent.name))
    return found


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
