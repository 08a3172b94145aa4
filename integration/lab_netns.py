"""Network namespaces: making, entering and removing them; processes inside."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

CLONE_NEWNET = 0x40000000
NETNS_DIRECTORY = Path("/run/netns")
PATIENCE = 3
"""How many times longer than on a machine at rest things may take on a busy one."""

T = TypeVar("T")
_libc = ctypes.CDLL(None, use_errno=True)


class LabError(AssertionError):
    """Something in the lab is not as it must be; the text says what was seen."""


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Move the calling thread into a namespace.

    Sockets made there stay there, and so does what is read below
    ``/proc/thread-self/net`` and written below ``/proc/sys/net``.
    """
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        there = os.open(NETNS_DIRECTORY / namespace, os.O_RDONLY)
        try:
            _set_namespace(there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _set_namespace(before)
    finally:
        os.close(before)


def run(argv: Sequence[str], stdin: str | None = None) -> str:
    """Run a command and give back what it printed; LabError where it fails."""
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise LabError(f"{' '.join(argv)}: status {done.returncode}: {said}")
    return done.stdout


def ip(lines: Iterable[str], namespace: str | None = None) -> None:
    """Run lines of ``ip -batch`` in one process; LabError names what failed."""
    text = "\n".join(lines)
    where = ["-n", namespace] if namespace else []
    try:
        run(["ip", *where, "-batch", "-"], text + "\n")
    except LabError as error:
        raise LabError(f"{error}\nof:\n{text}") from None


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


def is_running(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


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


def wait_until(
    predicate: Callable[[], T],
    timeout: float,
    what: str,
    *,
    interval: float = 0.05,
    seen: Callable[[], object] | None = None,
) -> T:
    """Wait for a true value and return it; LabError where it does not come.

    ``timeout`` is in seconds of a machine at rest. ``seen`` says what was there
    instead, for the text of the error.
    """
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            instead = f"; instead: {seen()}" if seen else f"; last: {value!r}"
            raise LabError(f"{what}: not within {timeout * PATIENCE} s{instead}")
        time.sleep(interval)


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
