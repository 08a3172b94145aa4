"""A real control socket with answers that a test gives."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from evpnd.adapters.control.server import ControlServer

Answer = dict[str, object]


class Daemon:
    """Answers every request alike, or as a function says, and keeps what was asked."""

    def __init__(self, path: Path, answer: Answer | Callable[[Answer], Answer]) -> None:
        self.path = path
        self.answer = answer
        self.asked: list[dict[str, object]] = []

    def reply(self, question: dict[str, object]) -> Answer:
        self.asked.append(question)
        return self.answer(question) if callable(self.answer) else self.answer


@contextmanager
def daemon(path: Path, answer: Answer | Callable[[Answer], Answer]) -> Iterator[Daemon]:
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
