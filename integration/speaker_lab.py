"""The speaker by itself: two namespaces, a scripted agent instead of the real one."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from evpnd.model.config import PeerConfig
from evpnd.model.ids import Peer
from evpnd.speaker.process.configuration import (
    configuration_text,
    write_configuration,
)
from evpnd.wire.messages import (
    Announce,
    Message,
    Peers,
    Ready,
    Refreshing,
    Unreachable,
    Updates,
)
from evpnd.wire.pipe import Frames, decode, encode
from integration.lab_netns import LabError, ip, is_running, wait_until
from integration.peer import mac_route

PREFIX = f"es{os.getpid():07}"
"""Of the namespaces; two runs at a time do not meet."""
SPEAKER, PEER = f"{PREFIX}-speaker", f"{PREFIX}-peer"
LOCAL4, REMOTE4 = "10.90.0.1", "10.90.0.2"
LOCAL6, REMOTE6 = "fd00:90::1", "fd00:90::2"
ASN = 65000
ATTRIBUTES = bytes.fromhex("4001010040050400000064")
"""Of the routes that `announce` announces: ORIGIN and LOCAL_PREF."""
VTEP = bytes((10, 0, 0, 1))
ORIGIN = bytes.fromhex("40010100")
FRESH = Ready(preserved=False)
NAMES: dict[type, str] = {
    Updates: "update",
    Unreachable: "error",
    Refreshing: "refresh",
}
"""What tests call a message to the agent that has not the name of its type."""

AGENT = """
import os, sys, threading, time

from evpnd.wire.messages import Shutdown
from evpnd.wire.pipe import Frames, decode

directory = sys.argv[1]
asleep = threading.Event()

def obey():
    with open(f"{directory}/commands", "rb+", buffering=0) as commands:
        buffer = b""
        while True:
            buffer += os.read(commands.fileno(), 1 << 16)
            *lines, buffer = buffer.split(b"\\n")
            for line in lines:
                if line == b"!sleep":
                    asleep.set()
                elif line == b"!wake":
                    asleep.clear()
                else:
                    os.write(1, bytes.fromhex(line.decode()))

log = os.open(f"{directory}/heard-{os.getpid()}", os.O_WRONLY | os.O_CREAT, 0o600)
with open(f"{directory}/agents", "a") as agents:
    agents.write(f"{os.getpid()}\\n")
threading.Thread(target=obey, daemon=True).start()
with open(f"{directory}/startup", "rb") as startup:
    os.write(1, startup.read())
frames = Frames()
while True:
    while asleep.is_set():
        time.sleep(0.05)
    octets = os.read(0, 1 << 20)
    if not octets:
        break
    os.write(log, octets)
    if any(isinstance(decode(each), Shutdown) for each in frames.feed(octets)):
        break
"""


def build() -> None:
    """Make the two namespaces and the link between them."""
    ip([f"netns add {SPEAKER}", f"netns add {PEER}"])
    for namespace, device, address4, address6 in (
        (SPEAKER, "es-s", LOCAL4, LOCAL6),
        (PEER, "es-p", REMOTE4, REMOTE6),
    ):
        if namespace == SPEAKER:
            ip([f"link add es-s netns {SPEAKER} type veth peer es-p netns {PEER}"])
        ip(
            [
                "link set lo up",
                f"link set {device} up",
                f"addr add {address4}/24 dev {device}",
                f"addr add {address6}/64 dev {device} nodad",
            ],
            namespace,
        )


def peer(address: str = REMOTE4, **changes: Any) -> PeerConfig:  # noqa: ANN401
    """Configure a peer: iBGP over the link."""
    given: dict[str, Any] = {"asn": ASN, **changes}
    return PeerConfig(address=Peer(address), **given)


def _program(open_wait: int | None) -> list[str]:
    if open_wait is None:
        return ["-m", "evpnd.speaker"]
    code = f"""
