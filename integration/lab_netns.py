"""Network namespaces: making, entering and removing them; processes inside."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lab.netns import (
    NETNS_DIRECTORY,
    PATIENCE,
    LabError,
    inside,
    ip,
    is_running,
    run,
    wait_until,
)

__all__ = [
    "NETNS_DIRECTORY",
    "OWN",
    "PATIENCE",
    "LabError",
    "Process",
    "children",
    "inside",
    "ip",
    "is_running",
    "namespaces",
    "run",
    "sweep",
    "sweep_dead",
    "sysctl",
    "wait_until",
]
"""With what the lab runner has of this, so that tests need one module."""

OWN = f"evt{os.getpid():07}"
"""What the names of all that the tests of this process make begin with. As many digits
as any pid has: of the names of two processes neither is within the other."""


def sysctl(namespace: str, settings: dict[str, int]) -> None:
    """Write kernel settings of a namespace: ``net/ipv4/ip_forward`` and so on."""
    with inside(namespace):
        for name, value in settings.items():
            Path("/proc/sys", name).write_text(f"{value}\n")


def namespaces(prefix: str) -> list[str]:
    """List the namespaces of a lab."""
    if not NETNS_DIRECTORY.is_dir():
        return []
    return sorted(
        path.name
        for path in NETNS_DIRECTORY.iterdir()
        if path.name.startswith(prefix + "-")
    )


def sweep(prefix: str) -> list[str]:
    """Remove a lab by name, with every process in its namespaces.

    A process is in one of these namespaces only if the lab, or what the lab
    started, put it there. Returns the names of what was removed.
    """
    found = namespaces(prefix)
    pids = {
        int(pid) for name in found for pid in run(["ip", "netns", "pids", name]).split()
    }
    pids.discard(os.getpid())
    _end(pids)
    if found:
        ip(f"netns del {name}" for name in found)
    return found


def sweep_dead() -> None:
    """Remove the labs of test runs that ended without removing them.

    One process at a time: the workers of a run all begin with this.
    """
    if os.geteuid() != 0 or not NETNS_DIRECTORY.is_dir():
        return
    with Path(tempfile.gettempdir(), "evt-sweep.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        names = [path.name for path in NETNS_DIRECTORY.iterdir()]
        found = {match[0]: int(match[1]) for each in names if (match := _TESTS(each))}
        for prefix, pid in found.items():
            if not is_running(pid):
                sweep(prefix)


_TESTS = re.compile(r"(?:evt|es)(\d{7})(?=-)").match


def _end(pids: set[int]) -> None:
    for sign, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
        for pid in pids:
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + patience
        while pids and time.monotonic() < deadline:
            pids = {pid for pid in pids if is_running(pid)}
            time.sleep(0.02)
        if not pids:
            return


def children(pid: int) -> dict[int, str]:
    """Map the pids of a process's children to their command lines.

    One that ends meanwhile is left out.
    """
    found: dict[int, str] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in (task / "children").read_text().split():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                    line = b" ".join(words).decode(errors="replace").strip()
                    found[int(child)] = line
    return found


class Process:
    """A command in a namespace; what it prints goes to a file."""

    def __init__(
        self,
        namespace: str,
        argv: Sequence[str],
        log: Path,
        *,
        stderr: int | None = None,
    ) -> None:
        """Start it; standard input is empty.

        Standard error goes to the file, too, or to a descriptor.
        """
        self.argv = list(argv)
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                ["ip", "netns", "exec", namespace, *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if stderr is None else stderr,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The command's own pid: ``ip netns exec`` becomes the command."""
        return self._popen.pid

    @property
    def status(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    def wait(self, timeout: float) -> int:
        """Wait for the end and give the exit status."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(
                f"{self.argv[0]} still runs after {timeout} s\n{self.tail()}"
            ) from None

    def signal(self, sign: signal.Signals) -> None:
        """Send a signal, unless it ended already."""
        self._popen.send_signal(sign)

    def stop(self, timeout: float = 5.0) -> int:
        """SIGTERM, then SIGKILL; the exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()

    def tail(self, lines: int = 25) -> str:
        """Read the end of what it printed, without terminal colours."""
        text = self.log.read_text(errors="replace")
        plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
        return "\n".join(plain.splitlines()[-lines:])
