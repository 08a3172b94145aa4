"""Addresses are replaced, and nothing else is."""

from pathlib import Path

import pytest

from evpnd.adapters.recording.answers import answer
from evpnd.adapters.recording.replay import Replay
from evpnd.model.events import FdbObserved, NotificationSeen
from evpnd.model.ids import Peer, format_ip, format_mac, parse_ip, parse_mac
from evpnd.model.rows import FdbRow
from evpnd.recording.anonymise import Anonymiser
from evpnd.recording.records import Happened, Record, RecordError, Said, State

KEY = bytes(range(32))


def anonymised(*given: Record) -> list[Record]:
    anonymiser = Anonymiser(KEY)
    for each in given:
        anonymiser.look(each)
    anonymiser.settle()
    found = [anonymiser.replace(each) for each in given]
    return [each for each in found if each is not None]


def test_an_address_is_the_same_wherever_it_stands() -> None:
    mac, vtep = parse_mac("02:11:22:33:44:55"), parse_ip("10.1.2.3")
    row = FdbRow(True, 5, mac, 0, 2, 0, vtep)  # type: ignore[arg-type]
    text = f"{format_mac(mac)} is at {format_ip(vtep)}."
    told, seen = anonymised(
        Happened(1.0, FdbObserved([row])),
        Happened(1.0, NotificationSeen(Peer("10.1.2.3"), text)),
    )

    assert isinstance(told, Happened)
    assert isinstance(told.event, FdbObserved)
    assert isinstance(seen, Happened)
    assert isinstance(seen.event, NotificationSeen)
    (other,) = told.event.rows
    assert other.mac != mac
    assert other.dst != vtep
    assert seen.event.peer == format_ip(other.dst)
    assert seen.event.text == f"{format_mac(other.mac)} is at {format_ip(other.dst)}."


def test_order_and_prefixes_stay() -> None:
    ips = [f"10.{a}.{b}.{c}" for a in (0, 1, 9) for b in (0, 7) for c in (1, 2)]
    given = [Happened(1.0, NotificationSeen(Peer(ip), "")) for ip in ips]

    found = [parse_ip(each.event.peer) for each in anonymised(*given)]  # type: ignore[union-attr]

    assert found == sorted(found)
    assert len({each[:3] for each in found}) == len(
        {ip.rsplit(".", 1)[0] for ip in ips}
    )
    assert {format_ip(each) for each in found}.isdisjoint(ips)


def test_what_means_something_by_itself_stays() -> None:
    text = (
        "ff:ff:ff:ff:ff:ff 01:80:c2:00:00:0e 00:00:5e:00:01:0a 224.0.0.1 ::1 12:30:05"
    )
    given = Happened(1.0, NotificationSeen(Peer("127.0.0.1"), text))

    assert anonymised(given) == [given]


def test_an_update_that_cannot_be_read_is_left_out() -> None:
    message = b"\xff" * 16 + b"\x00\x19\x02" + b"\x00\x00\x00\x05\x01\x02"

    assert anonymised(Said(1.0, "10.0.0.1", message)) == []


def test_a_state_is_refused() -> None:
    with pytest.raises(RecordError, match="begins in the middle"):
        anonymised(State(b"x"))


def rows(path: Path, what: str) -> list[dict[str, object]]:
    replay = Replay()
    replay.run(path)
    told = answer(replay, {"command": "show", "what": what})["result"]
    assert isinstance(told, list)
    return told
