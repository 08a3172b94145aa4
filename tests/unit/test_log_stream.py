"""Standard error that takes nothing costs log lines, and nothing else."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evpnd.log_stream import LogStream

PATIENCE = 20.0


def lost(count: int) -> str:
    return f"dropped {count}"


@contextmanager
def unread_pipe() -> Iterator[tuple[int, int]]:
    """Give both ends of a pipe that is full."""
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b"-" * (size - 1) + b"\n")
    try:
        yield reader, writer
    finally:
        os.close(writer)
        os.close(reader)


def test_lines_come_out_whole_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        stream = LogStream(file.fileno(), lost)
        stream.write("one\ntw")
        stream.write("o\nthr\udc80ee\n")
        print("four", file=stream)
        stream.write("five")
        stream.drain()

    assert path.read_text() == "one\ntwo\nthr\\udc80ee\nfour\nfive\n"
    assert stream.dropped == 0


def test_a_full_disk_costs_lines_that_are_counted() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        stream = LogStream(full.fileno(), lost)
        for number in range(100):
            print(f"line {number}", file=stream, flush=True)
        stream.drain()

    assert stream.dropped == 100


def test_a_closed_pipe_costs_lines_that_are_counted() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = LogStream(writer, lost)
    for number in range(100):
        print(f"line {number}", file=stream, flush=True)
    stream.drain()
    os.close(writer)

    assert stream.dropped == 100


def test_a_closed_descriptor_costs_lines_that_are_counted() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    stream = LogStream(writer, lost)
    stream.write("line\n")
    stream.drain()

    assert stream.dropped == 1


def test_a_pipe_that_nobody_reads_holds_nobody_up_and_the_drops_are_told() -> None:
    with unread_pipe() as (reader, writer):
        stream = LogStream(writer, lost, limit=10_000)
        began = time.monotonic()
        for number in range(10_000):
            print(f"line {number:4}", file=stream, flush=True)
        took = time.monotonic() - began
        dropped = stream.dropped

        got = b""
        while b"dropped" not in got or not got.endswith(b" 999\n"):
            got += os.read(reader, 4096)
            if got.count(b"\n") == 1 + 1000 + 1:
                break

    lines = got.decode().splitlines()[1:]
    assert took < PATIENCE
    assert dropped == 9000
    assert "dropped 9000" in lines
    assert [line for line in lines if line.startswith("line")] == [
        f"line {number:4}" for number in range(1000)
    ]


def test_the_farewell_to_a_pipe_that_nobody_reads_is_short() -> None:
    with unread_pipe() as (_, writer):
        stream = LogStream(writer, lost)
        stream.write("line\n")
        began = time.monotonic()
        stream.drain(0.1)

        assert 0.1 <= time.monotonic() - began < PATIENCE


def test_a_non_blocking_pipe_is_waited_for_by_the_thread_alone() -> None:
    with unread_pipe() as (reader, writer):
        os.set_blocking(writer, False)
        stream = LogStream(writer, lost)
        stream.write("late\n")
        threading.Event().wait(0.05)
        os.read(reader, 4096)

        assert os.read(reader, 4096) == b"late\n"
        stream.drain()
    assert stream.dropped == 0


def test_a_line_that_was_torn_does_not_spoil_the_next(tmp_path: Path) -> None:
    """A file that may not grow beyond 100 octets, for a while."""
    program = """
import resource, sys, os
from evpnd.log_stream import LogStream
stream = LogStream(1, lambda count: f"dropped {count}")
resource.setrlimit(resource.RLIMIT_FSIZE, (100, -1))
stream.write("a" * 69 + "\\n")
stream.drain(10)
stream.write("b" * 69 + "\\n")
stream.write("c" * 69 + "\\n")
stream.drain(10)
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
stream.write("d\\n")
stream.drain(10)
"""
    path = tmp_path / "log"
    with path.open("wb") as file:
        subprocess.run([sys.executable, "-c", program], stdout=file, check=True)

    assert path.read_text().splitlines() == ["a" * 69, "b" * 30, "d", "dropped 2"]


def test_threads_may_write_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        stream = LogStream(file.fileno(), lost)

        def write(number: int) -> None:
            for _ in range(500):
                stream.write(f"{number}" * 50 + "\n")

        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stream.drain(PATIENCE)

    lines = path.read_text().splitlines()
    assert sorted(lines) == sorted(f"{n}" * 50 for n in range(4) for _ in range(500))


def test_a_forked_process_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        stream = LogStream(file.fileno(), lost)
        stream.write("parent\n")
        stream.drain()
        pid = os.fork()
        if pid == 0:
            stream.write("child\n")
            stream.drain(5)
            os._exit(0)
        os.waitpid(pid, 0)

    assert path.read_text() == "parent\n"


@pytest.mark.parametrize("program", ["1/0", "import sys; sys.exit('a reason')"])
def test_the_last_words_of_a_process_are_written(program: str) -> None:
    begin = "from evpnd import log_stream; log_stream.install(str)\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] in (
        "ZeroDivisionError: division by zero",
        "a reason",
    )
