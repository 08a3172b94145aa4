import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from evpnd.adapters.netlink.preflight import (
    _proc_address,
    _read_address,
    bgp_port_holder,
)
from evpnd.adapters.netlink.zebra import _ask_vty


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as sock:
        yield sock


def test_the_process_that_listens_is_named(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    found = bgp_port_holder(["127.0.0.1"], port=port)

    assert found is not None
    assert found.startswith(f"port {port} on 127.0.0.1 is taken by ")
    assert f"(pid {os.getpid()})" in found
    assert bgp_port_holder(["127.0.0.2"], port=port) is None


@pytest.mark.parametrize(
    ("held", "wanted", "way_out"),
    [
        (
            "127.0.0.1",
            "",
            "give each peer a local-address that is not 127.0.0.1, or stop ",
        ),
        ("127.0.0.1", "127.0.0.1", "give the peers another local-address, or stop "),
        ("0.0.0.0", "127.0.0.1", "and give each peer another local-address"),
    ],
)
def test_the_way_out_is_an_address_for_each(
    held: str, wanted: str, way_out: str
) -> None:
    with closing(socket.create_server((held, 0))) as sock:
        found = bgp_port_holder([wanted], port=sock.getsockname()[1])

    assert found is not None
    assert way_out in found


def test_an_address_that_is_not_there_is_not_taken() -> None:
    assert bgp_port_holder(["192.0.2.1"], port=1) is None


def test_an_address_is_written_as_proc_writes_it() -> None:
    assert _proc_address(socket.AF_INET, "127.0.0.1") == "0100007F"
    assert _proc_address(socket.AF_INET6, "::1") == "0" * 24 + "01000000"
    assert _read_address("0100007F") == "127.0.0.1"
    assert _read_address("0" * 24 + "01000000") == "::1"


def answer(server: socket.socket, replies: list[bytes]) -> None:
    connection, _ = server.accept()
    with connection:
        for reply in replies:
            if connection.recv(1000):
                connection.sendall(reply)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b'{"100":{}}\n\0\0\0\0', '{"100":{}}'),
        (b"\0\0\0\0", ""),
    ],
)
def test_a_vty_answer_ends_with_three_nuls_and_a_status(
    tmp_path: Path, reply: bytes, expected: str
) -> None:
    path = str(tmp_path / "vty")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as server:
        server.bind(path)
        server.listen()
        replies = [b"\0\0\0\0", reply]
        zebra = threading.Thread(target=answer, args=(server, replies))
        zebra.start()

        assert _ask_vty(path, "show evpn vni json") == expected
        zebra.join()


def test_a_vty_that_hangs_up_is_an_oserror(tmp_path: Path) -> None:
    path = str(tmp_path / "vty")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as server:
        server.bind(path)
        server.listen()
        zebra = threading.Thread(target=answer, args=(server, [b"half an answer"]))
        zebra.start()

        with pytest.raises(OSError, match="vty"):
            _ask_vty(path, "show evpn vni json")
        zebra.join()