from evpnd.speaker.main import SETTINGS
from evpnd.speaker import __main__ as speaker
SETTINGS["bgp"]["openwait"] = {open_wait}
raise SystemExit(speaker.main())
"""
    return ["-c", code]


class SpeakerRun:
    """One ``python -m evpnd.speaker`` with its scripted agent."""

    def __init__(
        self,
        directory: Path,
        peers: Sequence[PeerConfig],
        *,
        router_id: str = "10.0.0.1",
        startup: Sequence[Message] = (FRESH,),
        flush: bool = False,
        namespace: str = SPEAKER,
        asn: int = ASN,
        environment: dict[str, str] | None = None,
        open_wait: int | None = None,
    ) -> None:
        """Start it; `startup` is what every agent says first.

        `open_wait` are the seconds that a peer has for its OPEN, where a test does
        not want to wait for a minute.
        """
        self.directory = directory
        directory.mkdir(exist_ok=True)
        (directory / "agent.py").write_text(AGENT)
        self.start_with(*startup)
        os.mkfifo(directory / "commands")
        command = [sys.executable, str(directory / "agent.py"), str(directory)]
        text = configuration_text(Peers(asn, router_id, tuple(peers)), command)
        self.file = directory / "evpnd.exabgp.conf"
        write_configuration(self.file, text)
        self._log = (directory / "log").open("wb")
        self.process = subprocess.Popen(
            [
                *("ip", "netns", "exec", namespace),
                *(sys.executable, "-P", *_program(open_wait)),
                *(["--flush-on-exit"] if flush else []),
                str(self.file),
            ],
            stdin=subprocess.DEVNULL,
            stderr=self._log,
            env={**os.environ, **(environment or {})},
        )
        self._commands = os.open(directory / "commands", os.O_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it and give the exit status."""
        agents = self.agents()
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(60)
        for agent in agents:
            if is_running(agent):
                os.kill(agent, signal.SIGKILL)
        os.close(self._commands)
        self._log.close()
        return status

    def log(self) -> str:
        """Read what went to stderr."""
        return (self.directory / "log").read_text()

    def agents(self) -> list[int]:
        """List the pids of every agent there was."""
        try:
            return [int(pid) for pid in (self.directory / "agents").read_text().split()]
        except FileNotFoundError:
            return []

    def start_with(self, *messages: Message) -> None:
        """Have every agent from now on say this first."""
        octets = b"".join(map(encode, messages))
        (self.directory / "startup").write_bytes(octets)

    def say(self, message: Message) -> None:
        """Have the agent send a message."""
        self.write(encode(message))

    def write(self, octets: bytes) -> None:
        """Have the agent write octets."""
        os.write(self._commands, octets.hex().encode() + b"\n")

    def sleep(self) -> None:
        """Have the agent read no more."""
        os.write(self._commands, b"!sleep\n")

    def wake(self) -> None:
        """Have it read again."""
        os.write(self._commands, b"!wake\n")

    def raw(self, agent: int = -1) -> bytes:
        """Read what an agent heard, the last one by default."""
        pids = self.agents()
        if not pids:
            return b""
        try:
            return (self.directory / f"heard-{pids[agent]}").read_bytes()
        except FileNotFoundError:
            return b""

    def heard(self, kind: str | None = None, agent: int = -1) -> list[dict[str, Any]]:
        """List what an agent heard, of one type or all."""
        messages = map(decode, Frames().feed(self.raw(agent)))
        found = [{"type": name_of(each), **each._asdict()} for each in messages]
        return [each for each in found if kind in (None, each["type"])]

    def wait_heard(
        self, kind: str, timeout: float = 10, number: int = 1, **fields: object
    ) -> dict[str, Any]:
        """Wait for a message of one type with these fields; give the last."""

        def found() -> list[dict[str, Any]]:
            messages = [
                each
                for each in self.heard(kind)
                if all(each[name] == value for name, value in fields.items())
            ]
            return messages if len(messages) >= number else []

        what = f"a message of type {kind} with {fields}"
        last: dict[str, Any] = self.wait(found, timeout, what)[-1]
        return last

    def wait(self, found: Callable[[], Any], timeout: float, what: str) -> Any:  # noqa: ANN401
        """Wait for a condition; LabError tells what agent and log say."""
        return wait_until(
            found,
            timeout,
            what,
            interval=0.02,
            seen=lambda: f"{self.raw()[-800:]!r}\n{self.log()[-3000:]}",
        )

    def wait_logged(self, text: str, times: int) -> None:
        """Wait until the log has a text that often; LabError where it is otherwise.

        A thread of the speaker writes the log, a moment after what it tells of.
        """
        self.wait(lambda: self.log().count(text) >= times, 5, f"{text} in the log")
        if (found := self.log().count(text)) != times:
            raise LabError(f"{text}: {found} times in the log, not {times}")

    def octets(self, agent: int = -1) -> bytes:
        """Join the UPDATEs that an agent heard."""
        return b"".join(each["messages"] for each in self.heard("update", agent))


def name_of(message: Message) -> str:
    """Name a message by its type."""
    return NAMES.get(type(message)) or type(message).__name__.lower()


def announce(
    *numbers: int,
    to: str | None = None,
    vni: int = 10100,
    attributes: bytes = ATTRIBUTES,
) -> Announce:
    """Make the agent's message that announces type 2 routes of 10.0.0.1."""
    nlris = b"".join(mac_route(number, vni) for number in numbers)
    return Announce(to, VTEP, attributes, nlris)


def open_descriptors(pid: int) -> int:
    """Count the open file descriptors of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def cpu_seconds(pid: int) -> float:
    """Add up the seconds that a process has had of a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def runnable_seconds(pid: int) -> float:
    """Add up the seconds that a process ran, or would have on a machine at rest."""
    ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return (int(ran) + int(waited)) / 1e9


def resident_mib(pid: int) -> float:
    """Read the resident set of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
