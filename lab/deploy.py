"""Bringing a lab up: each node goes through containerlab's stages."""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

from lab import init, reader
from lab.commands import with_lines
from lab.health import START, Health
from lab.images import Image, find
from lab.interrupts import undisturbed
from lab.lab_files import make_lab_files
from lab.links import Cabling
from lab.model import (
    CONTAINERS,
    FRR_KINDS,
    Node,
    Stage,
    Topology,
)
from lab.netns import LabError, inside, is_running
from lab.patience import Aborted, Patience, Word
from lab.place import Place
from lab.program import (
    environment_of,
    ordered_binds,
    program_setting,
    specification,
)
from lab.support import image_of
from lab.waits import linked_before_commands

_LOG_MODE = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_FORWARDING = {"net.ipv4.ip_forward": "1"}
"""A container's namespace takes this from the machine, where a container engine sets
it: topologies count on it."""
_OF_LINUX = {"net.ipv6.conf.all.disable_ipv6": "0"}
_OF_FRR = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}
"""What containerlab sets of a kind, whatever the file says."""


def removed_meanwhile(place: Place) -> LabError:
    """Say that somebody removed a lab that comes up."""
    return LabError(f"lab {place.name} was removed while it came up")


class Deployment:
    """One lab on its way up."""

    def __init__(
        self, topology: Topology, images: list[Image], say: Callable[[str], None]
    ) -> None:
        """Prepare; ``say`` gets lines about what happens."""
        self._topology = topology
        self._images = images
        self._patience = Patience(say)
        self._say = self._patience.say
        self.place = Place(topology.name)
        self._health = Health(topology, self.place, images, self._patience)
        self.failed_commands: list[str] = []
        self._done = {
            (node, stage): threading.Event()
            for node in topology.nodes
            for stage in Stage
        }
        self._waited = {
            (wait.node, wait.stage)
            for node in topology.nodes.values()
            for wait in node.wait_for
        }

    def up(self) -> None:
        """Make all of it; removes what was made where that fails."""
        self.place.claim()
        try:
            self.place.create(
                {node.name: self._namespace(node) for node in self._nodes()},
                [node.name for node in self._nodes() if node.kind not in CONTAINERS],
                self._topology.path,
            )
            self._cabling = Cabling(self._topology, self.place)
            addresses = self._cabling.addresses
            make_lab_files(self._topology, addresses, self.place.directory)
            self._each(self._run)
            self._each(self._exec_at_last)
            self._each(self._health.get_answer)
        except BaseException as error:
            gone = not self.place.stays()
            with undisturbed():
                self._patience.end()
                self.remove()
            if gone and isinstance(error, LabError | OSError):
                # Whatever it was that could not be done any more.
                raise removed_meanwhile(self.place) from None
            raise

    def remove(self) -> None:
        """Take it down again, and say so: it may take some seconds."""
        with undisturbed():
            # Also where nobody listens any more: a terminal that was closed.
            with contextlib.suppress(OSError):
                self._say(f"removing lab {self.place.name} ...")
            self.place.remove()
            with contextlib.suppress(OSError):
                self._say(f"lab {self.place.name} is removed")

    def _nodes(self) -> Iterable[Node]:
        return self._topology.nodes.values()

    def _namespace(self, node: Node) -> str:
        home = self._topology.home(node.name)
        return self.place.host if home is None else self._topology.namespace(home)

    def _each(self, step: Callable[[Node], None]) -> None:
        """Do a step for all nodes at once; the first error ends the others."""
        with ThreadPoolExecutor(len(self._topology.nodes) or 1) as pool:
            futures: list[Future[None]] = []
            try:
                futures += [pool.submit(step, node) for node in self._nodes()]
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            except BaseException:
                self._patience.end()
                raise
            if any(future.exception() for future in done):
                self._patience.end()
        found = [error for future in futures if (error := future.exception())]
        for error in found:
            if not isinstance(error, Aborted):
                raise error

    def _run(self, node: Node) -> None:
        """Take a node through its stages."""
        self._patience.sleep(float(node.text("startup-delay", "0")))
        steps = {
            Stage.CREATE: self._create,
            Stage.CREATE_LINKS: lambda each: self._cabling.attach(each.name),
            Stage.CONFIGURE: self._configure,
            Stage.HEALTHY: self._get_healthy,
            Stage.EXIT: self._exit,
        }
        for stage, step in steps.items():
            for waiting in node.wait_for:
                if waiting.before is stage:
                    done = self._done[waiting.node, waiting.stage]
                    what = f"stage {waiting.stage.value} of {waiting.node}"
                    self._patience.until(done.is_set, f"{node.name} waits for {what}")
            self._stage_exec(node, stage, on_exit=False)
            step(node)
            self._stage_exec(node, stage, on_exit=True)
            self._done[node.name, stage].set()

    def _configure(self, node: Node) -> None:
        self._health.get_ready(node)
        if (node.name, Stage.CONFIGURE) not in self._waited:
            return
        for other in linked_before_commands(self._topology.nodes):
            done = self._done[other, Stage.CREATE_LINKS]
            self._patience.until(
                done.is_set, f"{node.name} waits for the links of {other}"
            )
        self._exec(node)

    def _exec_at_last(self, node: Node) -> None:
        """Run commands where nobody waits for them: all nodes and links are there."""
        if (node.name, Stage.CONFIGURE) not in self._waited:
            self._exec(node)

    def _exec(self, node: Node) -> None:
        for command in node.exec:
            self._command(node, command)

    def _create(self, node: Node) -> None:
        if node.kind not in CONTAINERS:
            return
        own = _OF_FRR if node.kind in FRR_KINDS else _OF_LINUX
        # `all` writes every other one as well: what is the user's comes after it.
        self._set(node, _FORWARDING | own | node.sysctls | own)
        if node.is_managed:
            self._cabling.manage(node.name)
        directory = self.place.directory / node.name
        directory.mkdir()
        image = find(self._images, image_of(node))
        assert image is not None
        hosts = self._cabling.hosts()
        spec = specification(self._topology, node, image, directory, hosts)
        (directory / "spec.json").write_text(json.dumps(spec))
        self._start(node, directory)
        if node.healthcheck is None:
            node.healthcheck = image.healthcheck
        self._say(f"{node.name}: {image.title}")

    def _set(self, node: Node, sysctls: dict[str, str]) -> None:
        with inside(self.place.namespace(node.name)):
            for name, value in sysctls.items():
                try:
                    Path("/proc/sys", name.replace(".", "/")).write_text(value + "\n")
                except OSError as error:
                    key = node.sysctl_keys.get(name, node.key)
                    text = f"{value!r} cannot be set: {error.strerror}"
                    raise self._topology.failure(key, text) from None

    def _start(self, node: Node, directory: Path) -> None:
        where = f"--net=/run/netns/{self.place.namespace(node.name)}"
        own = ("--mount", "--uts", "--pid", "--fork", "--kill-child")
        script = [sys.executable, "-I", "-S", init.__file__]
        pid = os.posix_spawnp(
            "nsenter",
            ["nsenter", where, "unshare", *own, *script, str(directory / "spec.json")],
            environment_of(self._topology, node),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(directory / "log"), _LOG_MODE, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        (directory / "unshare.pid").write_text(f"{pid}\n")
        deadline = time.monotonic() + START
        while not self._is_created(node, pid):
            self._patience.sleep(0.01)
            if time.monotonic() > deadline:
                text = f"is not created within {START:g} s"
                raise self._topology.failure(node.key, text)

    def _is_created(self, node: Node, pid: int) -> bool:
        # In this order: what failed says so, and then ends.
        alive, state = is_running(pid), self.place.state(node.name)
        if state.startswith("failed "):
            _, what, reason = state.split(" ", 2)
            key = node.origin(program_setting(node))
            if what.startswith("bind-"):
                key = ordered_binds(node)[int(what.removeprefix("bind-"))].key
            raise self._topology.failure(key, f"{node.name}: {reason}")
        if not alive:
            log = self.place.log(node.name)
            raise self._topology.failure(node.key, f"{node.name} ended:\n{log}")
        return bool(state)

    def _stage_exec(self, node: Node, stage: Stage, *, on_exit: bool) -> None:
        for each in node.stage_exec:
            if each.stage is stage and each.on_exit == on_exit:
                self._command(node, each.command, on_host=each.on_host)

    def _command(self, node: Node, command: str, *, on_host: bool = False) -> None:
        """Run a command; as containerlab does, go on where it fails, and say so."""
        argv = reader.split_command(command)
        word = Word(self._say, f"{node.name} still runs {command}")

        def give_up(seconds: float) -> bool:
            word.at(seconds)
            return self._patience.is_over

        if on_host:
            done = self.place.execute_on_machine(argv, give_up)
        else:
            done = self.place.execute_until(node.name, argv, give_up)
        if done is None:
            raise Aborted
        printed = done.stdout + done.stderr
        if done.returncode != 0:
            text = (
                f"{node.name}: {command}: status {done.returncode}: {printed.strip()}"
            )
            self.failed_commands.append(text)
            self._say(f"FAILED  {text}")
        elif printed.strip():
            self._say(with_lines(f"{node.name}: {command}", printed))

    def _get_healthy(self, node: Node) -> None:
        if (node.name, Stage.HEALTHY) in self._waited:
            self._health.get_healthy(node)

    def _exit(self, node: Node) -> None:
        if (node.name, Stage.EXIT) in self._waited:
            self._patience.until(
                lambda: self.place.state(node.name).startswith("exited"),
                f"{node.name} still runs, and others wait for its end",
            )
