"""Text for NOTIFICATIONs that we send and receive."""

from exabgp.bgp.message import Notify
from exabgp.bgp.message.notification import Notification

FSM_ERROR, CEASE = 5, 6
SHUTDOWN, RESET, HARD_RESET = 2, 4, 9
PREFIX_LIMIT = 1
"""Subcodes of Cease whose data has a meaning (RFC 4486, RFC 9003, RFC 8538)."""
DATA_SHOWN = 32
"""Octets of other data, in hexadecimal."""

CODES = {
    1: "Message Header Error",
    2: "OPEN Message Error",
    3: "UPDATE Message Error",
    4: "Hold Timer Expired",
    5: "Finite State Machine Error",
    6: "Cease",
    7: "ROUTE-REFRESH Message Error",
    8: "Send Hold Timer Expired",
}
SUBCODES = {
    (1, 1): "Connection Not Synchronized",
    (1, 2): "Bad Message Length",
    (1, 3): "Bad Message Type",
    (2, 1): "Unsupported Version Number",
    (2, 2): "Bad Peer AS",
    (2, 3): "Bad BGP Identifier",
    (2, 4): "Unsupported Optional Parameter",
    (2, 5): "Authentication Failure",
    (2, 6): "Unacceptable Hold Time",
    (2, 7): "Unsupported Capability",
    (2, 11): "Role Mismatch",
    (3, 1): "Malformed Attribute List",
    (3, 2): "Unrecognized Well-known Attribute",
    (3, 3): "Missing Well-known Attribute",
    (3, 4): "Attribute Flags Error",
    (3, 5): "Attribute Length Error",
    (3, 6): "Invalid ORIGIN Attribute",
    (3, 7): "AS Routing Loop",
    (3, 8): "Invalid NEXT_HOP Attribute",
    (3, 9): "Optional Attribute Error",
    (3, 10): "Invalid Network Field",
    (3, 11): "Malformed AS_PATH",
    (5, 1): "Unexpected Message in OpenSent State",
    (5, 2): "Unexpected Message in OpenConfirm State",
    (5, 3): "Unexpected Message in Established State",
    (6, 1): "Maximum Number of Prefixes Reached",
    (6, 2): "Administrative Shutdown",
    (6, 3): "Peer De-configured",
    (6, 4): "Administrative Reset",
    (6, 5): "Connection Rejected",
    (6, 6): "Other Configuration Change",
    (6, 7): "Connection Collision Resolution",
    (6, 8): "Out of Resources",
    (6, 9): "Hard Reset",
    (6, 10): "BFD Down",
    (7, 1): "Invalid Message Length",
}
"""IANA's registry of BGP error codes and subcodes."""


class Goodbye(Notify):  # type: ignore[misc] # exabgp has no types
    """A NOTIFICATION of ours, and the reason in words for our own operator.

    ExaBGP writes such words into the data, where peers expect something else.
    """

    def __init__(
        self, code: int, subcode: int, data: bytes = b"", reason: str = ""
    ) -> None:
        super().__init__(code, subcode, data)
        self.reason = reason


def received(body: bytes) -> Notification:
    """Read a NOTIFICATION without its header; its data stays as it came."""
    return Notification(body[0], body[1], body[2:], parse_data=False)


def describe(notification: Notification) -> str:
    """Return who sent a NOTIFICATION, what it means, and why."""
    code, subcode = notification.code, notification.subcode
    data = bytes(notification.data)
    if isinstance(notification, Notify):
        named = _names(code, subcode)
        reason = getattr(notification, "reason", "") or _text(data)
        if (code, subcode) == (CEASE, PREFIX_LIMIT) and data:
            reason = _said(code, subcode, data)
        return f"sent: {named} ({reason})" if reason else f"sent: {named}"
    return f"received: {_meaning(code, subcode, data)}"


def _names(code: int, subcode: int) -> str:
    error = CODES.get(code, f"code {code}")
    if not subcode:
        # Codes without subcodes of their own have nothing unspecific about them.
        plain = not any(each == code for each, _ in SUBCODES)
        return error if plain else f"{error} / Unspecific"
    return f"{error} / {SUBCODES.get((code, subcode), f'subcode {subcode}')}"


def _meaning(code: int, subcode: int, data: bytes) -> str:
    named = _names(code, subcode)
    said = _said(code, subcode, data) if data else ""
    return f"{named} ({said})" if said else named


def _said(code: int, subcode: int, data: bytes) -> str:
    """Read the data of a NOTIFICATION received."""
    if code == CEASE and subcode in (SHUTDOWN, RESET):
        return _communication(data)
    if code == CEASE and subcode == HARD_RESET and len(data) >= 2:
        # RFC 8538, section 3.1: the reason is wrapped; wrapped twice it is none.
        inner = data[2:] if data[:2] != bytes([CEASE, HARD_RESET]) else b""
        return _meaning(data[0], data[1], inner)
    if code == CEASE and subcode == PREFIX_LIMIT and len(data) == 7:
        afi, safi = int.from_bytes(data[:2], "big"), data[2]
        return f"AFI {afi} SAFI {safi}, limit {int.from_bytes(data[3:], 'big')}"
    if (code, subcode) == (2, 1) and len(data) == 2:
        return f"version {int.from_bytes(data, 'big')}"
    text = _text(data)
    return f'"{text}"' if text else f"data 0x{data[:DATA_SHOWN].hex()}"


def _communication(data: bytes) -> str:
    """Read a shutdown communication (RFC 9003): a length, and text in UTF-8."""
    length, text = data[0], data[1:]
    if length > len(text):
        return f"data 0x{data[:DATA_SHOWN].hex()}"
    said = _clean(text[:length].decode("utf-8", "replace"))
    return f'"{said}"' if said else ""


def _text(data: bytes) -> str:
    """Read data as text if that is what it looks like; some peers send words."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        return ""
    return text if len(text) > 2 and text.isprintable() else ""


def _clean(text: str) -> str:
    """Return a peer's text without characters that control a terminal."""
    return "".join(each if each.isprintable() else " " for each in text).strip()


def is_not_ready(error: object) -> bool:
    """Return whether a peer that sends this in the place of its OPEN has just started.

    FRR's bgpd answers a connection that comes before zebra has told it of the
    interfaces with a Finite State Machine Error (bgp_connect_success in
    bgpd/bgp_fsm.c). The pauses that grew while nobody was there then begin anew,
    lest it be left alone for seconds.
    """
    received = isinstance(error, Notification) and not isinstance(error, Notify)
    return received and error.code == FSM_ERROR  # type: ignore[attr-defined]
