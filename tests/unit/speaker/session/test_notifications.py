"""NOTIFICATIONs in words: what an operator reads as the last error."""
# ruff: noqa: TID251 # the extension's classes stand on exabgp's

import pytest
from exabgp.bgp.message import Notify
from hypothesis import given
from hypothesis import strategies as st

from evpnd.speaker.session.notifications import Goodbye, describe, received

SHUTDOWN = "Cease / Administrative Shutdown"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("0602", SHUTDOWN),
        ("060200", SHUTDOWN),
        ("0602" + "14" + b"maintenance until 10".hex(), '{} ("maintenance until 10")'),
        ("0602" + "05" + "für ".encode().hex(), '{} ("für")'),
        ("0602" + "02" + "0a0d", SHUTDOWN),
        ("0602" + "04" + "411b5b6d", '{} ("A [m")'),
        ("0602" + "03" + "fffe41", '{} ("\ufffd\ufffdA")'),
        ("0602" + "09" + "4142", "{} (data 0x094142)"),
        ("0604" + "02" + "6869", 'Cease / Administrative Reset ("hi")'),
        ("0601", "Cease / Maximum Number of Prefixes Reached"),
        (
            "0601" + "001946" + "000003e8",
            "Cease / Maximum Number of Prefixes Reached (AFI 25 SAFI 70, limit 1000)",
        ),
        ("0603", "Cease / Peer De-configured"),
        ("0605", "Cease / Connection Rejected"),
        ("0606", "Cease / Other Configuration Change"),
        ("0607", "Cease / Connection Collision Resolution"),
        ("0608", "Cease / Out of Resources"),
        ("0609", "Cease / Hard Reset"),
        ("0609" + "0602" + "026869", 'Cease / Hard Reset ({} ("hi"))'),
        ("0609" + "0609" * 2000, "Cease / Hard Reset (Cease / Hard Reset)"),
        ("060a", "Cease / BFD Down"),
        ("0600", "Cease / Unspecific"),
        ("0101", "Message Header Error / Connection Not Synchronized"),
        ("0102" + "1001", "Message Header Error / Bad Message Length (data 0x1001)"),
        (
            "0201" + "0004",
            "OPEN Message Error / Unsupported Version Number (version 4)",
        ),
        ("0202", "OPEN Message Error / Bad Peer AS"),
        (
            "0202" + b"who are you".hex(),
            'OPEN Message Error / Bad Peer AS ("who are you")',
        ),
        ("0206", "OPEN Message Error / Unacceptable Hold Time"),
        ("0400", "Hold Timer Expired"),
        ("0500" + "01", "Finite State Machine Error / Unspecific (data 0x01)"),
        ("0800", "Send Hold Timer Expired"),
        ("0909", "code 9 / subcode 9"),
        ("0263", "OPEN Message Error / subcode 99"),
    ],
)
def test_a_notification_received_is_named(body: str, text: str) -> None:
    said = describe(received(bytes.fromhex(body)))

    assert said == f"received: {text.format(SHUTDOWN)}"


@pytest.mark.parametrize(
    ("notification", "text"),
    [
        (Goodbye(6, 2), "Cease / Administrative Shutdown"),
        (
            Goodbye(2, 2, b"", "the peer is AS 1, configured is AS 2"),
            "OPEN Message Error / Bad Peer AS (the peer is AS 1, configured is AS 2)",
        ),
        (Goodbye(4, 0, reason="nothing"), "Hold Timer Expired (nothing)"),
        (Goodbye(1, 2, b"\x00\x12"), "Message Header Error / Bad Message Length"),
        (Notify(6, 0, "in words"), "Cease / Unspecific (in words)"),
    ],
)
def test_a_notification_sent_is_named_with_its_reason(
    notification: Notify, text: str
) -> None:
    assert describe(notification) == f"sent: {text}"


@given(st.binary(min_size=2, max_size=300))
def test_any_notification_can_be_told(body: bytes) -> None:
    assert describe(received(body)).isprintable()
