"""A real control socket with answers that a test gives, and commands as processes."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evpnd.adapters.control.server import ControlServer

Answer = dict[str, object]


class Daemon:
    """Answers every request alike and keeps what was asked."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.path = path
        self.answer = answer
        self.asked: list[dict[str, object]] = []

    def reply(self, question: dict[str, object]) -> Answer:
        self.asked.append(question)
        return self.answer


@contextmanager
def daemon(path: Path, answer: Answer) -> Iterator[Daemon]:
    """Serve from a thread's event loop until left."""
    served = Daemon(path, answer)
    loop = asyncio.new_event_loop()
    control = ControlServer(path, served.reply)
    loop.run_until_complete(control.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield served
    finally:
        asyncio.run_coroutine_threadsafe(control.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def evpnd(*words: str, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run a command line of evpnd as its own process."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-m", "evpnd.cli.main", *words],
        text=True,
        check=False,
        timeout=60,
        **given,
    )
