"""How long a good peer waits for its rows while another does its worst.

Host 1 runs evpnd, host 2 is the hostile peer, host 3 the good one, which is a
process of its own: `python -m integration.fairness` announces a MAC every 20 ms
and listens for its row.
"""

import argparse
import errno
import json
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from evpnd.adapters.netlink import bpf
from evpnd.wire.nlri import encode_mac_ip
from integration.fairness_load import ASN, VNI, Load, update
from integration.lab import Host, Lab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_netns import inside, run, wait_until
from integration.peer import (
    END_OF_RIB,
    ENHANCED_REFRESH,
    EVPN,
    ROUTE_REFRESH,
    UPDATE,
    BgpPeer,
    four_octet_asn,
    message,
)

EVERY = 0.02
"""Seconds between two routes of the good peer."""
AT_LEAST = 3.0
"""Seconds for which the good peer is measured."""
OURS = 0x0233
"""How its MACs begin."""
MARKER = bytes.fromhex("0233ffffffff")
"""The MAC that the hostile peer announces last."""
RTMGRP_NEIGH = 1 << 2
SO_RCVBUFFORCE = 33
GIVE_UP = 60.0
"""Seconds after the end for which rows may still come."""
MAC_AT = 32
"""Of a notification: behind nlmsghdr, ndmsg and the header of NDA_LLADDR."""
LOCAL_MACS = 2_800
"""MACs of our own, which a ROUTE-REFRESH has sent again."""

_OURS_ALONE = (
    bpf.Instruction(0x28, 0, 0, MAC_AT),
    bpf.Instruction(0x15, 0, 1, OURS),
    bpf.Instruction(0x06, 0, 0, 0xFFFFFFFF),
    bpf.Instruction(0x06, 0, 0, 0),
)


class Waited(NamedTuple):
    """What came of one scenario."""

    routes: int
    p50: float
    """Milliseconds from the good peer's UPDATE to its row, like those below."""
    p99: float
    most: float
    seconds: float
    """From the first octet of the hostile peer to the row of its last route."""
    agent: float
    """MiB resident at the end."""
    speaker: float


def measure(lab: Lab, load: Load, size: int, limit: float = 300) -> Waited:
    """Run one scenario with a fresh evpnd on host 1 of a lab of three."""
    octets = list(load.octets(size))
    one = lab[1]
    daemon = _start(lab)
    try:
        with _peer(lab, 2) as bad, _good(lab) as good:
            bad.wait_established()
            bad.send(message(UPDATE, END_OF_RIB))
            wait_until(lambda: daemon.show("macs"), 10, "the hostile peer's session")
            good.expect("established", 30)
            good.say("start")
            time.sleep(1)
            begin = time.monotonic()
            sender = threading.Thread(target=_send, args=(bad, octets), daemon=True)
            sender.start()
            good.expect("marker", limit)
            seconds = time.monotonic() - begin
            time.sleep(max(0, AT_LEAST - seconds))
            good.say("stop")
            all_took: list[tuple[float, float]] = json.loads(good.line(limit))
            sender.join(5)
            took = sorted(
                each
                for at, each in all_took
                if begin <= at <= begin + max(seconds, AT_LEAST)
            )
            return Waited(
                len(took),
                _share(took, 0.5),
                _share(took, 0.99),
                took[-1],
                seconds,
                resident(daemon.agent_pid()),
                resident(daemon.process.pid),
            )
    finally:
        daemon.stop(60)
        lab.daemons.remove(daemon)
        _clean(one)


def _share(took: list[float], share: float) -> float:
    return took[min(len(took) - 1, int(len(took) * share))]


