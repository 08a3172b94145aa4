"""The commands' end of the control socket, where the agent comes and goes."""

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from evpnd.adapters.control.client import NoDaemon, RequestFailed, is_answered, request

QUESTION: dict[str, object] = {"command": "show"}


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket in the file system at which nobody listens yet."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(str(tmp_path / "s"))
        yield sock


def test_an_agent_that_starts_again_is_waited_for(bound: socket.socket) -> None:
    def answer() -> None:
        time.sleep(0.3)
        bound.listen()
        connection, _ = bound.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b'{"ok": true}\n')

    thread = Thread(target=answer)
    thread.start()
    try:
        assert request(Path(bound.getsockname()), QUESTION) == {"ok": True}
    finally:
        thread.join()


def test_one_that_does_not_come_back_is_not_there(bound: socket.socket) -> None:
    path = Path(bound.getsockname())

    assert not is_answered(path)
    with pytest.raises(NoDaemon, match="start it with"):
        request(path, QUESTION)


def test_where_there_never_was_one_nobody_waits(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(NoDaemon):
        request(tmp_path / "none", QUESTION)
    assert time.monotonic() - start < 1.9


def test_an_agent_that_dies_over_its_answer_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(str(tmp_path / "s"))
        sock.listen()

        def die() -> None:
            connection, _ = sock.accept()
            # Closed with something unread: the other end sees a reset.
            connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            time.sleep(0.1)
            connection.close()

        thread = Thread(target=die)
        thread.start()
        with pytest.raises(RequestFailed, match="ended before it answered; ask again"):
            request(tmp_path / "s", QUESTION)
        thread.join()
