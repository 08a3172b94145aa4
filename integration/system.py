"""A Debian root in which systemd runs: what a package meets on a host.

The roots are Debian's smallest with systemd and what the package depends on, of the
releases that the package is for. `scripts/setup.sh --bed` makes them, beside the bed.
systemd runs as process 1 of namespaces of its own (`system_init.sh`), on this machine's
kernel and in the network namespace of a lab's host.
"""

import contextlib
import hashlib
import shlex
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Self

from integration import bed
from integration.lab_netns import LabError, children, wait_until

RELEASES = ("bookworm", "trixie")
"""Debian 12 and 13."""
PACKAGES = ("systemd-sysv", "python3", "iproute2", "procps")
BOOT = 60.0
"""Seconds that a boot may take on a busy machine."""
_INIT = Path(__file__).with_name("system_init.sh")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_RUNNING = ("running", "degraded")


def root(release: str) -> Path:
    """Return the root of a release, which may not have been made yet."""
    mark = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:8]
    return bed.directory() / f"{release}-systemd-{mark}"


def are_made() -> bool:
    """Return whether all roots are complete."""
    return all(bed.is_complete(root(release)) for release in RELEASES)


def make() -> None:
    """Make the roots that are missing; raises BedError."""
    for release in RELEASES:
        bed.make_once(root(release), partial(_make_root, release))


def _make_root(release: str, part: Path) -> None:
    bed.say(f"making a {release} root with systemd (half a minute, 300 MB)")
    bed.debootstrap(release, part, "--include", ",".join(PACKAGES))
    for each in ("var/cache/apt/archives", "var/lib/apt/lists"):
        for path in (part / each).glob("*.deb"):
            path.unlink()


class System:
    """A host with systemd: a context manager."""

    def __init__(self, release: str, namespace: str, directory: Path) -> None:
        """Store a release, a network namespace, and an empty folder: /mnt inside."""
        self.release = release
        self.directory = directory
        self._namespace = namespace
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0

    def __enter__(self) -> Self:
        """Boot."""
        words = ["sh", str(_INIT), str(root(self.release)), str(self.directory)]
        with (self.directory / "boot.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["ip", "netns", "exec", self._namespace, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._pid = wait_until(self._find, BOOT, "systemd", seen=self._log) or 0
            wait_until(self._is_up, BOOT, "the end of its boot", seen=self._log)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End all of it, as a power failure does."""
        self._end()

    def _find(self) -> int | None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise LabError(f"the root does not boot: {self._log()}")
        found = [self._process.pid]
        while found:
            below = children(found[-1])
            for pid, line in below.items():
                if line.startswith("/lib/systemd/systemd"):
                    return pid
            found = list(below)
        return None

    def _is_up(self) -> bool:
        done = self.run("systemctl", "is-system-running")
        return done.stdout.strip() in _RUNNING

    def _log(self) -> str:
        return (self.directory / "boot.log").read_text(errors="replace")

    def _end(self) -> None:
        assert self._process is not None
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                subprocess.run(["kill", "-KILL", str(self._pid)], check=False)
        else:
            self._process.kill()
        self._process.wait(20)

    def run(
        self, *argv: str, user: str | None = None, timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command in it, as root or as a user; any exit status."""
        inside = ["nsenter", "--target", str(self._pid), "--all", "--wd=/"]
        clean = ["env", "-i", f"PATH={_PATH}", "HOME=/root", "LANG=C.UTF-8"]
        words = list(argv)
        if user is not None:
            words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
            words += argv
        return subprocess.run(
            [*inside, *clean, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def check(self, *argv: str, timeout: float = 120) -> str:
        """Run a command and return what it printed; LabError where it fails."""
        done = self.run(*argv, timeout=timeout)
        if done.returncode != 0:
            raise LabError(
                f"{shlex.join(argv)}: status {done.returncode}: "
                f"{done.stdout}{done.stderr}"
            )
        return done.stdout

    def path(self, name: str) -> Path:
        """Return a file of it as the machine sees it."""
        return Path(f"/proc/{self._pid}/root", name.lstrip("/"))

    def unit(self, name: str, *properties: str) -> dict[str, str]:
        """Return properties of a unit."""
        words = ("systemctl", "show", name, "--property", ",".join(properties))
        lines = self.check(*words).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def files(self, *folders: str) -> set[str]:
        """List all files below folders."""
        return set(self.check("find", *folders, "-xdev").split("\n"))


def install(system: System, package: Path) -> str:
    """Install a package, or upgrade to it; return what dpkg printed."""
    target = system.directory / package.name
    if not target.exists():
        target.write_bytes(package.read_bytes())
    done = system.run("dpkg", "--install", f"/mnt/{package.name}")
    said = done.stdout + done.stderr
    if done.returncode != 0:
        raise LabError(f"dpkg: status {done.returncode}: {said}")
    return said


__all__: Sequence[str] = ("RELEASES", "System", "are_made", "install", "make", "root")


def main() -> None:
    """Make the roots where they are not there."""
    try:
        make()
    except bed.BedError as error:
        sys.exit(f"bed: {error}")


if __name__ == "__main__":
    main()