def resident(pid: int) -> float:
    """Read how many MiB a process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has no memory")


def prepare(lab: Lab) -> None:
    """Make the EVI of host 1, with MACs of our own on a tenant port."""
    one = lab[1]
    one.prepare(VNI)
    one.tenant("a1", VNI, 1)
    lines = [
        f"fdb add {(0x024400000000 + n).to_bytes(6, 'big').hex(':')} dev a1 master "
        "static"
        for n in range(LOCAL_MACS)
    ]
    run(["bridge", "-n", one.namespace, "-batch", "-"], "\n".join(lines))


def _start(lab: Lab) -> Evpnd:
    one = lab[1]
    peers: list[dict[str, object]] = [
        {"address": lab[n].session, "passive": True} for n in (2, 3)
    ]
    daemon = one.evpnd(one.config(*peers, evis=[evi(VNI)], asn=ASN))
    daemon.wait_ready(1)
    return daemon


def _clean(host: Host) -> None:
    """Remove what is left in the tables, so that scenarios do not disturb others."""
    device = f"vx{VNI}"
    with_type = ["ip", "-n", host.namespace, "link"]
    run([*with_type, "del", device])
    tunnel = ["id", str(VNI), "dstport", "4789", "local", host.vtep, "nolearning"]
    run([*with_type, "add", device, "type", "vxlan", *tunnel])
    run([*with_type, "set", device, "addrgenmode", "none"])
    run([*with_type, "set", device, "master", f"br{VNI}", "up"])
    port = ["bridge_slave", "learning", "off", "neigh_suppress", "on"]
    run([*with_type, "set", "dev", device, "type", *port])
    run(["ip", "-n", host.namespace, "neigh", "flush", "dev", f"br{VNI}"])


def _peer(lab: Lab, number: int) -> BgpPeer:
    host = lab[number]
    return BgpPeer(
        host.namespace,
        host.session,
        lab[1].session,
        asn=ASN,
        remote_asn=ASN,
        identifier=host.router_id,
        capabilities=(EVPN, ROUTE_REFRESH, ENHANCED_REFRESH, four_octet_asn(ASN)),
    )


def _send(peer: BgpPeer, octets: list[bytes]) -> None:
    chunk = 500
    for at in range(0, len(octets), chunk):
        peer.send(b"".join(octets[at : at + chunk]))
    rd = bytes.fromhex("00010a0900020064")
    peer.send(update(encode_mac_ip(rd, VNI, [MARKER])[0]))


class _Good:
    """The good peer's process."""

    def __init__(self, argv: list[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "integration.fairness", *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def say(self, word: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()

    def line(self, timeout: float) -> str:
        assert self._process.stdout
        ready, _, _ = select.select([self._process.stdout], [], [], timeout)
        if not ready:
            raise TimeoutError(f"the good peer said nothing for {timeout} s")
        return self._process.stdout.readline().decode().strip()

    def expect(self, word: str, timeout: float) -> None:
        said = self.line(timeout)
        if said != word:
            raise AssertionError(f"the good peer said {said!r}, not {word!r}")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def _good(lab: Lab) -> Iterator[_Good]:
    one, three = lab[1], lab[3]
    good = _Good(
        [one.namespace, three.namespace, three.session, one.session, three.router_id]
    )
    try:
        yield good
    finally:
        good.close()


def announce_and_listen(given: argparse.Namespace) -> None:
    """Be the good peer: told by lines of standard input, answers with lines."""
    with inside(given.watched):
        heard = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    heard.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    bpf.attach(heard, _OURS_ALONE)
    heard.bind((0, RTMGRP_NEIGH))
    with (
        heard,
        BgpPeer(
            given.namespace,
            given.local,
            given.remote,
            asn=ASN,
            remote_asn=ASN,
            identifier=given.identifier,
        ) as peer,
    ):
        peer.wait_established(30)
        peer.send(message(UPDATE, END_OF_RIB))
        print("established", flush=True)
        sys.stdin.readline()
        print(json.dumps(_announce(peer, heard)), flush=True)
        sys.stdin.readline()


def _announce(peer: BgpPeer, heard: socket.socket) -> list[tuple[float, float]]:
    """Announce until told to stop; returns when each route left, and its wait."""
    rd, hop = bytes.fromhex("00010a0900030064"), bytes([10, 9, 0, 3])
    sent: dict[bytes, float] = {}
    took: list[tuple[float, float]] = []
    due, number = time.monotonic(), 0
    stopped = marked = False
    while not stopped or (sent and time.monotonic() < due):
        now = time.monotonic()
        if now >= due and not stopped:
            due = max(due + EVERY, now)
            own = (OURS << 32 | number).to_bytes(6, "big")
            number += 1
            sent[own] = now
            peer.send(update(encode_mac_ip(rd, VNI, [own])[0], hop))
        wait = max(0, due - time.monotonic())
        ready, _, _ = select.select([heard, sys.stdin], [], [], wait)
        if heard in ready:
            row = _row(heard)
            if row == MARKER and not marked:
                print("marker", flush=True)
                marked = True
            at = sent.pop(row, None)
            if at is not None:
                took.append((at, 1000 * (time.monotonic() - at)))
        if sys.stdin in ready and not stopped:
            stopped = True
            due = time.monotonic() + GIVE_UP
    took.extend((at, 1000 * (time.monotonic() - at)) for at in sent.values())
    return took


def _row(heard: socket.socket) -> bytes:
    """Read the MAC of a row; nothing where the kernel could not tell of some."""
    try:
        return heard.recv(4096)[MAC_AT : MAC_AT + 6]
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise
        return b""


def main() -> None:
    """Take the arguments of the good peer's process."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("watched", "namespace", "local", "remote", "identifier"):
        parser.add_argument(name)
    announce_and_listen(parser.parse_args())


if __name__ == "__main__":
    main()
