"""Bringing a lab up: each node goes through containerlab's stages."""

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

from integration.clab import init, reader
from integration.clab.images import Image, find, programs
from integration.clab.links import Cabling
from integration.clab.model import Bind, Healthcheck, Node, Stage, Topology
from integration.clab.place import PATH, Place
from integration.clab.support import CONTAINERS, FRR_KINDS, image_of, startup_file
from integration.lab_netns import LabError, inside, is_running, wait_until

CHECKOUT = Path(__file__).parents[2]
START = 30.0
"""Seconds that a node may take on a busy machine until its file system is there."""
_KERNEL = ("/proc", "/sys", "/dev", "/run", "/tmp", "/boot")
_LOG_MODE = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_FORWARDING = {"net.ipv4.ip_forward": "1"}
"""A container's namespace takes this from the machine, where a container engine sets
it: topologies count on it."""
_FORWARDING_SIX = {"net.ipv6.conf.all.forwarding": "1"}
"""containerlab's own kind of FRR sets it."""


class Aborted(Exception):  # noqa: N818 - it is no error of its own
    """Another node failed."""


class Deployment:
    """One lab on its way up."""

    def __init__(
        self, topology: Topology, images: list[Image], say: Callable[[str], None]
    ) -> None:
        """Prepare; ``say`` gets lines about what happens."""
        self._topology = topology
        self._images = images
        self._say = say
        self.place = Place(topology.name)
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
        self._abort = threading.Event()

    def up(self) -> None:
        """Make all of it; removes what was made where that fails."""
        if self.place.exists():
            raise LabError(f"lab {self.place.name} is there already; `down` removes it")
        try:
            self.place.create(
                {node.name: self._namespace(node) for node in self._nodes()},
                self._topology.path,
            )
            self._cabling = Cabling(self._topology, self.place)
            self._run_nodes()
        except BaseException:
            self._abort.set()
            self.place.remove()
            raise

    def _nodes(self) -> Iterable[Node]:
        return self._topology.nodes.values()

    def _namespace(self, node: Node) -> str:
        mode = node.text("network-mode")
        if node.kind not in CONTAINERS or mode == "host":
            return self.place.host
        name = mode.removeprefix("container:")
        return self._topology.namespace(node.name if name == mode else name)

    def _run_nodes(self) -> None:
        with ThreadPoolExecutor(len(self._topology.nodes) or 1) as pool:
            futures: list[Future[None]] = []
            try:
                futures += [pool.submit(self._run, node) for node in self._nodes()]
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            except BaseException:
                self._abort.set()
                raise
            if any(future.exception() for future in done):
                self._abort.set()
        found = [error for future in futures if (error := future.exception())]
        for error in found:
            if not isinstance(error, Aborted):
                raise error

    def _run(self, node: Node) -> None:
        """Take a node through its stages."""
        self._sleep(float(node.text("startup-delay", "0")))
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
                    self._await(self._done[waiting.node, waiting.stage].is_set)
            self._stage_exec(node, stage, on_exit=False)
            step(node)
            self._stage_exec(node, stage, on_exit=True)
            self._done[node.name, stage].set()

    def _sleep(self, seconds: float) -> None:
        if self._abort.wait(seconds):
            raise Aborted

    def _await(self, holds: Callable[[], bool], interval: float = 0.05) -> None:
        while not holds():
            self._sleep(interval)

    def _create(self, node: Node) -> None:
        if node.kind not in CONTAINERS:
            return
        six = _FORWARDING_SIX if node.kind in FRR_KINDS else {}
        self._set(node, _FORWARDING | six | node.sysctls)
        if node.text("network-mode", "bridge") == "bridge":
            self._cabling.manage(node.name)
        directory = self.place.directory / node.name
        directory.mkdir()
        image = find(self._images, image_of(node))
        assert image is not None
        spec = self._spec(node, image, directory)
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
                    raise LabError(
                        f"{node.name}: sysctl {name}={value}: {error.strerror}"
                    ) from None

    def _start(self, node: Node, directory: Path) -> None:
        where = f"--net=/run/netns/{self.place.namespace(node.name)}"
        own = ("--mount", "--uts", "--pid", "--fork", "--kill-child")
        script = [sys.executable, "-I", "-S", init.__file__]
        pid = os.posix_spawnp(
            "nsenter",
            ["nsenter", where, "unshare", *own, *script, str(directory / "spec.json")],
            self._environment(node),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(directory / "log"), _LOG_MODE, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        (directory / "unshare.pid").write_text(f"{pid}\n")

        def created() -> bool:
            if not is_running(pid):
                raise LabError(f"{node.name} ended:\n{self.place.log(node.name)}")
            return bool(self.place.state(node.name))

        wait_until(created, START, f"{node.name} created", interval=0.01)

    def _environment(self, node: Node) -> dict[str, str]:
        labels = {
            "CLAB_LABEL_" + name.upper().replace("-", "_"): value
            for name, value in node.labels.items()
        }
        own = {
            "PATH": PATH,
            "HOME": "/root",
            "HOSTNAME": node.name,
            "CLAB_INTFS": str(
                sum(
                    end.node == node.name
                    for link in self._topology.links
                    for end in link.endpoints
                )
            ),
        }
        return own | labels | node.env

    def _spec(self, node: Node, image: Image, directory: Path) -> init.Spec:
        entrypoint = node.text("entrypoint")
        cmd = node.text("cmd")
        # As with an engine: a new entrypoint does away with the image's arguments.
        argv = shlex.split(entrypoint) or list(image.entrypoint)
        argv += shlex.split(cmd) or ([] if entrypoint else list(image.cmd))
        default = "always" if node.kind == "linux" else "no"
        return {
            "hostname": node.name,
            "hosts": self._cabling.hosts(),
            "mounts": [
                *_file_systems(),
                _mount(str(CHECKOUT)),
                *(_mount(prefix) for prefix in _interpreters()),
                *self._frr_files(node, directory),
            ],
            # A directory before what is bound below it, as an engine does.
            "binds": [
                _mount_of(bind)
                for bind in sorted(node.binds, key=lambda each: _depth(each.target))
            ],
            "programs": programs(),
            "argv": argv,
            "restart": node.text("restart-policy", default),
        }

    def _frr_files(self, node: Node, directory: Path) -> list[init.Mount]:
        """Write what containerlab's own kind of FRR puts into /etc/frr."""
        if node.kind not in FRR_KINDS:
            return []
        config = node.text("startup-config")
        if config and "\n" not in config:
            config = startup_file(self._topology, node).read_text()
        extras = node.settings.get("extras")
        own = extras.get("frr") if isinstance(extras, dict) else None
        wanted = own.get("daemons") if isinstance(own, dict) else None
        listed = wanted if isinstance(wanted, list) else _FRR_DAEMONS
        daemons = "".join(f"{name}=yes\n" for name in listed)
        options = '_options=" -A 127.0.0.1"\n'
        daemons += "".join(f"{name}{options}" for name in ("zebra", *listed))
        files = {
            "frr.conf": config or "frr defaults traditional\nlog stdout\n",
            "daemons": "vtysh_enable=yes\n" + daemons,
            "vtysh.conf": "service integrated-vtysh-config\n",
        }
        for name, text in files.items():
            (directory / name).write_text(text)
        return [_mount(str(directory / name), f"/etc/frr/{name}") for name in files]

    def _stage_exec(self, node: Node, stage: Stage, *, on_exit: bool) -> None:
        for each in node.stage_exec:
            if each.stage is stage and each.on_exit == on_exit:
                self._command(node, each.command, on_host=each.on_host)

    def _configure(self, node: Node) -> None:
        for command in node.exec:
            self._command(node, command, on_host=False)

    def _command(self, node: Node, command: str, *, on_host: bool) -> None:
        """Run a command; as containerlab does, go on where it fails, and say so."""
        if self._abort.is_set():
            raise Aborted
        argv = reader.split_command(command)
        if on_host:
            done = subprocess.run(
                ["ip", "netns", "exec", self.place.host, *argv],
                capture_output=True,
                text=True,
                check=False,
            )
        else:
            done = self.place.execute(node.name, argv)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            text = f"{node.name}: {command}: status {done.returncode}: {said}"
            self.failed_commands.append(text)
            self._say(f"FAILED  {text}")

    def _get_healthy(self, node: Node) -> None:
        if (node.name, Stage.HEALTHY) not in self._waited:
            return
        check = node.healthcheck
        assert check is not None
        self._sleep(check.start_period)
        deadline = time.monotonic() + START + check.retries * check.interval
        while not self._is_healthy(node, check):
            if time.monotonic() > deadline:
                raise LabError(
                    f"{node.name} does not get healthy: {' '.join(check.argv)}\n"
                    + self.place.log(node.name)
                )
            self._sleep(min(check.interval, 1))

    def _is_healthy(self, node: Node, check: Healthcheck) -> bool:
        return self.place.execute(node.name, check.argv).returncode == 0

    def _exit(self, node: Node) -> None:
        if (node.name, Stage.EXIT) in self._waited:
            self._await(lambda: self.place.state(node.name).startswith("exited"))


_FRR_DAEMONS = (
    *("bgpd", "ospfd", "ospf6d", "ripd", "ripngd", "isisd", "pimd", "pim6d", "ldpd"),
    *("nhrpd", "eigrpd", "babeld", "pbrd", "bfdd", "fabricd", "vrrpd", "pathd"),
)


def _mount(source: str, target: str = "", *, read_only: bool = False) -> init.Mount:
    return {"source": source, "target": target or source, "read_only": read_only}


def _depth(path: str) -> int:
    return len(Path(path).parts)


def _mount_of(bind: Bind) -> init.Mount:
    source = str(bind.source) if bind.source is not None else None
    return {"source": source, "target": bind.target, "read_only": bind.read_only}


def _interpreters() -> list[str]:
    """Find the trees of this Python that a node would not see by itself."""
    found = {str(Path(prefix).resolve()) for prefix in (sys.prefix, sys.base_prefix)}
    return sorted(path for path in found if path.startswith(("/tmp/", "/run/")))


def _file_systems() -> list[init.Mount]:
    """List the machine's other file systems, /home and the like."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        point, source = words[4], words[words.index("-") + 2]
        below = any(point == top or point.startswith(top + "/") for top in _KERNEL)
        if point != "/" and not below and source.startswith("/") and "\\" not in point:
            found.append(_mount(point))
    return found
