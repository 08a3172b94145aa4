"""Hours of changes, and memory that stays where it was: ``python -m integration.soak``.

One host with a real kernel and two peers that a program plays. MACs move between the
peers and between a peer and the host, routes flap, one peer reconnects again and again,
the configuration is reloaded with changes, ports come and go, clients ask, leave in the
middle of an answer, and scrape. The resident memory of agent and speaker is printed
every so often; at the end that of the last quarter is compared with that of the second:
the first is there to warm up. Exit status 1 where it grew by more than --bound.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Self

from evpnd.wire.framing import encode_attribute
from evpnd.wire.nlri import encode_mac_ip
from integration.lab import ROUTER_SESSION, Host, Lab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_netns import LabError, inside, ip
from integration.peer import END_OF_RIB, UPDATE, BgpPeer, message
from tests.fuzz.seeds import body, reach

VNI, OTHER_VNI = 10100, 10200
ASN = 65001
STEADY, FICKLE = ROUTER_SESSION[4], "10.99.255.2"
"""Peers: one session for all the time, and one that ends and begins."""
METRICS_PORT = 9471
MACS = 2000
"""MACs behind each peer."""
MOVING = 200
"""MACs that move from peer to peer, and to the host and back."""
PORTS = 4
"""Tenant ports that come and go."""
PAUSE = 0.05
"""Seconds between two acts, at least."""


class Sample(NamedTuple):
    """Resident memory, MiB, at some second of the run."""

    at: float
    agent: float
    speaker: float


def resident(pid: int) -> float:
    """Read how much memory of its own a process has, in MiB; 0 where it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
    return 0.0


def mac(number: int) -> bytes:
    """Make the MAC of a number."""
    return (0x020000000000 + number).to_bytes(6, "big")


def _batches(macs: list[bytes]) -> list[list[bytes]]:
    """Cut a list into what fits an UPDATE."""
    return [macs[start : start + 80] for start in range(0, len(macs), 80)]


class Far:
    """A peer, its VTEP, and what it announces."""

    def __init__(self, lab: Lab, address: str, vtep: bytes) -> None:
        """Connect and keep connecting."""
        self.vtep = vtep
        self._rd = b"\x00\x01" + vtep + b"\x00\x64"
        self.peer = BgpPeer(
            lab.router, address, lab[1].session, asn=ASN, remote_asn=ASN
        )

    def announce(self, macs: Iterable[bytes], sequence: int = 0) -> None:
        """Announce MACs of the first EVI; a peer that is away says nothing."""
        communities = bytes.fromhex("0002fde900002774 030c000000000008")
        if sequence:
            communities += b"\x06\x00\x00\x00" + sequence.to_bytes(4, "big")
        attributes = bytes.fromhex("40010100 400200 40050400000064")
        attributes += encode_attribute(0xC0, 16, communities)
        for some in _batches(list(macs)):
            nlris = b"".join(encode_mac_ip(self._rd, VNI, some))
            self._say(body(reach(nlris, self.vtep), attributes, b""))

    def withdraw(self, macs: Iterable[bytes]) -> None:
        """Withdraw MACs."""
        for some in _batches(list(macs)):
            nlris = b"".join(encode_mac_ip(self._rd, 0, some))
            unreach = encode_attribute(0x80, 15, bytes.fromhex("001946") + nlris)
            self._say(b"\x00\x00" + len(unreach).to_bytes(2, "big") + unreach)

    def end_of_rib(self) -> None:
        """Say that all is said."""
        self._say(END_OF_RIB)

    def _say(self, update: bytes) -> None:
        if self.peer.established.is_set():
            with contextlib.suppress(OSError, AssertionError):
                self.peer.send(message(UPDATE, update))


