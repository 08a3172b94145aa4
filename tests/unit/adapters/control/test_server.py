"""The control socket with both of its real ends."""

import asyncio
import json
import os
import socket
import stat
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evpnd.adapters.control import server as server_module
from evpnd.adapters.control.client import (
    NoDaemon,
    RequestFailed,
    is_answered,
    request,
)
from evpnd.adapters.control.server import ControlServer, SocketInUse

Answer = dict[str, object]
SHOW: Answer = {"command": "show", "what": "macs"}
STATUS: Answer = {"command": "status"}


@contextmanager
def serving(
    path: Path,
    answer: Callable[[dict[str, object]], Answer | Awaitable[Answer]],
) -> Iterator[None]:
    """Serve from a thread's event loop until left."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, _context: None)
    control = ControlServer(path, answer)
    loop.run_until_complete(control.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(control.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def raw(path: Path, octets: bytes) -> bytes:
    """Send octets as they are, end the sending, return all that comes back."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(path))
        sock.sendall(octets)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_a_request_reaches_the_daemon_and_the_answer_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "s"
    asked = []

    def answer(question: dict[str, object]) -> Answer:
        asked.append(question)
        return {"ok": True, "result": [{"mac": "é"}]}

    with serving(path, answer):
        answered = request(path, {**SHOW, "vni": 5})

    assert asked == [{"command": "show", "what": "macs", "vni": 5}]
    assert answered == {"ok": True, "result": [{"mac": "é"}]}


def test_an_answer_may_be_awaited(tmp_path: Path) -> None:
    async def answer(_question: dict[str, object]) -> Answer:
        await asyncio.sleep(0.01)
        return {"ok": True, "changes": ["peer 10.0.0.2 added"]}

    with serving(tmp_path / "s", answer):
        answered = request(tmp_path / "s", {"command": "reload"})

    assert answered == {"ok": True, "changes": ["peer 10.0.0.2 added"]}


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 100_000])
def test_a_list_of_any_length_is_one_line_of_json(tmp_path: Path, count: int) -> None:
    rows = [{"mac": f"02:{number:010x}", "vtep": "10.0.0.1"} for number in range(count)]

    with serving(tmp_path / "s", lambda _: {"ok": True, "result": iter(rows)}):
        octets = raw(tmp_path / "s", json.dumps(SHOW).encode() + b"\n")

    assert octets.count(b"\n") == 1
    assert octets.endswith(b"\n")
    assert json.loads(octets) == {"ok": True, "result": rows}


def test_a_connection_takes_many_requests(tmp_path: Path) -> None:
    with serving(tmp_path / "s", lambda _: {"ok": True, "result": {"up": 1}}):
        octets = raw(tmp_path / "s", b'{"command":"status"}\n' * 3)

    assert octets == b'{"ok":true,"result":{"up":1}}\n' * 3


@pytest.mark.parametrize(
    "garbage", [b"\n", b"GET / HTTP/1.1\r\n", b"\xff\xfe\n", b"[1]\n", b"[" * 60000]
)
def test_garbage_is_answered_with_an_error_and_costs_nobody_else(
    tmp_path: Path, garbage: bytes
) -> None:
    path = tmp_path / "s"
    with serving(path, lambda _: {"ok": True, "result": []}):
        octets = raw(path, garbage + b"\n")
        after = request(path, SHOW)

    first = json.loads(octets.splitlines()[0])
    assert first["ok"] is False
    assert first["error"]
    assert after["ok"] is True


def test_a_request_without_end_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with (
        serving(path, lambda _: {"ok": True}),
        socket.socket(socket.AF_UNIX) as sock,
    ):
        sock.settimeout(10)
        sock.connect(str(path))
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            sock.sendall(b"x" * (64 << 20))
        assert b"longer than" in sock.recv(65536)


def test_a_fault_in_a_table_is_told_and_the_daemon_lives(tmp_path: Path) -> None:
    path = tmp_path / "s"
    faults = iter([True, False])

    def answer(_question: dict[str, object]) -> Answer:
        if next(faults):
            raise KeyError("vni")
        return {"ok": True, "result": []}

    with serving(path, answer):
        first = request(path, SHOW)
        second = request(path, SHOW)

    assert first["ok"] is False
    assert "KeyError" in str(first["error"])
    assert second["ok"] is True


