"""``python -m evpnd.speaker [--flush-on-exit] FILE``: ExaBGP with evpnd in it.

FILE is what `write_speaker` wrote: the speaker as it is, without the checks of
`evpnd run`. The exit status is 1 when port 179 cannot be had.
"""

import argparse
import signal
import sys
from pathlib import Path

from evpnd import log
from evpnd.process_title import set_title
from evpnd.speaker.main import run


def main() -> int:
    """Run until SIGTERM; return the exit status."""
    # Before ExaBGP has its own handler; the agent is about to read the YAML anyway.
    signal.signal(signal.SIGHUP, lambda _number, _frame: None)
    parser = argparse.ArgumentParser(prog="python -m evpnd.speaker")
    parser.add_argument("--flush-on-exit", action="store_true")
    parser.add_argument("--log-format", choices=log.FORMATS, default=log.FORMATS[0])
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    set_title("speaker", str(arguments.file))
    return run(
        arguments.file,
        None,
        flush_on_exit=arguments.flush_on_exit,
        log_format=arguments.log_format,
    )


if __name__ == "__main__":
    sys.exit(main())
