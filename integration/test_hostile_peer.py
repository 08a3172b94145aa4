"""A peer that sends broken UPDATEs costs its own routes, and nobody else anything."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evpnd.model.ids import format_ip, format_mac, is_host_ip, is_unicast_mac
from evpnd.model.routes import PathAttributes, Treatment, Update
from evpnd.wire.framing import encode_attribute
from evpnd.wire.nlri import encode_mac_ip
from evpnd.wire.update import UpdateDecoder
from integration.lab import Host, Lab, MakeLab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_fabric import expect_macs
from integration.lab_kernel import half_rows, remote_macs
from integration.lab_netns import wait_until
from integration.peer import UPDATE, BgpPeer, message
from tests.fuzz.mutate import Mutator
from tests.fuzz.seeds import NLRIS, body, reach, seeds

pytestmark = pytest.mark.root

VNI = 10100
SECONDS = 60
RATE = 1000
RESETS = 10
"""How many UPDATEs of the storm call for a reset; the others must not cause one."""
TARGET = encode_attribute(
    0xC0, 16, bytes.fromhex("0002fde900002774") + bytes.fromhex("030c000000000008")
)
MANDATORY = bytes.fromhex("40010100 400200 40050400000064")
GOOD_RD, BAD_RD = bytes.fromhex("00010a0000030064"), bytes.fromhex("00010a0000020064")
GOOD_HOP, BAD_HOP = bytes([10, 99, 0, 3]), bytes([10, 99, 0, 2])
CONNECTION_REJECTED = (6, 5)
AGENT_LIMIT, SPEAKER_LIMIT = 120, 100
"""MiB resident; a fresh agent has some 45, a fresh speaker some 30."""


def announce(rd: bytes, hop: bytes, macs: list[bytes]) -> bytes:
    """Write a sound UPDATE for MACs of the EVI."""
    nlris = b"".join(encode_mac_ip(rd, VNI, macs))
    return body(reach(nlris, hop), MANDATORY, TARGET)


def mac(high: int, number: int) -> bytes:
    return (0x020000000000 | high << 32 | number).to_bytes(6, "big")


def resident(pid: int) -> float:
    """Read how many MiB a process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has no memory")


@dataclass
class Storm:
    """A bad peer, and what its UPDATEs amount to by the codec's own verdict."""

    peer: BgpPeer
    mutator: Mutator
    undamp: Callable[[], object]
    """Has the bad peer taken back at once, however often its sessions fell."""
    decoder: UpdateDecoder = field(default_factory=UpdateDecoder)
    routes: dict[tuple[bytes, ...], PathAttributes] = field(default_factory=dict)
    sent: int = 0
    resets: int = 0

    def draw(self, *, reset: bool) -> tuple[bytes, Update]:
        """Draw bodies until one calls for a reset, or for none."""
        while True:
            octets = self.mutator.body()
            update = self.decoder.decode(octets)
            if reset == any(
                found.treatment is Treatment.SESSION_RESET for found in update.malformed
            ):
                return octets, update

    def send(self, count: int) -> None:
        """Send UPDATEs that must leave the session up."""
        some = []
        for _ in range(count):
            octets, update = self.draw(reset=False)
            self.count(update)
            some.append(message(UPDATE, octets))
        self.peer.send(b"".join(some))
        self.sent += count

    def count(self, update: Update) -> None:
        """Apply an UPDATE to what evpnd should hold of this peer: type 2 alone."""
        for batch in update.withdrawn_mac_ip:
            for key in batch.keys:
                self.routes.pop((batch.rd, batch.ethernet_tag, key), None)
        for batch in update.mac_ip:
            assert update.attributes
            for key in batch.keys:
                self.routes[batch.rd, batch.ethernet_tag, key] = update.attributes

    def fall(self) -> None:
        """Send an UPDATE that calls for a reset, and wait for the next session."""
        octets, update = self.draw(reset=True)
        wanted = (update.malformed[0].code, update.malformed[0].subcode)
        before, sessions = len(ends(self.peer)), self.peer.sessions
        self.peer.send(message(UPDATE, octets))
        wait_until(
            lambda: len(ends(self.peer)) > before,
            10,
            f"a NOTIFICATION for {octets.hex()}",
            interval=0.01,
        )
        assert ends(self.peer)[before:] == [wanted]
        # The speaker knows of the end before the agent tells it.
        time.sleep(0.5)
        self.undamp()
        wait_until(
            lambda: self.peer.sessions > sessions and self.peer.established.is_set(),
            15,
            "the next session of the bad peer",
            interval=0.01,
        )
        self.routes.clear()
        self.decoder = UpdateDecoder()
        self.resets += 1

    def rows(self, own: Host) -> dict[str, set[str]]:
        """Map the MACs that must have a row to the VTEPs that may stand in it."""
        found: dict[str, set[str]] = {}
        for (_, _, key), attributes in self.routes.items():
            hop = attributes.next_hop
            if (
                is_unicast_mac(key[:6])
                and any(t[:2] == b"\0\2" and t[4:] == VNI.to_bytes(4, "big")
                        for t in attributes.route_targets)
                and (not attributes.encapsulations or 8 in attributes.encapsulations)
                and len(hop) == 4
                and is_host_ip(hop)
                and format_ip(hop) != own.vtep
            ):  # fmt: skip
                found.setdefault(format_mac(key[:6]), set()).add(format_ip(hop))
        return found


class Watch:
    """When each MAC got its row on a VXLAN device, as the kernel tells it."""

    def __init__(self, namespace: str, device: str) -> None:
        self.seen: dict[str, float] = {}
        self._device = device
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, "bridge", "monitor", "fdb"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            words = line.split()
            if self._device in words and "dst" in words and "Deleted" not in words:
                self.seen.setdefault(words[0], time.monotonic())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join(5)
        assert self._process.stdout
        self._process.stdout.close()


