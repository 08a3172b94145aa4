"""Puts millions of bodies of UPDATEs through the codec.

    python -m tests.fuzz.bodies --count 10000000 --jobs 2

Every body is compared with a second reading (`reference`), one in 64 with a
decoder that saw nothing before. A failure prints the body and ends with status 1;
one that hangs ends with a traceback after ten seconds.
"""

import argparse
import faulthandler
import multiprocessing
import queue
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from random import Random

from evpnd.wire.update import UpdateDecoder
from tests.fuzz.mutate import Mutator
from tests.fuzz.oracle import SESSIONS, Oracle, Unsound
from tests.fuzz.seeds import seeds

CHUNK = 10_000
WATCHED = 200
HANG = 10.0
"""Seconds that so many bodies may take at most; they need some 20 ms."""


@dataclass
class Tally:
    """What a number of bodies came to."""

    bodies: int = 0
    octets: int = 0
    nanoseconds: int = 0
    """Of the codec alone, in its thread's own time."""
    worst: int = 0
    worst_body: bytes = b""
    verdicts: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Take in another tally."""
        self.bodies += other.bodies
        self.octets += other.octets
        self.nanoseconds += other.nanoseconds
        self.verdicts += other.verdicts
        if other.worst > self.worst:
            self.worst, self.worst_body = other.worst, other.worst_body


def run_chunk(mutator: Mutator, oracle: Oracle, number: int, count: int) -> Tally:
    """Draw, decode and check a number of bodies; Unsound is raised on."""
    tally = Tally(bodies=count)
    sessions = Random(number)
    for index in range(count):
        body, session = mutator.body(), sessions.choice(SESSIONS)
        if index % WATCHED == 0:
            faulthandler.dump_traceback_later(HANG, exit=True)
        begin = time.thread_time_ns()
        update = oracle.decode(body, session)
        took = time.thread_time_ns() - begin
        tally.octets += len(body)
        tally.nanoseconds += took
        if took > tally.worst:
            # Not the time of a garbage collection that fell into it.
            took = min(took, time_alone(body, session))
        if took > tally.worst:
            tally.worst, tally.worst_body = took, body
        verdict = oracle.check(body, session, update)
        tally.verdicts[
            "session reset"
            if verdict.reset
            else "announces"
            if verdict.announced
            else "withdraws"
            if verdict.withdrawn
            else "nothing"
        ] += 1
        if index % 64 == 0:
            oracle.check_afresh(body, session, update)
    faulthandler.cancel_dump_traceback_later()
    return tally


def time_alone(body: bytes, session: tuple[bool, bool]) -> int:
    """Decode a body with a decoder of its own; the nanoseconds."""
    decoder = UpdateDecoder(asn4=session[0], ibgp=session[1])
    begin = time.thread_time_ns()
    decoder.decode(body)
    return time.thread_time_ns() - begin


def work(number: int, count: int, results: "Queue[Tally | str]") -> None:
    """Run chunks until the count is reached; one job of several."""
    mutator, oracle = Mutator(seeds(), number), Oracle()
    done = 0
    while done < count:
        size = min(CHUNK, count - done)
        try:
            results.put(run_chunk(mutator, oracle, number + done, size))
        except Unsound as error:
            results.put(str(error))
            return
        done += size


def main() -> int:
    """Run from the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.bodies")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFFFFFF)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)

    results: Queue[Tally | str] = multiprocessing.Queue()
    share = -(-options.count // options.jobs)
    processes = [
        multiprocessing.Process(
            target=work, args=(options.seed + (job << 32), share, results), daemon=True
        )
        for job in range(options.jobs)
    ]
    for process in processes:
        process.start()
    total, begin, told = Tally(), time.monotonic(), 0.0
    while total.bodies < share * options.jobs:
        if not any(p.is_alive() for p in processes) and results.empty():
            print("a job ended early", file=sys.stderr)
            return 1
        try:
            result = results.get(timeout=1)
        except queue.Empty:
            continue
        if isinstance(result, str):
            print(f"UNSOUND {result}", file=sys.stderr)
            return 1
        total.add(result)
        if time.monotonic() - told > 5:
            told = time.monotonic()
            print(progress(total, told - begin), flush=True)
    print(progress(total, time.monotonic() - begin))
    print(f"worst body, {total.worst / 1000:.0f} us: {total.worst_body.hex()}")
    return 0


def progress(tally: Tally, seconds: float) -> str:
    """Return how far it is."""
    mean = tally.nanoseconds / tally.bodies / 1000
    verdicts = ", ".join(f"{name} {n}" for name, n in tally.verdicts.most_common())
    return (
        f"{tally.bodies:,} bodies, {tally.octets / 1e6:,.0f} MB, "
        f"{tally.bodies / seconds:,.0f} a second, codec {mean:.1f} us each, "
        f"worst {tally.worst / 1000:.0f} us; {verdicts}"
    )


if __name__ == "__main__":
    sys.exit(main())
