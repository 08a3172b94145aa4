"""Where a lab is while it is up: its namespaces, its files, its nodes' processes."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from lab.commands import run_to_end
from lab.interrupts import undisturbed
from lab.keys import NAME
from lab.netns import NETNS_DIRECTORY, LabError, ip, is_running, run

LABS = Path("/run/evpnd-lab")
_MANIFEST, _GOING = "+lab.json", "+going"
"""What is to be removed, and that somebody removes it; no node has such a name."""


def need_root() -> None:
    """Refuse to begin what only root can do."""
    if os.geteuid() != 0:
        raise LabError("this needs root: it makes network namespaces")


@dataclass(frozen=True, slots=True)
class Place:
    """A lab's directory, and the names of its namespaces."""

    name: str

    def __post_init__(self) -> None:
        """Refuse what would lead out of the directory of all labs."""
        if not re.fullmatch(NAME, self.name):
            raise LabError(f"{self.name!r} is no name of a lab")

    @property
    def directory(self) -> Path:
        """Where specifications, states and logs of its nodes are."""
        return LABS / self.name

    @property
    def host(self) -> str:
        """The namespace beside all nodes: of the management network's bridge."""
        return f"{self.name}+host"

    @classmethod
    def names(cls) -> list[str]:
        """List the labs that are up, or were left behind."""
        return sorted(path.name for path in LABS.glob("*"))

    def exists(self) -> bool:
        """Return whether it is up, or was left behind."""
        return self.directory.is_dir()

    def stays(self) -> bool:
        """Return whether it is there and nobody began to remove it."""
        return self.exists() and not (self.directory / _GOING).exists()

    def claim(self) -> None:
        """Claim the name; LabError where another lab has it."""
        try:
            self.directory.mkdir(parents=True, mode=0o755)
        except FileExistsError:
            reason = "is there already; `down` removes it"
            raise LabError(f"lab {self.name} {reason}") from None

    def create(self, namespaces: Mapping[str, str]) -> None:
        """Make the namespaces; each node's namespace is named by node."""
        everything = [self.host, *namespaces.values()]
        taken = [name for name in everything if (NETNS_DIRECTORY / name).exists()]
        if taken:
            raise LabError(f"there are namespaces of these names: {', '.join(taken)}")
        # Noted before they are made: what is killed half-way is found again.
        (self.directory / _MANIFEST).write_text(json.dumps(namespaces))
        ip(f"netns add {name}" for name in everything)
        for name in everything:
            ip(["link set lo up"], name)

    def namespaces(self) -> dict[str, str]:
        """Map nodes to their namespaces."""
        try:
            found: dict[str, str] = json.loads((self.directory / _MANIFEST).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return found

    def namespace(self, node: str) -> str:
        """Return the namespace of a node."""
        try:
            return self.namespaces()[node]
        except KeyError:
            raise LabError(f"lab {self.name} has no node {node}") from None

    def remove(self) -> bool:
        """Kill every process, remove namespaces and files; returns if there was any.

        The directory goes last: what could not be removed is found by another try.
        """
        with undisturbed():
            if not self.exists():
                return False
            with contextlib.suppress(OSError):
                # Who brings it up at this moment is not to say that it is up.
                (self.directory / _GOING).touch()
            names = [
                name
                for name in (self.host, *self.namespaces().values())
                if (NETNS_DIRECTORY / name).exists()
            ]
            pids: set[int] = set()
            for name in names:
                with _unless_gone(name):
                    pids |= set(map(int, run(["ip", "netns", "pids", name]).split()))
            _kill(pids - {os.getpid()})
            for name in names:
                with _unless_gone(name):
                    ip([f"netns del {name}"])
            while self.exists():
                # Who brings it up removes it as well, where that was not done.
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(self.directory)
            return True

    def init_of(self, node: str) -> int:
        """Return the pid of a node's first process; LabError where there is none."""
        try:
            pid = int((self.directory / node / "pid").read_text())
        except (FileNotFoundError, ValueError):
            pid = 0
        if not is_running(pid):
            raise LabError(f"node {node} of lab {self.name} does not run")
        return pid

    def state(self, node: str) -> str:
        """Return what a node's first process says of its program."""
        try:
            return (self.directory / node / "state").read_text().strip()
        except FileNotFoundError:
            return ""

    def standing(self, node: str) -> str:
        """Return how a node is now: its first process may have been killed."""
        try:
            self.init_of(node)
        except LabError:
            return "ended"
        word, _, number = self.state(node).partition(" ")
        return f"restarting ({number})" if word == "restarting" else "running"

    def log_file(self, node: str) -> Path:
        """Return the file of what a node printed."""
        return self.directory / node / "log"

    def log(self, node: str, lines: int = 15) -> str:
        """Return the end of what a node printed."""
        try:
            text = self.log_file(node).read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _entering(self, node: str) -> tuple[list[str], dict[str, str]]:
        """Return what stands in front of a command in a node, and its environment."""
        self.namespace(node)
        pid = self.init_of(node)
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        pairs = (word.decode(errors="replace").partition("=") for word in words if word)
        environment = {name: value for name, _, value in pairs}
        namespaces = ("--net", "--uts", "--pid", "--mount")
        return ["nsenter", "--target", str(pid), *namespaces, "--"], environment

    def execute(
        self, node: str, argv: Sequence[str], timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a node; any exit status, LabError where it takes longer."""
        done = self.execute_until(node, argv, lambda spent: spent > timeout)
        if done is None:
            command = " ".join(argv)
            raise LabError(f"{node}: {command}: still runs after {timeout:g} s")
        return done

    def execute_until(
        self, node: str, argv: Sequence[str], give_up: Callable[[float], bool]
    ) -> subprocess.CompletedProcess[str] | None:
        """Run a command in a node until it ends, or is given up and killed: None."""
        prefix, environment = self._entering(node)
        return run_to_end([*prefix, *argv], environment, give_up)

    def attach(self, node: str, argv: Sequence[str]) -> NoReturn:
        """Become a command in a node on this terminal.

        Ctrl-C is left to the command, which may only stop something in it: what leads
        to it, and waits for it, ignores the signal.
        """
        prefix, environment = self._entering(node)
        ignore, heed = (
            ["env", f"--{word}-signal=INT"] for word in ("ignore", "default")
        )
        environment["TERM"] = os.environ.get("TERM", "dumb")
        os.execvpe("env", [*ignore, *prefix, *heed, *argv], environment)


@contextlib.contextmanager
def _unless_gone(namespace: str) -> Iterator[None]:
    """Let pass what fails because somebody else removes the lab at the same time."""
    try:
        yield
    except LabError:
        if (NETNS_DIRECTORY / namespace).exists():
            raise


def _kill(pids: set[int]) -> None:
    """Kill processes, and wait for their ends."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in pids:
        # Those that this process started itself.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
