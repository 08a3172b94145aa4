"""Bringing a lab up: namespaces, links, nodes, then their commands."""

import contextlib
import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

from lab import init
from lab.commands import with_lines
from lab.health import Health
from lab.interrupts import undisturbed
from lab.links import connect
from lab.model import Node, Topology
from lab.netns import LabError, inside, is_running
from lab.place import Place, need_root
from lab.program import environment_of, specification

_START = 30.0
"""Seconds that a node may take on a busy machine until it is there."""
_LOG_MODE = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_FORWARDING = {"net.ipv4.ip_forward": "1"}
"""A container's namespace takes this from the machine, where a container engine sets
it: topologies count on it."""
_OF_LINUX = {"net.ipv6.conf.all.disable_ipv6": "0"}
"""What containerlab sets of kind linux, whatever the file says."""


class Aborted(Exception):  # noqa: N818 - it is no error of its own
    """Another node failed."""


def deploy(topology: Topology, *, strict: bool, say: Callable[[str], None]) -> Place:
    """Bring a lab up that was loaded; removes what was made where that fails.

    With ``strict``, a command that fails is an error. ``say`` prints lines about what
    happens.
    """
    need_root()
    start = time.monotonic()
    deployment = _Deployment(topology, say)
    place = deployment.place
    place.claim()
    try:
        deployment.up(strict=strict)
    except BaseException as error:
        gone = not place.stays()
        deployment.remove()
        if gone and isinstance(error, LabError | OSError):
            # Whatever it was that could not be done any more.
            text = f"lab {place.name} was removed while it came up"
            raise LabError(text) from None
        raise
    say(f"lab {topology.name} is up ({time.monotonic() - start:.1f} s)")
    return place


class _Deployment:
    """One lab on its way up."""

    def __init__(self, topology: Topology, say: Callable[[str], None]) -> None:
        self._topology = topology
        self._saying = threading.Lock()
        self._say_line = say
        self._over = threading.Event()
        """Set: nobody is to wait any longer."""
        self.place = Place(topology.name)
        self._health = Health(self.place, self._over, self._say)
        self._failed_commands: list[str] = []

    def _say(self, text: str) -> None:
        """Print lines as a whole, whatever other threads print."""
        with self._saying:
            self._say_line(text)

    def up(self, *, strict: bool) -> None:
        """Make all of it."""
        nodes = self._topology.nodes
        self.place.create({name: self._topology.namespace(name) for name in nodes})
        for node in nodes.values():
            self._set_sysctls(node)
        connect(self._topology, self.place)
        self._each(self._start)
        self._each(self._exec)
        if strict and self._failed_commands:
            raise LabError("\n".join(self._failed_commands))
        self._each(self._health.get_answer)
        if not self.place.stays():
            raise LabError

    def remove(self) -> None:
        """Remove it again, and report it: it may take some seconds."""
        self._over.set()
        with undisturbed():
            # Also where nobody listens any more: a terminal that was closed.
            with contextlib.suppress(OSError):
                self._say(f"removing lab {self.place.name} ...")
            self.place.remove()
            with contextlib.suppress(OSError):
                self._say(f"lab {self.place.name} is removed")

    def _each(self, step: Callable[[Node], None]) -> None:
        """Do a step for all nodes at once; the first error ends the others."""
        nodes = self._topology.nodes.values()
        futures: list[Future[None]] = []
        with ThreadPoolExecutor(len(nodes)) as pool:
            try:
                futures += [pool.submit(step, node) for node in nodes]
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            except BaseException:
                self._over.set()
                raise
            if any(future.exception() for future in done):
                self._over.set()
        for future in futures:
            error = future.exception()
            if error is not None and not isinstance(error, Aborted):
                raise error

    def _set_sysctls(self, node: Node) -> None:
        with inside(self.place.namespace(node.name)):
            # `all` writes every other one as well: what is the user's comes after it.
            wanted = _FORWARDING | _OF_LINUX | node.sysctls | _OF_LINUX
            for name, value in wanted.items():
                try:
                    Path("/proc/sys", name.replace(".", "/")).write_text(value + "\n")
                except OSError as error:
                    text = f"{value!r} cannot be set: {error.strerror}"
                    key = node.origin("sysctls", name)
                    raise self._topology.failure(key, text) from None

    def _start(self, node: Node) -> None:
        """Start a node's first process, and wait until it has its file system."""
        assert node.image is not None
        directory = self.place.directory / node.name
        directory.mkdir()
        spec = directory / "spec.json"
        spec.write_text(json.dumps(specification(self._topology, node)))
        where = f"--net=/run/netns/{self.place.namespace(node.name)}"
        own = ("--mount", "--uts", "--pid", "--fork", "--kill-child")
        script = [sys.executable, "-I", "-S", init.__file__]
        pid = os.posix_spawnp(
            "nsenter",
            ["nsenter", where, "unshare", *own, *script, str(spec)],
            environment_of(node),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(directory / "log"), _LOG_MODE, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        deadline = time.monotonic() + _START
        while not self._is_created(node, pid):
            if self._over.wait(0.01):
                raise Aborted
            if time.monotonic() > deadline:
                text = f"is not created within {_START:g} s"
                raise self._topology.failure(node.key, text)
        self._say(f"{node.name}: {node.image.title}")

    def _is_created(self, node: Node, pid: int) -> bool:
        # In this order: what failed says so, and then ends.
        alive, state = is_running(pid), self.place.state(node.name)
        if state.startswith("failed: "):
            raise LabError(state.removeprefix("failed: "))
        if not alive:
            log = self.place.log(node.name)
            raise self._topology.failure(node.key, f"{node.name} ended:\n{log}")
        return bool(state)

    def _exec(self, node: Node) -> None:
        """Run a node's commands; as containerlab does, go on where one fails."""
        self._health.get_ready(node)
        for command in node.exec:
            argv = shlex.split(command)
            done = self.place.execute_until(
                node.name, argv, lambda _: self._over.is_set()
            )
            if done is None:
                raise Aborted
            text, printed = f"{node.name}: {command}", done.stdout + done.stderr
            if done.returncode != 0:
                text += f": status {done.returncode}: {printed.strip()}"
                self._failed_commands.append(text)
                self._say(f"FAILED  {text}")
            elif printed.strip():
                self._say(with_lines(text, printed))
