"""What waits in the pipe to the agent takes the same time, whatever it is."""

import fcntl
import os
from collections.abc import Iterator

import pytest

from evpnd.adapters.pipe.pace import FEW, LEAST, MOST, TURN, PacedPipe

CHEAP = TURN / MOST / 4
"""Seconds for an octet with which the most octets take a part of a turn."""


class Bench:
    """A pipe, and a writer that never waits."""

    def __init__(self) -> None:
        self.output, self.input = os.pipe2(os.O_NONBLOCK)
        fcntl.fcntl(self.input, fcntl.F_SETPIPE_SZ, MOST)
        self.pipe = PacedPipe(self.output)

    def fill(self) -> None:
        while True:
            try:
                os.write(self.input, bytes(LEAST))
            except BlockingIOError:
                return

    def turn(self, cost: float) -> int:
        """Let a turn read what is there, at a cost for each octet."""
        self.fill()
        octets = len(self.pipe.read())
        self.pipe.took(octets, octets * cost)
        return octets

    def capacity(self) -> int:
        return fcntl.fcntl(self.input, fcntl.F_GETPIPE_SZ)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    os.close(made.input)
    os.close(made.output)


def test_the_first_turns_are_short(bench: Bench) -> None:
    bench.turn(CHEAP)

    assert bench.turn(CHEAP) == FEW
    assert bench.capacity() == FEW


def test_turn_and_pipe_become_long_where_messages_cost_little(bench: Bench) -> None:
    turns = [bench.turn(CHEAP) for _ in range(20)]

    assert turns[1:] == sorted(turns[1:])
    assert turns[-1] == MOST
    assert bench.capacity() == MOST


def test_they_become_short_again_where_messages_cost_much(bench: Bench) -> None:
    for _ in range(20):
        bench.turn(CHEAP)
    for _ in range(20):
        bench.turn(100 * CHEAP)

    assert bench.turn(100 * CHEAP) == LEAST
    assert bench.capacity() == LEAST


@pytest.mark.parametrize(("times", "octets"), [(1.9, FEW), (2.1, LEAST)])
def test_a_turn_is_shortest_only_where_it_would_take_twice_its_time(
    bench: Bench, times: float, octets: int
) -> None:
    for _ in range(40):
        bench.turn(times * TURN / FEW)

    assert bench.turn(CHEAP) == octets


def test_a_writer_that_fills_the_pipe_again_does_not_keep_it_long(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.fill()
    read, left = os.read, [1, 1, 1]

    def read_beside_a_writer(fd: int, size: int) -> bytes:
        octets = read(fd, size)
        if left:
            left.pop()
            bench.fill()
        return octets

    monkeypatch.setattr(os, "read", read_beside_a_writer)

    assert len(bench.pipe.read()) == 4 * MOST
    assert bench.capacity() == FEW


def test_one_that_is_always_full_again_is_read_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.fill()
    read = os.read

    def read_beside_a_writer(fd: int, size: int) -> bytes:
        octets = read(fd, size)
        bench.fill()
        return octets

    monkeypatch.setattr(os, "read", read_beside_a_writer)

    assert len(bench.pipe.read()) >= MOST
    assert bench.capacity() == MOST


def test_few_octets_are_no_measure(bench: Bench) -> None:
    for _ in range(20):
        bench.turn(CHEAP)
    bench.pipe.took(1, 1.0)

    assert bench.turn(CHEAP) == MOST


def test_the_end_of_the_file_is_told(bench: Bench) -> None:
    os.write(bench.input, b"last")
    os.close(bench.input)

    assert bench.pipe.read() == b"last"
    assert bench.pipe.read() == b""
    bench.input = os.dup(bench.output)
