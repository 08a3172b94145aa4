"""How long large configurations take: `python -m integration.config_bench`, as root.

A file with 1,000 EVIs (--evis) is checked, started with, and reloaded with one EVI
changed: each EVI in a section of its own, and then all in one section (`vnis`). The
start is over when all EVIs are shown, and their devices are not there: what is measured
is the configuration. Printed are seconds, and seconds of CPU of all processes that took
part, which a busy machine does not change.
"""

import argparse
import compileall
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import evpnd
from integration.lab import Lab, evi
from integration.lab_evpnd import Evpnd
from integration.memory_bench import processes
from lab.netns import LabError, wait_until

FIRST = 10100
ASN = 65001
BOUND = 1.5
"""Seconds that each may take on a machine at rest."""


Section = dict[str, object]
"""An item of `evis`."""


class Took(NamedTuple):
    """Seconds of one step."""

    seconds: float
    cpu: float


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of those that it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def measure(step: Callable[[], None], cpu: Callable[[], float]) -> Took:
    """Take the time of a step."""
    begin, before = time.monotonic(), cpu()
    step()
    return Took(time.monotonic() - begin, cpu() - before)


def cpu_of(daemon: Evpnd) -> float:
    """Return the CPU time of a daemon, and of the commands that were run so far."""
    return sum(map(cpu_seconds, processes(daemon))) + _of_commands()


def _of_commands() -> float:
    times = os.times()
    return times.children_user + times.children_system


def measure_all(
    lab: Lab, evis: int, write: Callable[..., list[Section]]
) -> dict[str, Took]:
    """Check, start and reload; the daemon is stopped again."""
    host = lab[1]

    def config(**changes: object) -> dict[str, object]:
        named = write(evis, **changes)
        return host.config(lab[2].session, asn=ASN, evis=named)

    daemon = Evpnd(host.namespace, lab.directory, "bench", config())
    lab.daemons.append(daemon)
    found = {"check": measure(lambda: _check(daemon), _of_commands)}
    begin = time.monotonic()
    daemon.start()
    wait_until(lambda: _shown(daemon) == evis, 20, "all EVIs", interval=0.02)
    seconds = time.monotonic() - begin
    found["start"] = Took(seconds, sum(map(cpu_seconds, processes(daemon))))
    daemon.write(config(**{"ips-per-mac": 7}))
    found["reload"] = measure(lambda: _reload(daemon), lambda: cpu_of(daemon))
    daemon.stop(30)
    lab.daemons.remove(daemon)
    return found


def written(evis: int, **changes: object) -> list[Section]:
    """Return a section for each EVI; the first one is changed."""
    first, *others = [evi(vni) for vni in range(FIRST, FIRST + evis)]
    return [first | changes, *others]


def by_template(evis: int, **changes: object) -> list[Section]:
    """Return one section for all EVIs but the first, which is changed."""
    of_all = evi(0) | {"bridge": "br{vni}", "vxlan": "vx{vni}"}
    del of_all["vni"]
    return [evi(FIRST) | changes, of_all | {"vnis": f"{FIRST + 1}-{FIRST + evis - 1}"}]


def _check(daemon: Evpnd) -> None:
    done = daemon.run("check", str(daemon.path))
    if done.returncode:
        raise LabError(done.stderr)


def _reload(daemon: Evpnd) -> None:
    done = daemon.reload()
    if done.returncode:
        raise LabError(done.stderr)


def _shown(daemon: Evpnd) -> int:
    if not daemon.socket.is_socket():
        return 0
    try:
        return len(daemon.show("evis"))
    except LabError:
        return 0


def main() -> None:
    """Measure and print medians; exit status 1 where one is over the bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evis", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    # As an installation has it; else each process compiles what it imports.
    compileall.compile_dir(Path(evpnd.__file__).parent, quiet=1)
    over = False
    with Lab(f"cb{os.getpid()}") as lab:
        for write in (written, by_template):
            rounds = [measure_all(lab, given.evis, write) for _ in range(given.rounds)]
            print(write.__name__.replace("_", " "))
            for step in rounds[0]:
                seconds = statistics.median(each[step].seconds for each in rounds)
                cpu = statistics.median(each[step].cpu for each in rounds)
                print(f"  {step:8} {seconds:6.2f} s, {cpu:6.2f} s CPU")
                over = over or seconds > BOUND
    sys.exit(over)


if __name__ == "__main__":
    main()