@contextmanager
def good_routes(peer: BgpPeer) -> Iterator[dict[str, float]]:
    """Announce a MAC twenty times a second; give when each was sent."""
    sent: dict[str, float] = {}
    stop = threading.Event()

    def work() -> None:
        number = 0
        while not stop.wait(0.05):
            one = mac(3, number)
            sent[format_mac(one)] = time.monotonic()
            peer.send(message(UPDATE, announce(GOOD_RD, GOOD_HOP, [one])))
            number += 1

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield sent
    stop.set()
    thread.join(5)


def storm_seeds() -> list[bytes]:
    """List seeds of which many reach the kernel when they are hardly changed."""
    own = [body(reach(nlri), MANDATORY, TARGET) for nlri in NLRIS for _ in range(3)]
    own += [announce(BAD_RD, BAD_HOP, [mac(2, n) for n in range(at, at + 5)])
            for at in range(0, 100, 5)]  # fmt: skip
    return own + seeds()


def start(lab: Lab) -> Evpnd:
    host = lab[1]
    host.prepare(VNI)
    peers: list[dict[str, object]] = [
        {"address": lab[n].session, "passive": True} for n in (2, 3)
    ]
    daemon = host.evpnd(host.config(*peers, evis=[evi(VNI)]))
    daemon.wait_show("peers", lambda rows: len(rows) == 2, "both peers")
    return daemon


def peer(lab: Lab, number: int) -> BgpPeer:
    return BgpPeer(
        lab[number].namespace,
        lab[number].session,
        lab[1].session,
        asn=65001,
        remote_asn=65001,
        identifier=lab[number].router_id,
    )


@pytest.mark.timeout(300)
def test_a_minute_of_broken_updates_costs_their_sender_alone(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(3)
    daemon = start(lab)
    host = lab[1]
    watch = Watch(host.namespace, f"vx{VNI}")
    with peer(lab, 2) as bad, peer(lab, 3) as good:
        bad.wait_established(20)
        good.wait_established(20)
        agent, speaker = daemon.agent_pid(), daemon.process.pid
        storm = Storm(
            bad,
            Mutator(storm_seeds(), 20240607),
            lambda: undamp(daemon, lab[2].session),
        )
        memory: list[tuple[float, float]] = []

        with good_routes(good) as sent:
            begin = time.monotonic()
            while (now := time.monotonic() - begin) < SECONDS:
                if now > (storm.resets + 1) * SECONDS / (RESETS + 1):
                    memory.append((resident(agent), resident(speaker)))
                    storm.fall()
                elif storm.sent < now * RATE:
                    storm.send(20)
                else:
                    time.sleep(0.005)

        # What it says is what it gets: every row is one of its sound routes.
        wanted = storm.rows(host)
        assert len(wanted) > 20
        wait_until(
            lambda: bad_rows(host).keys() == wanted.keys(),
            15,
            "the rows of the bad peer's sound routes",
            seen=lambda: bad_rows(host).keys() ^ wanted.keys(),
        )
        assert all(vtep in wanted[each] for each, vtep in bad_rows(host).items())
        assert half_rows(host.namespace, f"vx{VNI}") == set()

        delays = sorted(
            watch.seen.get(each, now + 1e6) - at for each, at in sent.items()
        )
        watch.close()
        p99 = delays[int(len(delays) * 0.99)]
        print(
            f"{storm.sent} UPDATEs, {storm.resets} resets, {len(delays)} good routes: "
            f"median {delays[len(delays) // 2] * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms,"
            f" worst {delays[-1] * 1000:.0f} ms; MiB {memory[0]} then {memory[-1]}"
        )
        assert storm.sent >= SECONDS * RATE * 0.8
        assert storm.resets == RESETS
        assert bad.sessions == RESETS + 1
        assert len(ends(bad)) == RESETS
        assert good.sessions == 1
        assert not good.notifications()
        assert p99 < 1.0
        assert (daemon.agent_pid(), daemon.process.pid) == (agent, speaker)
        assert max(each[0] for each in memory) < AGENT_LIMIT
        assert max(each[1] for each in memory) < SPEAKER_LIMIT

        # Nothing of the storm is left with its session, and the next one is as good
        # as any.
        storm.fall()
        rows = {each: format_ip(GOOD_HOP) for each in sent}
        expect_macs(host, VNI, rows, 15)
        macs = [mac(9, n) for n in range(50)]
        bad.send(message(UPDATE, announce(BAD_RD, BAD_HOP, macs)))
        expect_macs(
            host,
            VNI,
            rows | {format_mac(each): format_ip(BAD_HOP) for each in macs},
            15,
        )


def ends(peer: BgpPeer) -> list[tuple[int, int]]:
    """List the NOTIFICATIONs that ended a session; others refuse a damped peer."""
    return [each for each in peer.notifications() if each != CONNECTION_REJECTED]


def undamp(daemon: Evpnd, address: str) -> None:
    """Have a peer that is damped taken back now; a session that is up stays so."""
    (shown,) = daemon.show("peers", "--peer", address)
    if shown["damped_for"]:
        daemon.run("clear", "peer", address, "--socket", str(daemon.socket))


def bad_rows(host: Host) -> dict[str, str]:
    """Read the rows that are not the good peer's."""
    rows = remote_macs(host.namespace, f"vx{VNI}")
    return {each: vtep for each, vtep in rows.items() if vtep != format_ip(GOOD_HOP)}
