"""Clients that are many, slow, or gone cost the daemon a bounded little."""

import asyncio
import contextlib
import gc
import json
import os
import resource
import socket
import threading
import time
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from evpnd.adapters.control import server as server_module
from evpnd.adapters.control.client import RequestFailed, request
from evpnd.adapters.control.server import MAX_CLIENTS, Answer, ControlServer

SHOW: dict[str, object] = {"command": "show", "what": "macs"}
LINE = json.dumps(SHOW).encode() + b"\n"
LONG = 4 << 20
"""Octets of a long answer, at least."""
PATIENCE = 20.0

Given = Callable[[dict[str, object]], Answer | Awaitable[Answer]]


@contextmanager
def serving(path: Path, answer: Given) -> Iterator[list[dict[str, object]]]:
    """Serve from a thread's event loop until left; gives what asyncio complained of."""
    loop = asyncio.new_event_loop()
    complaints: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    control = ControlServer(path, answer)
    loop.run_until_complete(control.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield complaints
    finally:
        asyncio.run_coroutine_threadsafe(control.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def measured() -> Iterator[Callable[[], int]]:
    """Measure the memory that is allocated since, with the collector off."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()


def connect(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE)
    sock.connect(str(path))
    return sock


def wait_for(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def values(_question: dict[str, object]) -> Answer:
    """Answer with values that the daemon encodes."""
    return {"ok": True, "result": [{"text": "x" * 1000}] * (LONG // 1000)}


async def _stream() -> AsyncGenerator[bytes, None]:
    yield b'{"ok":true,"result":"'
    for _ in range(LONG // (64 << 10)):
        yield b"x" * (64 << 10)
    yield b'"}\n'


def pieces(_question: dict[str, object]) -> Answer:
    """Answer with pieces that come from elsewhere."""
    return _stream()


@pytest.mark.parametrize("answer", [values, pieces])
def test_a_client_that_leaves_in_the_middle_of_an_answer_leaves_nothing_behind(
    tmp_path: Path, answer: Given
) -> None:
    path = tmp_path / "s"

    def ask_and_leave() -> None:
        with connect(path) as client:
            client.sendall(LINE)
            client.recv(1000)

    with serving(path, answer) as complaints, measured() as allocated:
        ask_and_leave()
        time.sleep(0.2)
        before = allocated()
        for _ in range(10):
            ask_and_leave()

        assert wait_for(lambda: allocated() - before < LONG // 8), allocated() - before
        assert request(path, SHOW)["ok"] is True
        assert complaints == []


def test_slow_readers_hold_little_all_together_and_the_others_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "HELD", 3 * LONG)
    path = tmp_path / "s"
    with (
        serving(path, values),
        ExitStack() as stack,
        measured() as allocated,
    ):
        slow = [stack.enter_context(connect(path)) for _ in range(20)]
        for client in slow:
            client.sendall(LINE)
        refused = []
        for client in slow:
            begin = client.recv(100)
            if begin.startswith(b'{"ok":false'):
                refused.append(begin)
        held = allocated()

        assert len(refused) >= 17
        assert b"other clients do not read" in refused[0]
        assert held < 5 * LONG
        # Small answers are given all the time.
        assert request(path, {"command": "nothing"})["ok"] is False


def test_slow_readers_of_a_stream_hold_a_piece_each(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(path, pieces), ExitStack() as stack, measured() as allocated:
        slow = [stack.enter_context(connect(path)) for _ in range(20)]
        for client in slow:
            client.sendall(LINE)
            client.recv(100)

        assert allocated() < LONG


def test_a_reader_that_stalls_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "TAKING", 0.2)
    path = tmp_path / "s"
    with serving(path, pieces), connect(path) as slow:
        slow.sendall(LINE)
        slow.recv(100)
        time.sleep(1.0)
        got = 0
        with contextlib.suppress(ConnectionResetError):
            while some := slow.recv(1 << 20):
                got += len(some)

        assert got < LONG


def test_clients_beyond_the_bound_are_told_and_served_when_others_left(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s"
    with serving(path, lambda _: {"ok": True}) as complaints:
        with ExitStack() as stack:
            for _ in range(MAX_CLIENTS):
                client = stack.enter_context(connect(path))
                client.sendall(LINE)
                assert client.recv(100) == b'{"ok":true}\n'
            for _ in range(10):
                answer = request(path, SHOW)
                assert (answer["ok"], "too many clients" in str(answer["error"])) == (
                    False,
                    True,
                )

        assert wait_for(lambda: request(path, SHOW)["ok"] is True)
        assert complaints == []


def test_where_descriptors_are_few_some_are_kept_back(tmp_path: Path) -> None:
    """The limit is the process's: a child has the server."""
    path = tmp_path / "s"
    ready, begun = os.pipe()
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        os.closerange(begun + 1, 4096)
        os.closerange(3, begun)

        def answer(_question: dict[str, object]) -> Answer:
            # What a reload needs.
            files = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
            for fd in files:
                os.close(fd)
            return {"ok": True}

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda *_: os._exit(3))
            await ControlServer(path, answer).start()
            os.write(begun, b".")
            await asyncio.Event().wait()

        with contextlib.suppress(BaseException):
            asyncio.run(main())
        os._exit(4)
    os.close(begun)
    try:
        assert os.read(ready, 1) == b"."
        with ExitStack() as stack:
            answers = []
            for _ in range(60):
                client = stack.enter_context(connect(path))
                with contextlib.suppress(BrokenPipeError):
                    client.sendall(LINE)
                answers.append(json.loads(client.recv(1000))["ok"])

            assert answers[:20] == [True] * 20
            assert answers[-5:] == [False] * 5
        assert wait_for(lambda: request(path, SHOW)["ok"] is True)
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(ready)


def test_a_client_that_is_refused_before_it_asks_reads_why(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def refuse() -> None:
            client, _ = listener.accept()
            with client:
                client.send(b'{"ok":false,"error":"too many clients"}\n')

        thread = threading.Thread(target=refuse)
        thread.start()
        with contextlib.suppress(RequestFailed):
            answer = request(path, SHOW)
            assert answer == {"ok": False, "error": "too many clients"}
        thread.join()