class Soak:
    """The lab, the acts, and the samples."""

    def __init__(self, lab: Lab, seed: int) -> None:
        """Bring all up."""
        self.draw = random.Random(seed)
        self.host: Host = lab[1]
        for vni in (VNI, OTHER_VNI):
            self.host.prepare(vni)
        ip([f"addr add {FICKLE}/32 dev lo"], lab.router)
        self.daemon: Evpnd = self.host.evpnd(self._config(0))
        self.daemon.wait_ready(1)
        self.steady = Far(lab, STEADY, bytes([10, 99, 0, 2]))
        self.fickle = Far(lab, FICKLE, bytes([10, 99, 0, 3]))
        self.done: Counter[str] = Counter()
        self.samples: list[Sample] = []
        self._sequence = 0
        self._reloads = 0
        self._ports: set[str] = set()
        for far in (self.steady, self.fickle):
            far.peer.wait_established()
            far.announce(self._macs_of(far))
            far.end_of_rib()
        self.agent = self.daemon.agent_pid()

    def __enter__(self) -> Self:
        """Be left with the peers' threads ended."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the peers."""
        for far in (self.steady, self.fickle):
            far.peer.close()

    def _macs_of(self, far: Far) -> list[bytes]:
        first = 1000 if far is self.steady else 1000 + MACS
        return [mac(first + number) for number in range(MACS)]

    def _config(self, turn: int) -> dict[str, object]:
        """Compose a configuration that is another one every time."""
        peers = [
            {"address": address, "asn": ASN, "passive": True, "description": text}
            for address, text in ((STEADY, "steady"), (FICKLE, f"turn {turn}"))
        ]
        if turn % 3 == 2:
            peers.append({"address": f"10.99.200.{turn % 200 + 1}", "asn": ASN})
        evis = [evi(VNI)]
        if turn % 2:
            evis.append(evi(OTHER_VNI))
        return self.host.config(
            *peers,
            evis=evis,
            asn=ASN,
            metrics={"listen": f"127.0.0.1:{METRICS_PORT}"},
        )

    # Acts

    def move(self) -> None:
        """Have a MAC move from one peer to the other."""
        self._sequence += 1
        what = [mac(self.draw.randrange(MOVING))]
        old, new = self.steady, self.fickle
        if self.draw.random() < 0.5:
            old, new = new, old
        new.announce(what, self._sequence)
        old.withdraw(what)

    def move_here(self) -> None:
        """Have a MAC move behind a port of the host, where there is one."""
        if self._ports:
            port = self.draw.choice(sorted(self._ports))
            what = mac(self.draw.randrange(MOVING)).hex(":")
            self._bridge(f"replace {what} dev {port} master dynamic")

    def flap(self) -> None:
        """Withdraw some routes and announce them again."""
        far = self.draw.choice([self.steady, self.fickle])
        some = self.draw.sample(self._macs_of(far), 50)
        far.withdraw(some)
        far.announce(some)

    def strangers(self) -> None:
        """Announce MACs that nobody has seen, and withdraw them."""
        first = 1 << 24 | self.draw.randrange(1 << 24)
        some = [mac(first + number) for number in range(50)]
        self.steady.announce(some, self.draw.randrange(1 << 16))
        self.steady.withdraw(some)

    def reconnect(self) -> None:
        """Break the session of one peer, and have it say everything again."""
        self.fickle.peer.drop()
        time.sleep(0.2)
        with contextlib.suppress(LabError):
            self.fickle.peer.wait_established(5)
        self.fickle.announce(self._macs_of(self.fickle))
        self.fickle.end_of_rib()
        self.fickle.peer.heard.clear()
        self.steady.peer.heard.clear()

    def reload(self) -> None:
        """Reload with another configuration; now and then with a broken one."""
        self._reloads += 1
        if self._reloads % 7 == 0:
            self.daemon.write("asn: nonsense\n")
        else:
            self.daemon.write(self._config(self._reloads))
        self.daemon.process.signal(signal.SIGHUP)

    def port(self) -> None:
        """Make a tenant port, or remove one."""
        name = f"soak{self.draw.randrange(PORTS)}"
        if name in self._ports:
            ip([f"link del {name}"], self.host.namespace)
            self._ports.discard(name)
            return
        ip(
            [
                f"link add {name} type veth peer name {name}p",
                f"link set {name} master br{VNI} up",
                f"link set {name}p up",
            ],
            self.host.namespace,
        )
        self._ports.add(name)

    def ask(self) -> None:
        """Ask for a table; leave in the middle of the answer, or read it."""
        table = self.draw.choice(["macs", "routes", "peers", "evis", "events"])
        question = json.dumps({"command": "show", "what": table}).encode() + b"\n"
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(self.daemon.socket))
            client.sendall(question)
            some = client.recv(1000)
            while self.draw.random() < 0.9 and some and not some.endswith(b"\n"):
                some = client.recv(1 << 16)

    def scrape(self) -> None:
        """Read the metrics, or leave at once."""
        with inside(self.host.namespace):
            client = socket.socket()
        with contextlib.suppress(OSError), client:
            client.settimeout(30)
            client.connect(("127.0.0.1", METRICS_PORT))
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            if self.draw.random() < 0.8:
                while client.recv(1 << 16):
                    pass

    def _bridge(self, words: str) -> None:
        argv = ["bridge", "-n", self.host.namespace, "fdb", *words.split()]
        subprocess.run(argv, check=False, capture_output=True)

    # The run

    def run(self, seconds: float, every: float, say: Callable[[str], None]) -> None:
        """Act at random for so long; take a sample every so often (seconds)."""
        acts: dict[Callable[[], None], float] = {
            self.move: 40,
            self.move_here: 10,
            self.flap: 10,
            self.strangers: 10,
            self.ask: 10,
            self.scrape: 5,
            self.port: 2,
            self.reconnect: 1,
            self.reload: 1,
        }
        began = time.monotonic()
        due = 0.0
        say(f"{'seconds':>8} {'agent MiB':>10} {'speaker MiB':>12}  acts")
        while (at := time.monotonic() - began) < seconds:
            if at >= due:
                due = at + every
                self.sample(at)
                last = self.samples[-1]
                acted = " ".join(f"{k} {n}" for k, n in sorted(self.done.items()))
                say(f"{at:8.0f} {last.agent:10.1f} {last.speaker:12.1f}  {acted}")
            [act] = self.draw.choices(list(acts), list(acts.values()))
            act()
            self.done[act.__name__] += 1
            time.sleep(PAUSE)

    def sample(self, at: float) -> None:
        """Record the memory; an agent that is another one is an error (LabError)."""
        if self.daemon.process.status is not None:
            raise LabError(f"evpnd ended\n{self.daemon.process.tail()}")
        if self.daemon.agent_pid() != self.agent:
            raise LabError(f"the agent ended\n{self.daemon.process.tail()}")
        speaker = resident(self.daemon.process.pid)
        self.samples.append(Sample(at, resident(self.agent), speaker))

    def growth(self) -> tuple[float, float]:
        """Compare the last quarter with the second: MiB of agent and speaker."""
        quarter = max(1, len(self.samples) // 4)
        early, late = self.samples[quarter : 2 * quarter], self.samples[-quarter:]
        return (
            statistics.median(s.agent for s in late)
            - statistics.median(s.agent for s in early),
            statistics.median(s.speaker for s in late)
            - statistics.median(s.speaker for s in early),
        )


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3600, help="default: 3600")
    parser.add_argument(
        "--every", type=float, default=60, help="seconds between samples; default: 60"
    )
    parser.add_argument(
        "--bound", type=float, default=8, help="MiB of growth that pass; default: 8"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the acts; default: 1")
    arguments = parser.parse_args()
    with Lab(f"soak{os.getpid()}", 1) as lab, Soak(lab, arguments.seed) as soak:
        soak.run(arguments.seconds, arguments.every, _say)
        agent, speaker = soak.growth()
    _say(f"growth: agent {agent:+.1f} MiB, speaker {speaker:+.1f} MiB")
    return int(max(agent, speaker) > arguments.bound)


if __name__ == "__main__":
    sys.exit(main())
