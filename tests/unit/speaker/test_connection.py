"""Buffers of a connection: whole messages in, whole messages out, in order."""
# ruff: noqa: TID251 # the extension's classes stand on exabgp's

import socket
from collections.abc import Iterator

import pytest
from exabgp.protocol.family import AFI
from exabgp.reactor.network.error import LostConnection

from evpnd.speaker.connection import MARKER, SpeakerIncoming, header_fault

KEEPALIVE = MARKER + b"\x00\x13\x04"
OPEN = MARKER + bytes.fromhex("001d 01 04 fde8 005a 0a000001 00")
NOTIFICATION = MARKER + b"\x00\x15\x03\x06\x02"


def header(length: int, kind: int) -> bytes:
    return MARKER + length.to_bytes(2) + bytes([kind])


@pytest.fixture
def ends() -> Iterator[tuple[SpeakerIncoming, socket.socket]]:
    listening = socket.create_server(("127.0.0.1", 0))
    far = socket.create_connection(listening.getsockname())
    near, _ = listening.accept()
    listening.close()
    connection = SpeakerIncoming(AFI.ipv4, "127.0.0.1", "127.0.0.1", near)
    yield connection, far
    connection.close()
    far.close()


def read(connection: SpeakerIncoming) -> tuple[int, int, bytes, bytes, object]:
    for item in connection.reader():
        if item[0] or item[4]:
            return item
    raise AssertionError


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (header(19, 4), None),
        (header(4096, 2), None),
        (header(23, 5), None),
        (bytes(19), (1, 1, 0)),
        (header(18, 4), (1, 2, 18)),
        (header(4097, 2), (1, 2, 4097)),
        (header(20, 4), (1, 2, 20)),
        (header(22, 2), (1, 2, 22)),
        (header(28, 1), (1, 2, 28)),
        (header(20, 3), (1, 2, 20)),
        (header(19, 0), (1, 3, 19)),
        (header(19, 6), (1, 3, 19)),
    ],
)
def test_headers_are_judged_as_the_rfc_says(
    octets: bytes, fault: tuple[int, int, int] | None
) -> None:
    assert header_fault(octets) == fault


def test_what_follows_a_message_stays_for_the_next_reader(
    ends: tuple[SpeakerIncoming, socket.socket],
) -> None:
    connection, far = ends
    far.sendall(OPEN + KEEPALIVE + OPEN[:7])

    assert read(connection)[1:4] == (1, OPEN[:19], OPEN[19:])
    assert read(connection)[1:4] == (4, KEEPALIVE, b"")
    assert connection.take() == OPEN[:7]


def test_a_message_in_pieces_is_waited_for(
    ends: tuple[SpeakerIncoming, socket.socket],
) -> None:
    connection, far = ends
    reader = connection.reader()
    far.sendall(OPEN[:20])
    assert next(reader)[0] == 0
    far.sendall(OPEN[20:])

    assert any(item[0] == len(OPEN) for item in reader)


def test_the_bgp_identifier_is_seen_before_anything_is_taken(
    ends: tuple[SpeakerIncoming, socket.socket],
) -> None:
    connection, far = ends
    assert connection.offered_identifier() is None
    far.sendall(OPEN)
    while not connection.fill():
        pass

    assert connection.offered_identifier() == 0x0A000001
    assert connection.take() == OPEN


def test_what_the_kernel_does_not_take_leaves_later_and_in_order(
    ends: tuple[SpeakerIncoming, socket.socket],
) -> None:
    connection, far = ends
    updates = b"".join(header(4096, 2) + bytes([n]) * 4077 for n in range(256)) * 20
    connection.queue(updates)
    assert not connection.flush()
    writing = connection.writer(KEEPALIVE)
    assert next(writing) is False
    received = bytearray()
    expected = updates + KEEPALIVE
    while len(received) < len(expected):
        connection.flush()
        received += far.recv(1 << 20)

    assert received == expected
    assert next(writing) is True


def test_a_notification_waits_for_nobody(
    ends: tuple[SpeakerIncoming, socket.socket],
) -> None:
    connection, _ = ends
    connection.queue(bytes(20 << 20))

    assert list(connection.writer(NOTIFICATION)) == [True]


def test_a_broken_connection_is_told_to_the_reader_alone(
    ends: tuple[SpeakerIncoming, socket.socket],
) -> None:
    connection, far = ends
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    far.close()
    for _ in range(3):
        assert list(connection.writer(KEEPALIVE)) == [True]

    with pytest.raises(LostConnection):
        connection.fill()


def test_the_end_of_the_stream_is_a_lost_connection(
    ends: tuple[SpeakerIncoming, socket.socket],
) -> None:
    connection, far = ends
    far.shutdown(socket.SHUT_WR)

    connection.io.setblocking(True)
    with pytest.raises(LostConnection, match="closed"):
        connection.fill()


def test_closing_lets_the_peer_read_the_last_words(
    ends: tuple[SpeakerIncoming, socket.socket],
) -> None:
    connection, far = ends
    far.sendall(KEEPALIVE * 1000)
    list(connection.writer(NOTIFICATION))
    connection.close()

    assert far.recv(100) == NOTIFICATION
    assert far.recv(100) == b""
    assert connection.fd() == -1
