"""``python -m evpnd.speaker [--flush-on-exit] FILE``: ExaBGP with evpnd in it.

FILE is what `launcher` wrote. The exit status is 1 when port 179 cannot be had. The
agent is started before ExaBGP is imported: both have much to import, side by side.
"""

import argparse
import signal
import sys
from pathlib import Path

from evpnd import log
from evpnd.speaker.process.first_agent import start_first


def main() -> int:
    """Run until SIGTERM; return the exit status."""
    # Before ExaBGP has its own handler; the agent is about to read the YAML anyway.
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)
    parser = argparse.ArgumentParser(prog="python -m evpnd.speaker")
    parser.add_argument("--flush-on-exit", action="store_true")
    parser.add_argument("--log-format", choices=log.FORMATS, default=log.FORMATS[0])
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    agent = start_first(arguments.file)
    from evpnd.speaker.main import run  # noqa: PLC0415

    return run(
        arguments.file,
        agent,
        flush_on_exit=arguments.flush_on_exit,
        log_format=arguments.log_format,
    )


if __name__ == "__main__":
    sys.exit(main())
