"""Cutting messages from a stream: nothing is lost, doubled or put out of order."""
# ruff: noqa: TID251 # the extension's classes stand on exabgp's

from types import SimpleNamespace

import pytest
from exabgp.bgp.message import KeepAlive, Notify, Update
from exabgp.bgp.message.notification import Notification
from exabgp.bgp.message.open.capability import REFRESH as REFRESH_KINDS
from exabgp.bgp.message.refresh import RouteRefresh
from hypothesis import given
from hypothesis import strategies as st

from evpnd.model.numbers import MARKER
from evpnd.speaker.rib.journal import Journal
from evpnd.speaker.session.protocol import SpeakerProtocol
from evpnd.wire.messages import Refreshing, ToAgent, Updates


def message(kind: int, body: bytes = b"") -> bytes:
    return MARKER + (19 + len(body)).to_bytes(2) + bytes([kind]) + body


UPDATE = message(2, bytes.fromhex("00000006800f03001946"))
LONG = message(2, bytes(4077))
KEEPALIVE = message(4)
REFRESH = message(5, bytes.fromhex("00190046"))
BEGIN = message(5, bytes.fromhex("00190146"))
END = message(5, bytes.fromhex("00190246"))
UNKNOWN = message(5, bytes.fromhex("00190946"))


class Session:
    """A protocol with a connection that remembers, and an agent that listens."""

    def __init__(self, refresh: int = REFRESH_KINDS.ENHANCED) -> None:
        self.told: list[ToAgent] = []
        self.rest = b""
        pipe = SimpleNamespace(send=self.told.append, send_updates=self._hear_updates)
        self.protocol = SpeakerProtocol.__new__(SpeakerProtocol)
        self.journal = Journal()
        self.phases: list[str] = []
        self.protocol.peer = SimpleNamespace(
            address="10.0.0.2",
            reactor=SimpleNamespace(processes=pipe),
            journal=self.journal,
            note_refresh=self.phases.append,
        )
        self.protocol.connection = SimpleNamespace(put_back=self._put_back)
        self.protocol.negotiated = SimpleNamespace(refresh=refresh)

    def _hear_updates(self, peer: str, updates: bytes) -> None:
        self.told.append(Updates(peer, updates))

    def _put_back(self, rest: bytes) -> None:
        self.rest = rest

    def receive(self, octets: bytes) -> list[type]:
        received, self.rest = self.rest + octets, b""
        return [type(item) for item in self.protocol._consume(received)]

    def updates(self) -> bytes:
        return b"".join(
            each.messages for each in self.told if isinstance(each, Updates)
        )


def test_the_updates_of_one_read_are_handed_on_together() -> None:
    session = Session()
    session.receive(UPDATE * 3 + LONG)

    assert session.told == [Updates("10.0.0.2", UPDATE * 3 + LONG)]


def test_marks_of_a_refresh_stand_between_the_updates_around_them() -> None:
    session = Session()
    session.receive(UPDATE + BEGIN + LONG)

    assert session.told == [
        Updates("10.0.0.2", UPDATE),
        Refreshing("10.0.0.2", ended=False),
        Updates("10.0.0.2", LONG),
    ]
    assert session.phases == ["begin"]


def test_a_request_is_given_to_exabgp_and_an_unknown_subtype_to_nobody() -> None:
    session = Session()

    assert session.receive(REFRESH)[0] is RouteRefresh
    assert RouteRefresh not in session.receive(UNKNOWN)
    assert not session.told


def test_a_refresh_of_a_bad_length_is_no_refresh_error_without_the_capability() -> None:
    session = Session(REFRESH_KINDS.NORMAL)

    with pytest.raises(Notify) as raised:
        session.receive(message(5, bytes(3)))
    assert (raised.value.code, raised.value.subcode) == (1, 2)


@pytest.mark.parametrize("octets", [message(5, bytes.fromhex("00010001")), END * 2])
def test_other_families_and_ends_without_a_begin_mean_nothing(octets: bytes) -> None:
    session = Session()

    assert RouteRefresh not in session.receive(octets)
    assert not session.phases


def test_marks_of_a_peer_that_has_no_enhanced_refresh_mean_nothing() -> None:
    session = Session(REFRESH_KINDS.NORMAL)
    session.receive(BEGIN + END)

    assert not session.phases


def test_keepalives_count_as_signs_of_life_and_parts_of_messages_do_not() -> None:
    session = Session()

    assert session.receive(KEEPALIVE)[0] is KeepAlive
    assert Update in session.receive(UPDATE)
    assert {KeepAlive, Update}.isdisjoint(session.receive(UPDATE[:20]))


def test_a_notification_comes_after_the_updates_before_it() -> None:
    session = Session()

    with pytest.raises(Notification) as raised:
        session.receive(UPDATE + message(3, b"\x06\x02"))
    assert (raised.value.code, raised.value.subcode) == (6, 2)
    assert session.updates() == UPDATE


@pytest.mark.parametrize(
    ("octets", "expected", "data"),
    [
        (bytes(19), (1, 1), b""),
        (MARKER + b"\x10\x01\x02", (1, 2), b"\x10\x01"),
        (MARKER + b"\x00\x13\x07", (1, 3), b"\x07"),
        (message(1, bytes(10)), (5, 3), b"\x01"),
        (message(5, b"\0\x19\0"), (7, 1), message(5, b"\0\x19\0")),
        (message(5, bytes(9)), (7, 1), message(5, bytes(9))),
    ],
)
def test_faults_are_answered_with_what_was_wrong(
    octets: bytes, expected: tuple[int, int], data: bytes
) -> None:
    session = Session()

    with pytest.raises(Notify) as raised:
        session.receive(UPDATE + octets)
    assert (raised.value.code, raised.value.subcode) == expected
    assert raised.value.data == data
    assert session.updates() == UPDATE


@given(
    st.lists(st.sampled_from([UPDATE, LONG, KEEPALIVE, REFRESH, BEGIN]), max_size=20),
    st.lists(st.integers(1, 5000), min_size=1),
)
def test_wherever_the_stream_is_cut_the_updates_are_the_same(
    stream: list[bytes], cuts: list[int]
) -> None:
    session = Session()
    octets, position, turn = b"".join(stream), 0, 0
    while position < len(octets):
        size = cuts[turn % len(cuts)]
        session.receive(octets[position : position + size])
        position, turn = position + size, turn + 1

    assert session.updates() == b"".join(m for m in stream if m[18] == 2)
    assert b"".join(session.journal.pieces()) == session.updates()
    assert session.rest == b""
