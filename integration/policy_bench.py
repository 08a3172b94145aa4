"""What policies cost: `python -m integration.policy_bench`, as root.

A peer sends 100,000 routes of 100 VTEPs in 10 VNIs, encoded before the clock starts.
The clock stops when the kernel has told of the last row. Each round is a fresh
evpnd without policies, and one with ten policies of twenty rules on the peer.
"""

import argparse
import os
import socket
import statistics
import struct
import tempfile
import time
from pathlib import Path

from integration.lab import Host, Lab, evi
from integration.lab_netns import inside
from integration.peer import END_OF_RIB, UPDATE, BgpPeer, message

VNIS = range(10100, 10110)
VTEPS = 100
ROUTES_AN_UPDATE = 100
SO_RCVBUFFORCE = 33
RTMGRP_NEIGH = 1 << 2
DEADLINE = 30.0
ASN = 65001

Took = tuple[float, float]
"""Seconds to the last row, and CPU seconds of the agent."""


def nlri(vni: int, vtep: int, number: int) -> bytes:
    """Write a type 2 route with a MAC alone."""
    rd = b"\0\1" + bytes((10, 9, 0, vtep)) + (vni - VNIS[0]).to_bytes(2, "big")
    mac = b"\x02" + bytes((vtep,)) + number.to_bytes(4, "big")
    label = vni.to_bytes(3, "big")
    return b"\x02\x21" + rd + bytes(14) + b"\x30" + mac + b"\0" + label


def update(vni: int, vtep: int, first: int, count: int) -> bytes:
    """Write an UPDATE of routes that share a path."""
    routes = b"".join(nlri(vni, vtep, number) for number in range(first, first + count))
    reach = bytes.fromhex("00194604") + bytes((10, 9, 0, vtep)) + b"\0" + routes
    target = struct.pack("!BBHI", 0, 2, ASN, vni)
    attributes = (
        b"\x90\x0e" + struct.pack("!H", len(reach)) + reach,
        bytes.fromhex("4001010040020040050400000064"),
        b"\xc0\x08\x04" + struct.pack("!HH", 65000, vtep),
        b"\xc0\x10\x10" + target + bytes.fromhex("030c000000000008"),
    )
    whole = b"".join(attributes)
    return message(UPDATE, struct.pack("!HH", 0, len(whole)) + whole)


def feed(routes: int) -> bytes:
    """Encode the whole table, path after path."""
    each = routes // (VTEPS * len(VNIS))
    return b"".join(
        update(vni, vtep, 10_000 * (vni - VNIS[0]) + first, min(100, each - first))
        for vtep in range(1, VTEPS + 1)
        for vni in VNIS
        for first in range(0, each, ROUTES_AN_UPDATE)
    )


def policy(number: int) -> str:
    """Write a policy of twenty rules, most of which look at MACs and do not match."""
    rules = []
    for at in range(20):
        begin = f"{4 + 2 * number:02x}:{at:02x}"
        match at % 5:
            case 0:
                match = f"{{mac: [{begin}:00:00:00:00/16, 52:54:00:00:{begin}]}}"
                does = "reject: somebody else's"
            case 1:
                match = f"{{community: '65000:{number * 20 + at}', vni: [10100-10104]}}"
                does = f"set: {{community: {{add: ['65001:{at}']}}}}, next: true"
            case 2:
                match = f"{{ip: [198.51.{at}.0/24, '2001:db8:{at}::/48']}}"
                does = "reject: true"
            case 3:
                other = f"{begin}:00:00:00:00/24"
                match = f"{{vtep: 10.8.{number}.0/24, not: {{mac: {other}}}}}"
                does = "reject: true"
            case _:
                match = (
                    f"{{mac: 02:{at:02x}:00:00:{number:02x}:00/40, rd: '10.9.*.*:*'}}"
                )
                does = f"set: {{local-preference: {100 + at}}}, next: true"
        rules.append(f"  - {{name: r{at}, match: {match}, {does}}}")
    return f"policy: p{number}\nrules:\n" + "\n".join(rules) + "\n"


def learn(lab: Lab, octets: bytes, routes: int, policies: list[Path]) -> Took:
    """Learn the table with a fresh daemon."""
    one, two = lab.hosts
    names = [path.stem for path in policies]
    session: dict[str, object] = {"address": two.session, "import": names}
    daemon = one.evpnd(
        one.config(
            session,
            evis=[evi(vni) for vni in VNIS],
            asn=ASN,
            policies=[str(path) for path in policies],
        ),
        "--flush-on-exit",
    )
    far = BgpPeer(
        two.namespace,
        two.session,
        one.session,
        asn=ASN,
        remote_asn=ASN,
        identifier=two.router_id,
    )
    try:
        daemon.wait_ready(len(VNIS))
        far.wait_established()
        far.send(message(UPDATE, END_OF_RIB))
        daemon.wait_established(1)
        time.sleep(1)
        agent = daemon.agent_pid()
        before = cpu_seconds(agent)
        seconds = clock(one, far, octets, routes)
        cpu = cpu_seconds(agent) - before
        rejected = daemon.show("peers")[0]["routes_rejected"]
        if rejected:
            raise RuntimeError(f"{rejected} routes were rejected: not the same work")
        return seconds, cpu
    finally:
        far.close()
        daemon.stop(60)
        lab.daemons.remove(daemon)


def cpu_seconds(pid: int) -> float:
    """Read what a process and its threads have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def clock(host: Host, far: BgpPeer, octets: bytes, routes: int) -> float:
    """Send the table; returns the seconds to the last row, two for each route."""
    with inside(host.namespace):
        heard = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    with heard:
        heard.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 29)
        heard.bind((0, RTMGRP_NEIGH))
        heard.settimeout(DEADLINE)
        begin = time.monotonic()
        far.send(octets)
        for _ in range(2 * routes):
            heard.recv(64)
        return time.monotonic() - begin


def main() -> None:
    """Measure and print medians, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routes", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    octets = feed(given.routes)
    with tempfile.TemporaryDirectory() as folder:
        policies = []
        for number in range(10):
            path = Path(folder) / f"p{number}.yaml"
            path.write_text(policy(number))
            policies.append(path)
        names = "none", "ten of twenty rules"
        found: dict[str, list[Took]] = {name: [] for name in names}
        with Lab(f"pb{os.getpid()}") as lab:
            for vni in VNIS:
                lab[1].prepare(vni)
            for _ in range(given.rounds):
                for name, attached in zip(names, ([], policies), strict=True):
                    took = learn(lab, octets, given.routes, attached)
                    found[name].append(took)
                    print(f"{name:20} {took[0]:6.2f} s, agent {took[1]:.2f} s CPU")
    for at, what in enumerate(("seconds", "CPU seconds of the agent")):
        without, ten = (statistics.median(one[at] for one in found[n]) for n in names)
        print(
            f"{what}: {without:.2f} without, {ten:.2f} with, ratio {ten / without:.2f}"
        )


if __name__ == "__main__":
    main()
