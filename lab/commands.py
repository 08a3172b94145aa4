"""Commands, waited for themselves and not for what they leave behind."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

_LOOK = 0.2
"""Seconds between two looks whether to give up."""
_LINES, _WIDTH = 100, 500
"""What is shown of what was printed: lines, and characters of each."""


def run_to_end(
    argv: Sequence[str],
    environment: Mapping[str, str],
    give_up: Callable[[float], bool],
) -> subprocess.CompletedProcess[str] | None:
    """Run a command until it ends; None where it was given up, and killed.

    ``give_up`` is asked now and then, with the seconds that passed. What is printed
    goes to files: a process that the command leaves behind may hold them for as long
    as it likes, where the end of a pipe would not come.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        popen = subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        start = time.monotonic()
        try:
            while popen.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    popen.wait(_LOOK)
                if popen.poll() is None and give_up(time.monotonic() - start):
                    return None
        finally:
            if popen.poll() is None:
                # What it started goes as well, unless that left its session.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(popen.pid, signal.SIGKILL)
                popen.wait()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        return subprocess.CompletedProcess(list(argv), popen.returncode, *texts)


def with_lines(text: str, printed: str) -> str:
    """Put what was printed below a text; without anything the text alone.

    Of much the end, and nothing that would do something to a terminal.
    """
    lines = printed.strip().splitlines()
    if len(lines) > _LINES:
        lines = [f"... {len(lines) - _LINES} lines before", *lines[-_LINES:]]
    text += ":" * bool(lines)
    for line in lines:
        shown = line if len(line) <= _WIDTH else f"{line[:_WIDTH]} ..."
        plain = (char if char.isprintable() else " " for char in shown)
        text += "\n    " + "".join(plain)
    return text
