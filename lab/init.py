"""The first process of a node: its own file system, then its program.

Run as ``unshare --mount --uts --pid --fork ... init.py SPEC`` in the node's network
namespace. The node sees the machine's file system through an overlay of its own: what
it writes is gone with it. /run and /tmp are empty, binds stand on top.

What becomes of it is written to the file ``state`` beside SPEC: ``created`` (where
there is no program), ``running PID``, ``restarting STATUS``, ``running PID STATUS``, or
``failed WHAT REASON``. A program that ends is started again, as containerlab has it of
kind linux; STATUS is what it ended with.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import FrameType
from typing import TypedDict

GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL, as a container's engine has it."""
LONGEST_BACKOFF = 5.0


class Spec(TypedDict):
    """What a node is to be."""

    root: str
    """The file system that it sees."""
    hostname: str
    hosts: str
    mounts: list[str]
    """What a node of this runner needs, at the same places as on the machine."""
    binds: list[tuple[str | None, str, str]]
    """What the topology file asks for, on top of all else: source (None: an empty
    directory), target, and ``ro`` or ``rw``."""
    programs: dict[str, str]
    """Names below /usr/local/bin, and the programs that they stand for."""
    argv: list[str]
    """Empty: a node that only waits for commands."""


class Failure(Exception):  # noqa: N818 - it is the user's, not this program's
    """Something that the topology file asks for cannot be had.

    The text is what (``program`` or ``bind-N``), and the reason.
    """


def mount(*words: str) -> None:
    """Call the program of that name."""
    done = subprocess.run(
        ["mount", *words], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise OSError(done.stderr.strip())


def within(root: Path, target: str) -> Path:
    """Return a path below another root, following links as they are seen there."""
    found = PurePosixPath("/")
    todo = list(PurePosixPath(target).parts[1:])
    for _ in range(1000):
        if not todo:
            break
        part = todo.pop(0)
        if part == "..":
            found = found.parent
            continue
        here = root / found.relative_to("/") / part
        if here.is_symlink():
            link = PurePosixPath(here.readlink())
            todo = [each for each in link.parts if each != "/"] + todo
            found = PurePosixPath("/") if link.is_absolute() else found
        else:
            found /= part
    return root / found.relative_to("/")


def build_root(directory: Path, spec: Spec) -> Path:
    """Mount the node's file system below a directory; returns its root."""
    mount("-t", "tmpfs", "-o", "mode=755", "node", str(directory))
    upper, work, root = (directory / name for name in ("upper", "work", "root"))
    for path in (upper, work, root):
        path.mkdir()
    layers = f"lowerdir={spec['root']},upperdir={upper},workdir={work}"
    mount("-t", "overlay", "overlay", "-o", layers, str(root))
    for name in ("run", "tmp"):
        (root / name).mkdir(exist_ok=True)
        mount("-t", "tmpfs", "-o", "mode=1777", name, str(root / name))
    for name in ("lock", "frr"):
        (root / "run" / name).mkdir()
    # By the numbers that this user has there; it may be in no such root.
    subprocess.run(
        ["chroot", str(root), "chown", "frr:frr", "/run/frr"],
        stderr=subprocess.DEVNULL,
        check=False,
    )
    mount("-t", "proc", "proc", str(root / "proc"))
    mount("-t", "sysfs", "sysfs", str(root / "sys"))
    mount("--rbind", "/dev", str(root / "dev"))
    for point in spec["mounts"]:
        bind(root, point, point)
    local = root / "usr/local/bin"
    local.mkdir(parents=True, exist_ok=True)
    for name, program in spec["programs"].items():
        (local / name).unlink(missing_ok=True)
        (local / name).symlink_to(program)
    (root / "etc/hostname").write_text(spec["hostname"] + "\n")
    (root / "etc/hosts").write_text(spec["hosts"])
    # Only now: what is bound is the user's, and is not written to.
    for number, each in enumerate(spec["binds"]):
        try:
            bind(root, *each)
        except OSError as error:
            raise Failure(f"bind-{number} {error}") from None
    return root


def bind(root: Path, source: str | None, place: str, mode: str = "rw") -> None:
    """Put a file or directory of the machine into the node."""
    target = within(root, place)
    if source is None or Path(source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            # As an engine does it, also where it is within what else is bound.
            target.touch()
    if source is not None:
        mount("--bind", source, str(target))
    if source is not None and mode == "ro":
        mount("-o", "remount,bind,ro", str(target))


def enter(root: Path) -> None:
    """Make this the root, and let go of the machine's."""
    old = root / "mnt"
    subprocess.run(["pivot_root", str(root), str(old)], check=True)
    os.chdir("/")
    # Lazily: other labs' namespaces are mounted below the old root, and would be
    # held there for as long as this node lives.
    subprocess.run(["umount", "--lazy", "/mnt"], check=True)


def run(argv: list[str], tell: Callable[[str], None]) -> None:
    """Run the program, again and again, and reap what is orphaned; for ever."""
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
            raise Failure(f"program {reason}") from None
        tell(f"running {pid}{ended}")
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


def end(_signal: int, _frame: FrameType | None) -> None:
    """End everything; all others of this PID namespace end with its first process."""
    deadline = time.monotonic() + GRACE
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGTERM)
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.01)
        except ChildProcessError:
            break
    os._exit(0)


def main() -> int:
    """Become the node that a file describes."""
    path = Path(sys.argv[1])
    spec: Spec = json.loads(path.read_text())
    state = os.open(path.with_name("state"), os.O_WRONLY | os.O_CREAT, 0o644)

    def tell(text: str) -> None:
        os.ftruncate(state, 0)
        os.pwrite(state, text.encode(), 0)

    socket.sethostname(spec["hostname"])
    directory = path.with_name("fs")
    directory.mkdir()
    try:
        enter(build_root(directory, spec))
        signal.signal(signal.SIGTERM, end)
        run(spec["argv"], tell)
    except Failure as failure:
        tell(f"failed {failure}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
