"""Buffers of a connection: whole messages in, whole messages out, in order."""
# ruff: noqa: TID251 # the extension's classes stand on exabgp's

import socket
from collections.abc import Iterator

import pytest
from exabgp.bgp.message import Notify
from exabgp.protocol.family import AFI
from exabgp.reactor.network.error import LostConnection

from evpnd.model.numbers import MARKER
from evpnd.speaker.session.connection import (
    SpeakerIncoming,
    header_fault,
    plain_issue,
)

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


def read(connection: SpeakerIncoming) -> tuple[int, bytes]:
    while (message := connection.next_message()) is None:
        pass
    return message


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (header(19, 4), None),
        (header(4096, 2), None),
        (header(23, 5), None),
        (bytes(19), "01 01"),
        (header(18, 4), "01 02 0012"),
        (header(4097, 2), "01 02 1001"),
        (header(20, 4), "01 02 0014"),
        (header(22, 2), "01 02 0016"),
        (header(28, 1), "01 02 001c"),
        (header(20, 3), "01 02 0014"),
        (header(19, 0), "01 03 00"),
        (header(19, 6), "01 03 06"),
    ],
)
def test_headers_are_judged_as_the_rfc_says(octets: bytes, fault: str | None) -> None:
    found = header_fault(octets)

    assert (found and found.message()[19:]) == (fault and bytes.fromhex(fault))


@pytest.mark.parametrize(
    ("issue", "told"),
    [
        (
            (
                "Could not connect to peer 10.9.0.1:179 ([Errno ENETUNREACH] "
                "[Errno 101] Network is unreachable)"
            ),
            "cannot connect to 10.9.0.1 port 179: Network is unreachable",
        ),
        (
            (
                "Could not bind to local ip 10.9.0.77 - [Errno 99] Cannot assign "
                "requested address"
            ),
            "cannot use the local address 10.9.0.77: Cannot assign requested address",
        ),
        ("something else", "something else"),
    ],
)
def test_why_no_connection_is_begun_is_said_in_our_words(issue: str, told: str) -> None:
    assert plain_issue(issue, "10.9.0.1 port 179", "10.9.0.77") == told


def test_what_follows_a_message_stays_for_the_next_reader(
    ends: tuple[SpeakerIncoming, socket.socket],
) -> None:
    connection, far = ends
    far.sendall(OPEN + KEEPALIVE + OPEN[:7])

    assert read(connection) == (1, OPEN[19:])
    assert read(connection) == (4, b"")
    assert connection.take() == OPEN[:7]


def test_a_message_in_pieces_is_waited_for(
    ends: tuple[SpeakerIncoming, socket.socket],
) -> None:
    connection, far = ends
    far.sendall(OPEN[:20])
    assert connection.next_message() is None
    far.sendall(OPEN[20:])

    assert read(connection) == (1, OPEN[19:])


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (bytes(19), Notify),
        (KEEPALIVE, Notify),
        (header(18, 1), Notify),
        (NOTIFICATION, LostConnection),
    ],
)
def test_what_is_no_open_is_seen_at_once(
    ends: tuple[SpeakerIncoming, socket.socket],
    octets: bytes,
    expected: type[Exception],
) -> None:
    connection, far = ends
    far.sendall(octets)
    while not connection.fill():
        pass

    with pytest.raises(expected):
        connection.offered_identifier()


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


def test_what_the_far_host_took_is_acknowledged_and_the_rest_outstanding(
    ends: tuple[SpeakerIncoming, socket.socket],
) -> None:
    near, _ = ends
    near.queue(KEEPALIVE)
    assert (near.acknowledged, near.outstanding) == (0, len(KEEPALIVE))
    near.flush()
    while near.outstanding:  # the kernel's own acknowledgement, on loopback
        pass
    assert near.acknowledged == len(KEEPALIVE)

    # Nobody reads: the window shuts, and what is queued then stays.
    for _ in range(64):
        near.queue(bytes(1 << 20))
        if not near.flush():
            break
    taken, waiting = near.acknowledged, near.outstanding
    assert waiting > 0
    assert taken + waiting == near._queued
