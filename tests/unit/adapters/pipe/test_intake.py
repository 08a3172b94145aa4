"""Lines are read no faster than rows are written, and always again."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator

import pytest

from evpnd.adapters.pipe.intake import BACKLOG_LEAST, BACKLOG_MOST, Intake


class Rows:
    """A queue of rows that are written when a test says so."""

    def __init__(self) -> None:
        self.queue: list[int | Callable[[], None]] = []
        self.few: tuple[int, Callable[[], None]] | None = None

    def backlog(self) -> int:
        return sum(each for each in self.queue if isinstance(each, int))

    def call_when_done(self, done: Callable[[], None]) -> None:
        self.queue.append(done)

    def call_when_few(self, most: int, few: Callable[[], None]) -> None:
        self.few = most, few

    def send(self, rows: int) -> None:
        """Write some rows of the first turn."""
        first = self.queue[0]
        assert isinstance(first, int)
        self.queue[0] = first - rows
        if self.few is not None and self.backlog() <= self.few[0]:
            _, few = self.few
            self.few = None
            few()

    def write(self) -> None:
        """Write what one turn submitted, and call back what follows it."""
        self.queue.pop(0)
        while self.queue and not isinstance(self.queue[0], int):
            done = self.queue.pop(0)
            assert callable(done)
            done()


class Bench:
    def __init__(self) -> None:
        self.rows = Rows()
        self.input, self.output = os.pipe()
        self.read = b""
        self.intake = Intake(self.input, self._readable, self.rows)

    def _readable(self) -> None:
        self.read += os.read(self.input, 100)

    def submit(self, rows: int) -> None:
        self.rows.queue.append(rows)
        self.intake.pace()

    async def hears(self, octets: bytes) -> bool:
        """Return whether octets that are sent now are read soon."""
        self.read = b""
        os.write(self.output, octets)
        for _ in range(5):
            await asyncio.sleep(0.001)
        return octets in self.read


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    for fd in (made.input, made.output):
        os.close(fd)


def run(scenario: Coroutine[None, None, None]) -> None:
    asyncio.run(scenario)


def test_lines_wait_while_many_rows_do(bench: Bench) -> None:
    async def scenario() -> None:
        bench.intake.start()
        assert await bench.hears(b"a")
        bench.submit(BACKLOG_MOST)
        assert await bench.hears(b"b")
        bench.submit(1)
        assert not await bench.hears(b"c")
        bench.rows.write()
        bench.rows.write()
        assert await bench.hears(b"d")
        assert bench.read == b"cd"

    run(scenario())


def test_lines_are_read_again_while_the_last_rows_are_written(bench: Bench) -> None:
    async def scenario() -> None:
        bench.intake.start()
        bench.submit(BACKLOG_MOST + 1)
        bench.rows.send(BACKLOG_MOST - BACKLOG_LEAST)
        assert not await bench.hears(b"a")
        bench.rows.send(1)
        assert await bench.hears(b"b")
        assert bench.rows.backlog() == BACKLOG_LEAST

    run(scenario())


def test_who_is_called_late_does_not_end_the_next_wait(bench: Bench) -> None:
    async def scenario() -> None:
        bench.intake.start()
        bench.submit(BACKLOG_MOST + 1)
        assert bench.rows.few is not None
        _, late = bench.rows.few
        bench.rows.write()
        bench.submit(BACKLOG_MOST + 1)
        late()
        assert not await bench.hears(b"a")
        bench.rows.write()
        assert await bench.hears(b"b")

    run(scenario())


def test_the_rows_of_a_later_turn_are_waited_for_as_well(bench: Bench) -> None:
    async def scenario() -> None:
        bench.intake.start()
        bench.submit(BACKLOG_MOST + 1)
        bench.submit(BACKLOG_LEAST + 1)
        bench.rows.write()
        assert not await bench.hears(b"a")
        bench.rows.write()
        assert await bench.hears(b"b")

    run(scenario())


def test_lines_are_read_again_whatever_the_count_of_rows_says(bench: Bench) -> None:
    async def scenario() -> None:
        bench.intake.start()
        bench.submit(BACKLOG_MOST + 1)
        # Rows that are never counted as written.
        bench.rows.queue.insert(0, BACKLOG_MOST)
        done = bench.rows.queue.pop()
        bench.rows.queue.pop()
        assert callable(done)
        done()
        assert await bench.hears(b"a")

    run(scenario())


def test_the_kernel_is_busy_while_it_has_more_than_it_needs(bench: Bench) -> None:
    async def scenario() -> None:
        bench.intake.start()
        assert not bench.intake.is_busy()
        bench.submit(BACKLOG_LEAST)
        assert not bench.intake.is_busy()
        bench.submit(1)
        assert bench.intake.is_busy()

    run(scenario())
