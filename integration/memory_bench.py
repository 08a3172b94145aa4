"""What evpnd takes at rest: `python -m integration.memory_bench`, as root.

One host with ten EVIs, found or made (--manage), and a peer whose session is up and
that has no routes. Printed are the resident memory of each process of evpnd (VmRSS,
which counts a page once for each process that shares it) and its share of memory (PSS,
which divides it), in MiB.
"""

import argparse
import os
import time
from pathlib import Path
from typing import NamedTuple

from integration.lab import Lab, evi
from integration.lab_evpnd import Evpnd
from integration.lab_netns import children
from integration.peer import END_OF_RIB, UPDATE, BgpPeer, message

ASN = 65001
FIRST = 10100
REST = 3.0
"""Seconds between the last thing that happened and the measurement."""


class Memory(NamedTuple):
    """Of one process, in MiB."""

    name: str
    resident: float
    share: float


def memory(pid: int) -> Memory:
    """Read what a process takes."""
    there = Path(f"/proc/{pid}")
    resident = _kib(there / "status", "VmRSS:")
    share = _kib(there / "smaps_rollup", "Pss:")
    name = (there / "comm").read_text().strip()
    return Memory(name, resident / 1024, share / 1024)


def _kib(path: Path, key: str) -> int:
    lines = path.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


def processes(daemon: Evpnd) -> list[int]:
    """List the pids of a daemon: the speaker, and all below it."""
    found = [daemon.process.pid]
    for pid in found:
        found += children(pid)
    return found


def at_rest(lab: Lab, evis: int, *, manage: bool = False) -> list[Memory]:
    """Start evpnd in a lab of two hosts, and measure it when nothing happens."""
    one, two = lab.hosts
    vnis = range(FIRST, FIRST + evis)
    named = [evi(vni, manage=True) for vni in vnis] if manage else []
    for vni in () if manage else vnis:
        one.prepare(vni)
    daemon = one.evpnd(
        one.config(two.session, asn=ASN, evis=named, discover=not manage)
    )
    with BgpPeer(
        two.namespace,
        two.session,
        one.session,
        asn=ASN,
        remote_asn=ASN,
        identifier=two.router_id,
    ) as far:
        daemon.wait_ready(evis)
        far.wait_established()
        far.send(message(UPDATE, END_OF_RIB))
        daemon.wait_established(1)
        time.sleep(REST)
        return [memory(pid) for pid in processes(daemon)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evis", type=int, default=10)
    parser.add_argument("--manage", action="store_true")
    given = parser.parse_args()
    with Lab(f"mb{os.getpid()}") as lab:
        found = at_rest(lab, given.evis, manage=given.manage)
    resident = sum(each.resident for each in found)
    share = sum(each.share for each in found)
    for each in (*found, Memory("all", resident, share)):
        print(
            f"{each.name:16} {each.resident:6.1f} MiB resident, {each.share:6.1f} PSS"
        )


if __name__ == "__main__":
    main()
