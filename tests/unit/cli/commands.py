"""Command lines of evpnd as processes that start at once.

A process that has imported evpnd forks one for each command. The command has
descriptors, environment, working directory and exit status of its own, and ends as
Python ends, but it takes milliseconds instead of half a second. What a test says of
the start itself, of imports or of signals needs a process that begins anew.
"""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

MODULES = (
    *("run", "check", "schema", "plan", "reload", "show", "explain", "clear", "doctor"),
    *("policy", "terminal", "web"),
)
PATIENCE = 60.0
CLOSED = -1
"""In place of a descriptor: the command has none, as after ``>&-``."""


class Command:
    """A command that runs."""

    def __init__(
        self,
        *words: str,
        stdout: int,
        stderr: int,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start it; standard input is that of the tests."""
        given = (stdout, stderr)
        request = {
            "words": words,
            "open": [number for number, each in enumerate(given, 1) if each != CLOSED],
            "env": dict(os.environ if env is None else env),
            "cwd": str(cwd or Path.cwd()),
        }
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.settimeout(PATIENCE)
        self._connection.connect(_server())
        socket.send_fds(
            self._connection,
            [json.dumps(request).encode()],
            [each for each in given if each != CLOSED],
        )

    def wait(self) -> int:
        """Return its exit status; negative for a signal."""
        with self._connection:
            return os.waitstatus_to_exitcode(int(self._connection.recv(100)))


def evpnd(
    *words: str,
    stdout: int | None = None,
    stderr: int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run a command line of evpnd; without a descriptor, its output is returned."""
    ours, theirs = zip(*(os.pipe() for _ in range(2)), strict=True)
    out, err = (
        pipe if given is None else given
        for pipe, given in zip(theirs, (stdout, stderr), strict=True)
    )
    command = Command(*words, stdout=out, stderr=err, env=env, cwd=cwd)
    for each in theirs:
        os.close(each)
    said = _read(*ours)
    return subprocess.CompletedProcess(words, command.wait(), *said)


def _read(*descriptors: int) -> list[str]:
    said = dict.fromkeys(descriptors, b"")
    going = list(descriptors)
    while going:
        ready, _, _ = select.select(going, [], [], PATIENCE)
        assert ready, "the command neither says anything nor ends"
        for each in ready:
            piece = os.read(each, 1 << 16)
            said[each] += piece
            if not piece:
                os.close(each)
                going.remove(each)
    return [each.decode() for each in said.values()]


@cache
def _server() -> str:
    """Start the process that forks commands, once for all tests of a worker."""
    path = Path(tempfile.mkdtemp(prefix="evpnd-commands-"), "s")
    argv = [sys.executable, "-m", __name__, str(path)]
    server = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdout.readline()

    def end() -> None:
        with server:  # its standard input ends, and so does it
            path.unlink()
            path.parent.rmdir()

    atexit.register(end)
    return str(path)


def _serve(path: str) -> None:
    """Fork a process for each connection, until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # leaves no zombies
    for name in MODULES:
        importlib.import_module(f"evpnd.cli.{name}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        os.write(1, b"\n")
        gc.freeze()
        while True:
            ready, _, _ = select.select([listener, 0], [], [])
            if listener not in ready:
                return
            connection, _ = listener.accept()
            if not os.fork():
                break
            connection.close()
    _be_asked(connection)


def _be_asked(connection: socket.socket) -> None:
    """Fork the command, and tell how it ended."""
    octets, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 2)
    request = json.loads(octets)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if not child:
        connection.close()
        _become(request, descriptors)
        return
    for each in descriptors:
        os.close(each)
    _, status = os.waitpid(child, 0)
    connection.send(str(status).encode())
    os._exit(0)


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    """Be the command; its end is that of this process."""
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    for number in (1, 2):
        os.close(number)
    streams: dict[int, Any] = {1: None, 2: None}
    for number, given in zip(request["open"], descriptors, strict=True):
        os.dup2(given, number)
        os.close(given)
        streams[number] = open(  # noqa: SIM115
            number,
            "w",
            encoding="utf-8",
            errors="strict" if number == 1 else "backslashreplace",
            buffering=1 if number == 2 or os.isatty(number) else -1,
            closefd=False,
        )
    sys.stdout = sys.__stdout__ = streams[1]  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = streams[2]  # type: ignore[misc]
    sys.argv = ["evpnd", *request["words"]]
    importlib.import_module("evpnd.cli.main").main()


if __name__ == "__main__":
    _serve(sys.argv[1])
