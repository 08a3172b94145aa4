"""The records of a recording: each is a line of JSON.

A segment begins with a Header, and with a State where it begins in the middle. What
follows is what the core was told, in order. Times are monotonic seconds of the host;
the header has what the clock said at one of them.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

from evpnd.model.config import Config
from evpnd.model.events import Event, UpdateReceived
from evpnd.recording.values import BadValueError, Form, form_of
from evpnd.wire.messages import ToAgent, Updates

VERSION = 1
"""Of the form. A reader refuses what is newer than it."""


class RecordError(ValueError):
    """A line that is no record, or one of a newer version; the text is a sentence."""


class Header(NamedTuple):
    """The beginning of a segment."""

    evpnd: str
    """Version of evpnd."""
    host: str
    life: str
    """The same in all segments of a recording by one agent."""
    number: int
    """Of the segment in that recording, from 0."""
    t: float
    """Time at which the agent began, or the state was taken."""
    clock: float
    """Unix time at that time."""
    config: Config
    """In force, without passwords."""
    code: str = ""
    """Digest of the source of evpnd, where a state follows."""


class State(NamedTuple):
    """All that the agent knew: core, decoders, and the latest events."""

    octets: bytes


class Said(NamedTuple):
    """UPDATEs of a peer, with their BGP headers, one behind the other."""

    t: float
    peer: str
    updates: bytes


class Told(NamedTuple):
    """Any other message of the speaker."""

    t: float
    message: ToAgent


class Happened(NamedTuple):
    """An event of the kernel, or a new configuration."""

    t: float
    event: Event


class Turned(NamedTuple):
    """The core was asked what to do."""

    t: float
    sweep: int


class Cleared(NamedTuple):
    """`evpnd clear duplicate`."""

    t: float
    vni: int
    address: bytes


class ClearedPeer(NamedTuple):
    """`evpnd clear peer`."""

    t: float
    name: str
    soft: bool


class Noticed(NamedTuple):
    """What the agent itself told of, for `show events`."""

    t: float
    level: str
    event: str
    fields: dict[str, object]


class Lost(NamedTuple):
    """Records that could not be kept; a new segment follows, with a state."""

    t: float
    records: int


class Ended(NamedTuple):
    """The recording, or the agent, ended."""

    t: float
    why: str


Record = (
    Header
    | State
    | Said
    | Told
    | Happened
    | Turned
    | Cleared
    | ClearedPeer
    | Noticed
    | Lost
    | Ended
)

_EVENTS: Mapping[str, type[Any]] = {
    each.__name__: each for each in get_args(Event) if each is not UpdateReceived
}
_MESSAGES: Mapping[str, type[Any]] = {
    each.__name__: each for each in get_args(ToAgent) if each is not Updates
}
_PLAIN: Mapping[str, type[Any]] = {
    "cleared": Cleared,
    "cleared-peer": ClearedPeer,
    "notice": Noticed,
    "lost": Lost,
    "ended": Ended,
}
_NAMES = {kind: name for name, kind in _PLAIN.items()}


def write_record(record: Record) -> str:
    """Return the line of a record, without its end."""
    match record:
        case Said(t, peer, updates):
            # Most of what is recorded; a peer's address needs no escape.
            return f'{{"t":{t!r},"peer":"{peer}","update":"{updates.hex()}"}}'
        case Turned(t, sweep):
            return f'{{"t":{t!r},"turn":{sweep}}}'
        case Happened(t, event):
            name = type(event).__name__
            return _dump({"t": t, "event": name, **_write(type(event), event)})
        case Told(t, message):
            name = type(message).__name__
            return _dump({"t": t, "message": name, **_write(type(message), message)})
        case State(octets):
            return f'{{"state":"{b64encode(octets).decode()}"}}'
        case Header():
            written = form_of(Header).write(record)
            return _dump({"recording": VERSION, **written})
        case _:
            written = form_of(type(record)).write(record)
            t = written.pop("t")
            return _dump({"t": t, "do": _NAMES[type(record)], **written})


_SAID = re.compile(
    rb'\{"t":([0-9.e+-]+),"peer":"([0-9A-Fa-f.:]+)","update":"([0-9a-f]*)"\}'
)


def read_record(line: bytes | str) -> Record:
    """Return the record of a line; raises RecordError."""
    if isinstance(line, bytes) and (said := _SAID.fullmatch(line)):
        # Most lines, in a third of the time.
        return _said(float(said[1]), said[2].decode(), said[3].decode())
    try:
        found = json.loads(line)
    except ValueError:
        raise RecordError("it is not a line of JSON") from None
    if not isinstance(found, dict):
        raise RecordError("it is not an object of JSON")
    try:
        return _read(found)
    except RecordError:
        raise
    except BadValueError as error:
        raise RecordError(str(error)) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"it is no record: {error!r}") from None


def _read(found: dict[str, Any]) -> Record:
    if "update" in found:
        return _said(float(found["t"]), str(found["peer"]), found["update"])
    if "turn" in found:
        return Turned(float(found["t"]), int(found["turn"]))
    if "event" in found and "do" not in found:
        t, name = float(found.pop("t")), found.pop("event")
        return Happened(t, _known(_EVENTS, name, "event").read(found))
    if "message" in found:
        t, name = float(found.pop("t")), found.pop("message")
        return Told(t, _known(_MESSAGES, name, "message").read(found))
    if "state" in found:
        return State(b64decode(found["state"], validate=True))
    if "recording" in found:
        version = found.pop("recording")
        if version != VERSION:
            wrote = found.get("evpnd", "unknown")
            raise RecordError(
                f"it is of version {version} of the form, written by evpnd {wrote}; "
                f"this evpnd reads version {VERSION}"
            )
        header: Header = form_of(Header).read(found)
        return header
    if "do" in found:
        name = found.pop("do")
        record: Record = _known(_PLAIN, name, "record").read(found)
        return record
    raise RecordError(f"{', '.join(sorted(found)) or 'nothing'} makes no record")


def _said(t: float, peer: str, text: str) -> Said:
    try:
        updates = bytes.fromhex(text)
    except ValueError:
        raise RecordError("its UPDATEs are not hexadecimal") from None
    check_updates(updates)
    return Said(t, peer, updates)


def check_updates(octets: bytes) -> None:
    """Raise RecordError unless octets are whole BGP messages."""
    at = 0
    while at < len(octets):
        size = int.from_bytes(octets[at + 16 : at + 18])
        if size < 19 or at + size > len(octets):
            raise RecordError("its UPDATEs are no whole BGP messages")
        at += size


def _known(kinds: Mapping[str, type[Any]], name: object, what: str) -> Form:
    kind = kinds.get(str(name))
    if kind is None:
        raise RecordError(f"there is no {what} {name!r}")
    return form_of(kind)


def _write(kind: type[Any], value: object) -> dict[str, object]:
    written: dict[str, object] = form_of(kind).write(value)
    return written


def _dump(written: dict[str, object]) -> str:
    return json.dumps(written, separators=(",", ":"), default=str)
