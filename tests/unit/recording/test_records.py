"""Lines of a recording."""

import json
from pathlib import Path
from typing import get_args

import pytest

from evpnd.adapters.config import load_config
from evpnd.model.config import Config
from evpnd.model.events import (
    Event,
    LinkVanished,
    PeerWentDown,
    RowFailed,
    UpdateReceived,
)
from evpnd.model.ids import Peer
from evpnd.recording.records import (
    VERSION,
    Cleared,
    ClearedPeer,
    Ended,
    Happened,
    Header,
    Lost,
    Noticed,
    Record,
    RecordError,
    Said,
    State,
    Told,
    Turned,
    read_record,
    write_record,
)
from evpnd.recording.values import form_of
from evpnd.wire.messages import Down, Hello, Shutdown
from tests.conformance.case import DEFAULT_CONFIG

KEEPALIVE = b"\xff" * 16 + b"\x00\x13\x04"


@pytest.fixture
def config() -> Config:
    return load_config(Path(DEFAULT_CONFIG))


def test_every_record_comes_back(config: Config) -> None:
    records: list[Record] = [
        Header("1.2", "host1", "5-1.5", 2, 1.25, 1e9, config, "abc"),
        State(bytes(range(256))),
        Said(0.1, "2001:db8::1", KEEPALIVE * 2),
        Told(1 / 3, Down("10.0.0.1", "hold timer", graceful=True)),
        Told(2.0, Hello("1", ("10.0.0.1",), "a")),
        Told(2.0, Shutdown(flush=True)),
        Happened(3.5, LinkVanished(7)),
        Happened(3.5, RowFailed("fdb", 5, b"\x02" * 6, 22, deleting=False)),
        Happened(3.5, PeerWentDown(Peer("10.0.0.1"), "gone")),
        Turned(1e6 + 1e-6, 512),
        Cleared(4.0, 100, b"\x02" * 6),
        ClearedPeer(4.0, "rr1", soft=True),
        Noticed(4.0, "info", "reloaded", {"changes": ["a"]}),
        Lost(5.0, 17),
        Ended(6.0, "the agent stopped"),
    ]

    assert [read_record(write_record(each)) for each in records] == records
    assert [read_record(write_record(each).encode()) for each in records] == records


def test_every_kind_of_event_has_a_form() -> None:
    for kind in get_args(Event):
        if kind is not UpdateReceived:  # is recorded as it was sent
            assert form_of(kind)


def test_a_recording_of_a_newer_version_is_refused(config: Config) -> None:
    header = Header("9.0", "host1", "5-1.5", 0, 1.0, 1e9, config)
    line = json.loads(write_record(header))
    line["recording"] = VERSION + 1

    with pytest.raises(RecordError, match=r"by evpnd 9\.0; this evpnd reads"):
        read_record(json.dumps(line))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "not a line of JSON"),
        ("[]", "not an object"),
        ("{}", "nothing makes no record"),
        ('{"t":1,"event":"Exploded"}', "there is no event 'Exploded'"),
        ('{"t":1,"message":"Sung"}', "there is no message 'Sung'"),
        ('{"t":1,"do":"dance"}', "there is no record 'dance'"),
        ('{"event":"LinkVanished","ifindex":1}', "KeyError"),
        ('{"t":1,"event":"LinkVanished"}', "LinkVanished lacks ifindex"),
        ('{"t":1,"peer":"a","update":"ff"}', "no whole BGP messages"),
        ('{"t":1,"peer":"a","update":"xx"}', "not hexadecimal"),
        (b'{"t":1,"peer":"::1","update":"f"}', "not hexadecimal"),
        (b'{"t":1.5,"peer":"::1","update":"ff"}', "no whole BGP messages"),
        ('{"state":"?"}', "it is no record"),
    ],
)
def test_a_line_that_is_no_record_is_refused(line: str | bytes, says: str) -> None:
    with pytest.raises(RecordError, match=says):
        read_record(line)
