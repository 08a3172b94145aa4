"""``python -m evpnd.agent -c FILE``: the agent's process, which the speaker starts."""

from evpnd import without_openssl  # noqa: F401

# isort: split
import argparse
import asyncio
import contextlib
import gc
import os
import sys
from pathlib import Path

from evpnd import log, log_stream
from evpnd.adapters import accepted, descriptors
from evpnd.adapters.config_child.parent import Unreadable, read_config
from evpnd.agent.loop import Agent
from evpnd.process_title import set_title

SWITCH_INTERVAL = 0.0005
"""Seconds. The kernel's writer thread comes back from a send for the interpreter
lock; Python's 5 ms would make it wait longer than the send took."""
GC_THRESHOLD = 50_000
"""Allocations between collections: the tables are large and hold no cycles."""


def main() -> None:
    """Run the agent; the speaker gives the arguments."""
    parser = argparse.ArgumentParser(prog="evpnd-agent", description=__doc__)
    parser.add_argument("-c", "--config", type=Path, required=True)
    parser.add_argument(
        "--accepted", type=Path, help="The configuration in force; read instead."
    )
    parser.add_argument(
        "--accepted-from", type=int, help="A pipe that tells its path, or ends."
    )
    parser.add_argument("--record", type=Path, help="The recording to write.")
    arguments = parser.parse_args()
    set_title("agent", "-c", str(arguments.config))
    if arguments.accepted_from is not None:
        with open(arguments.accepted_from, "rb") as pipe:  # noqa: PTH123
            named = pipe.read()
        if not named:
            return
        arguments.accepted = Path(os.fsdecode(named))
    stderr = log_stream.install(log.dropped_lines)
    descriptors.raise_limit()
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    kept: Path | None = arguments.accepted
    config = None if kept is None else accepted.recall(kept)
    if config is None:
        try:
            config = asyncio.run(read_config(arguments.config))
        except Unreadable as refused:
            sys.exit(str(refused))
        if kept is not None:
            with contextlib.suppress(OSError):
                accepted.keep(config, kept)
    log.configure(config.log.format, config.log.level)
    gc.freeze()
    with contextlib.suppress(KeyboardInterrupt):
        agent = Agent(config, kept, arguments.record)
        agent.reports.log = stderr
        asyncio.run(agent.run())


if __name__ == "__main__":
    main()
