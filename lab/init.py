"""The first process of a node: its own file system, then its program.

Run as ``unshare --mount --uts --pid --fork ... init.py SPEC`` in the node's network
namespace. The node sees the machine's file system through an overlay of its own: what
it writes is gone with it. /run and /tmp are empty, binds stand on top.

Its pid, as the machine has it, is written to the file ``pid`` beside SPEC, and what
becomes of it to ``state``: ``created`` (where there is no program), ``running``,
``restarting STATUS``, ``running STATUS``, or ``failed: REASON``. A program that ends is
started again, as containerlab has it of kind linux; STATUS is what it ended with.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

LONGEST_BACKOFF = 5.0
MACHINE = Path("/run/machine")
"""Where the machine's own root is until all that a node has of it is mounted."""


class Spec(TypedDict):
    """What a node is to be."""

    root: str
    """The file system that it sees."""
    hostname: str
    hosts: str
    mounts: list[str]
    """What a node of this runner needs, at the same places as on the machine."""
    binds: list[tuple[str | None, str, str, str]]
    """What the topology file asks for, on top of all else: source (None: an empty
    directory), target, ``ro`` or ``rw``, and the line that asks for it."""
    programs: dict[str, str]
    """Names below /usr/local/bin, and the programs that they stand for."""
    argv: list[str]
    """Empty: a node that only waits for commands."""
    origin: str
    """The line that asks for the program."""


class Failure(Exception):  # noqa: N818 - it is the user's, not this program's
    """Something that the topology file asks for cannot be had; with its line."""


def mount(*words: str | Path) -> None:
    """Call the program of that name."""
    done = subprocess.run(
        ["mount", *words], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise OSError(done.stderr.strip())


def enter_root(directory: Path, lower: str) -> None:
    """Make the overlay the root; the machine's own is at MACHINE then."""
    mount("-t", "tmpfs", "-o", "mode=755", "node", directory)
    upper, work, root = (directory / name for name in ("upper", "work", "root"))
    for path in (upper, work, root):
        path.mkdir()
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    mount("-t", "overlay", "overlay", "-o", layers, root)
    for name in ("run", "tmp"):
        (root / name).mkdir(exist_ok=True)
        mount("-t", "tmpfs", "-o", "mode=1777", name, root / name)
    old = root / MACHINE.relative_to("/")
    old.mkdir()
    subprocess.run(["pivot_root", root, old], check=True)
    os.chdir("/")


def fill_root(spec: Spec) -> None:
    """Mount and write what a node has, and let go of the machine's root."""
    mount("-t", "proc", "proc", "/proc")
    mount("-t", "sysfs", "sysfs", "/sys")
    mount("--rbind", MACHINE / "dev", "/dev")
    for name in ("lock", "frr"):
        Path("/run", name).mkdir()
    # There may be no such user.
    subprocess.run(
        ["chown", "frr:frr", "/run/frr"], stderr=subprocess.DEVNULL, check=False
    )
    for point in spec["mounts"]:
        bind(point, point)
    local = Path("/usr/local/bin")
    local.mkdir(parents=True, exist_ok=True)
    for name, program in spec["programs"].items():
        (local / name).unlink(missing_ok=True)
        (local / name).symlink_to(program)
    Path("/etc/hostname").write_text(spec["hostname"] + "\n")
    Path("/etc/hosts").write_text(spec["hosts"])
    # Only now: what is bound is the user's, and is not written to.
    for source, target, mode, origin in spec["binds"]:
        try:
            bind(source, target, mode)
        except OSError as error:
            raise Failure(f"{origin}: {error}") from None
    # Lazily: other labs' namespaces are mounted below the old root, and would be
    # held there for as long as this node lives.
    subprocess.run(["umount", "--lazy", MACHINE], check=True)
    MACHINE.rmdir()


def bind(source: str | None, place: str, mode: str = "rw") -> None:
    """Put a file or directory of the machine into the node."""
    target = Path(place).resolve()
    if source is None:
        target.mkdir(parents=True, exist_ok=True)
        return
    found = MACHINE / source.lstrip("/")
    if found.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        # As an engine does it, also where it is within what else is bound.
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount("--bind", found, target)
    if mode == "ro":
        mount("-o", "remount,bind,ro", target)


def run(spec: Spec, tell: Callable[[str], None]) -> None:
    """Run the program, again and again, and reap what is orphaned; for ever."""
    argv = spec["argv"]
    if not argv:
        tell("created")
        wait_for(0)
    # Nobody types there; but a shell waits, where at the end of a file it ends.
    _keyboard, terminal = os.openpty()
    backoff, ended = 0.1, ""
    while True:
        try:
            pid = os.posix_spawnp(
                argv[0],
                argv,
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, terminal, 0)],
                setsid=True,
                # Python ignores these itself, which programs would inherit.
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
            )
        except OSError as error:
            reason = f"{argv[0]} cannot be started: {error.strerror}"
            raise Failure(f"{spec['origin']}: {reason}") from None
        tell(f"running{ended}")
        started = time.monotonic()
        ended = f" {wait_for(pid)}"
        tell(f"restarting{ended}")
        if time.monotonic() - started > 10:
            backoff = 0.1
        time.sleep(backoff)
        backoff = min(2 * backoff, LONGEST_BACKOFF)


def wait_for(program: int) -> int:
    """Reap children until one of them ends; returns its status. 0 never ends."""
    while True:
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            signal.pause()
            continue
        if pid == program:
            return os.waitstatus_to_exitcode(status)


def main() -> int:
    """Become the node that a file describes."""
    path = Path(sys.argv[1])
    spec: Spec = json.loads(path.read_text())
    state = os.open(path.with_name("state"), os.O_WRONLY | os.O_CREAT, 0o644)

    def tell(text: str) -> None:
        os.ftruncate(state, 0)
        os.pwrite(state, text.encode(), 0)

    # The machine's /proc is still mounted, and names this process by the machine's pid.
    path.with_name("pid").write_text(str(Path("/proc/self").readlink()))
    socket.sethostname(spec["hostname"])
    directory = path.with_name("fs")
    directory.mkdir()
    enter_root(directory, spec["root"])
    try:
        fill_root(spec)
        run(spec, tell)
    except Failure as failure:
        tell(f"failed: {failure}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
