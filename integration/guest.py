"""A guest: a user-mode Linux 6.12 that boots from the bed, for one command.

Its kernel has what the machine's own may lack: VLAN filtering, 8021q, VRF, bonding,
dummy, netem, tc. It boots in some seconds, has one CPU and no network but its own
namespaces, and runs the command as root in the checkout, which is read-only there.
``evpnd`` and ``python`` are those of the bed's virtual environment. What the command
writes elsewhere is gone with the guest; the folder /bed/job is the caller's `files`.

By hand: ``.venv/bin/python -m integration.guest [--timeout SECONDS] COMMAND...``. Tests
that are marked `guest` run in it as they are (`integration.guest_tests`).
"""

import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from integration.bed import CHECKOUT, bed, environment, is_made
from integration.lab_netns import LabError

KERNEL = "/usr/bin/linux.uml"
BOOT = 60.0
"""Seconds that boot may take on a busy machine, and power-off after a command."""
POWER_OFF = 60.0
"""Seconds that power-off may take."""
_LATE = (124, 137)
"""What timeout(1) ends with."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command in the guest ended."""

    status: int
    """Exit status, as a shell gives it: 128 and the signal's number for a signal."""
    output: str
    """What it printed on standard output and standard error."""


def is_installed() -> bool:
    """Return whether the bed is made and has the guest's kernel."""
    return is_made() and bed().has(KERNEL)


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    files: Path | None = None,
    environ: Mapping[str, str] | None = None,
    memory: str = "1500M",
) -> Done:
    """Boot a guest, run a command in it, and wait for the end of both.

    ``timeout`` is in seconds, without boot and power-off. ``files`` is a folder that
    both sides see, as /bed/job in the guest. ``environ`` are more variables of the
    command's environment. Raises LabError where the guest does not boot, or the
    command takes longer; what it had printed is in the text.
    """
    with tempfile.TemporaryDirectory(prefix="evpnd-guest-") as name:
        job = files or Path(name)
        _write(job, argv, environ or {}, timeout)
        kernel = job / "kernel.log"
        with (
            kernel.open("wb") as log,
            subprocess.Popen(
                _boot(job, memory),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            ) as guest,
        ):
            in_time = wait(guest, job / "status", timeout + BOOT)
        if not in_time:
            what = f"is in a guest that still ran after {timeout + BOOT:g} s"
            raise LabError(_told(argv, what, job))
        status = _read(job / "status")
        if not status:
            raise LabError(_told(argv, "did not end in the guest", job))
        if int(status) in _LATE:
            raise LabError(_told(argv, f"still ran after {timeout:g} s", job))
        return Done(int(status), _read(job / "output"))


def wait(guest: "subprocess.Popen[bytes]", status: Path, seconds: float) -> bool:
    """Wait for the end of a guest; return whether the command's status came in time.

    A guest may hang after it has powered off, and is killed then, as one that is late.
    """
    deadline, ended = time.monotonic() + seconds, 0.0
    while time.monotonic() < deadline:
        with suppress(subprocess.TimeoutExpired):
            guest.wait(1)
            return True
        if _read(status):
            ended = ended or time.monotonic()
            deadline = ended + POWER_OFF
    guest.kill()
    return bool(ended)


def check(argv: Sequence[str], *, timeout: float) -> str:
    """Run a command in a guest and return what it printed.

    Raises LabError where its exit status is not 0, too.
    """
    done = run(argv, timeout=timeout)
    if done.status != 0:
        raise LabError(f"{shlex.join(argv)}: status {done.status}: {done.output}")
    return done.output


def _write(
    job: Path, argv: Sequence[str], environ: Mapping[str, str], timeout: float
) -> None:
    """Write what the guest's first process reads."""
    for name in ("output", "status"):
        (job / name).unlink(missing_ok=True)
    shutil.copy(Path(__file__).with_name("guest_init.sh"), job / "init")
    (job / "init").chmod(0o755)
    settings = {
        "CHECKOUT": str(CHECKOUT),
        "ENVIRONMENT": environment(),
        "SECONDS": str(timeout),
    }
    (job / "settings").write_text("".join(_assignments(settings)))
    exports = [f"export {line}" for line in _assignments(environ)]
    (job / "command").write_text("".join([*exports, shlex.join(argv), "\n"]))


def _assignments(values: Mapping[str, str]) -> list[str]:
    return [f"{name}={shlex.quote(value)}\n" for name, value in values.items()]


def _boot(job: Path, memory: str) -> list[str]:
    words = [
        *(KERNEL, f"mem={memory}", "uml_dir=/dev/shm/", "quiet", "loglevel=4"),
        *("root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro"),
        *("init=/bed/job/init", "con=null", "con0=null,fd:1", "ssl=null"),
    ]
    # The guest's memory is a file in /dev/shm, which a container may have too small.
    mounts = {"/bed/job": job, "/bed/checkout": CHECKOUT}
    return bed().command(words, {**mounts, "/dev/shm": "tmpfs"}, tied=True)


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _told(argv: Sequence[str], what: str, job: Path) -> str:
    logs = {name: _read(job / name) for name in ("output", "kernel.log")}
    tails = [
        f"--- {name}\n" + "\n".join(text.splitlines()[-40:])
        for name, text in logs.items()
    ]
    return "\n".join([f"{shlex.join(argv)} {what}", *tails])


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--timeout", default=600.0, help="Seconds that it may take.")
@click.option("--memory", default="1500M", help="The guest's memory.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def main(timeout: float, memory: str, command: tuple[str, ...]) -> None:
    """Run a command in a guest; the exit status is the command's."""
    try:
        done = run(command, timeout=timeout, memory=memory)
    except LabError as error:
        raise click.ClickException(str(error)) from None
    click.echo(done.output, nl=False)
    sys.exit(done.status)


if __name__ == "__main__":
    main()