def test_a_client_that_does_not_read_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "TAKING", 0.5)
    path = tmp_path / "s"
    rows = [{"text": "x" * 1000}] * 20_000

    with (
        serving(path, lambda _: {"ok": True, "result": rows}),
        socket.socket(socket.AF_UNIX) as slow,
    ):
        slow.connect(str(path))
        slow.sendall(json.dumps(SHOW).encode() + b"\n")
        answered = request(path, SHOW)
        # What the slow one does not take in time is not kept for it.
        threading.Event().wait(1)
        slow.settimeout(10)
        got = 0
        try:
            while piece := slow.recv(1 << 20):
                got += len(piece)
        except ConnectionResetError:
            pass

    assert len(answered["result"]) == 20_000  # type: ignore[arg-type]
    assert got < 20_000_000


def test_only_the_owner_and_its_group_may_ask(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "s"

    with serving(path, lambda _: {"ok": True}):
        mode = path.stat().st_mode

    assert stat.S_IMODE(mode) == 0o660


def test_the_socket_goes_with_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(path, lambda _: {"ok": True}):
        assert is_answered(path)

    assert not path.exists()
    with pytest.raises(NoDaemon, match="no evpnd at"):
        request(path, STATUS)


def test_a_dead_daemons_socket_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "s"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    with pytest.raises(NoDaemon):
        request(path, STATUS)

    with serving(path, lambda _: {"ok": True}):
        assert request(path, STATUS) == {"ok": True}


def test_a_live_daemons_socket_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(path, lambda _: {"ok": True, "result": "first"}):
        second = ControlServer(path, lambda _: {"ok": True, "result": "second"})
        with pytest.raises(SocketInUse, match="another evpnd answers"):
            asyncio.run(second.start())

        assert request(path, STATUS)["result"] == "first"


def test_a_successors_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(path, lambda _: {"ok": True}):
        path.unlink()
        successor = socket.socket(socket.AF_UNIX)
        successor.bind(str(path))

    assert path.exists()
    successor.close()


def test_what_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")

    with pytest.raises(SocketInUse, match="not a socket"):
        asyncio.run(ControlServer(path, lambda _: {"ok": True}).start())

    assert path.read_text() == "precious"


@contextmanager
def answering_with(path: Path, octets: bytes) -> Iterator[None]:
    """Accept one client, take its request, send these octets, hang up."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(65536)
            client.sendall(octets)

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    thread.join()
    listener.close()


@pytest.mark.parametrize(
    ("octets", "sentence"),
    [
        (b"", "in the middle"),
        (b'{"ok":true,"result":[', "in the middle"),
        (b"SSH-2.0\n", "not evpnd"),
        (b"\xff\n", "not evpnd"),
        (b"[]\n", "not evpnd"),
    ],
)
def test_an_answer_that_is_none_is_a_sentence(
    tmp_path: Path, octets: bytes, sentence: str
) -> None:
    with (
        answering_with(tmp_path / "s", octets),
        pytest.raises(RequestFailed, match=sentence),
    ):
        request(tmp_path / "s", STATUS)


def test_a_daemon_that_does_not_answer_in_time_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        with pytest.raises(RequestFailed, match=r"within 0\.2 seconds"):
            request(tmp_path / "s", STATUS, timeout=0.2)


@pytest.mark.parametrize("path", ["/nonexistent/s", "/dev/null", "/etc/passwd/x"])
def test_where_nothing_listens_there_is_no_daemon(path: str) -> None:
    with pytest.raises(NoDaemon):
        request(Path(path), STATUS)


def test_a_path_that_is_too_long_is_a_sentence() -> None:
    with pytest.raises(RequestFailed, match="too long"):
        request(Path("/" + "x" * 200), STATUS)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")
def test_want_of_permission_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(path, lambda _: {"ok": True}):
        for folder in (tmp_path, *tmp_path.parents[:3]):
            if str(folder).count("/") > 1:
                folder.chmod(0o755)
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            try:
                request(path, STATUS)
            except RequestFailed as error:
                os._exit(0 if "permission" in str(error) else 1)
            except BaseException:  # noqa: BLE001 - the child must end here
                os._exit(2)
            os._exit(3)
        _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 0
