"""The octets of the messages between speaker and agent, both ways.

A frame is its length (4 octets, of what follows), the type of its message (1 octet),
and the fields in order. How a field is written follows from its annotation:

    bool        1 octet, 0 or 1
    int         8 octets, signed
    float       8 octets, IEEE 754
    str, bytes  length (4 octets), then UTF-8 or the octets themselves
    X | None    1 octet: 0 for None, or 1 and then X
    tuple       number of its members (4 octets), then these
    PeerConfig  the fields that SESSION_FIELDS names

so that a message is declared once, in `messages.py`, for both ends. Numbers are
big-endian. Speaker and agent have the same messages: nothing is here for others. An
agent of another version may take the place of one where `LAYOUT` is the same.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from evpnd.model.config import PeerConfig
from evpnd.wire.messages import (
    REVISION,
    SESSION_FIELDS,
    Message,
    ToAgent,
    ToSpeaker,
    Updates,
)

FRAME_MAX = 64 << 20
"""Octets behind the length; more is no frame but a broken writer."""
_LENGTH = 4


class PipeError(ValueError):
    """Octets that are no message."""


# Fields

Encode = Callable[[Any], bytes]
Decode = Callable[[bytes, int], tuple[Any, int]]
"""From octets and where the field starts to its value and where it ends.

One that runs past the end raises struct.error or IndexError, or is found by its end.
"""


class _Kind(NamedTuple):
    encode: Encode
    decode: Decode


_UNSIGNED = struct.Struct(">I")
_SIGNED = struct.Struct(">q")
_DOUBLE = struct.Struct(">d")
_UTF8 = ("utf-8", "surrogatepass")
"""Whatever stands in a str, comes back."""
_FLAGS = (b"\x00", b"\x01")


def _decode_flag(octets: bytes, at: int) -> tuple[bool, int]:
    if octets[at] > 1:
        raise PipeError(f"{octets[at]} is neither 0 nor 1")
    return octets[at] == 1, at + 1


def _encode_octets(value: bytes) -> bytes:
    return _UNSIGNED.pack(len(value)) + value


def _decode_octets(octets: bytes, at: int) -> tuple[bytes, int]:
    start = at + 4
    stop = start + _UNSIGNED.unpack_from(octets, at)[0]
    return octets[start:stop], stop


def _encode_text(value: str) -> bytes:
    return _encode_octets(value.encode(*_UTF8))


def _decode_text(octets: bytes, at: int) -> tuple[str, int]:
    text, stop = _decode_octets(octets, at)
    return text.decode(*_UTF8), stop


def _number(layout: struct.Struct) -> _Kind:
    def decode(octets: bytes, at: int) -> tuple[Any, int]:
        return layout.unpack_from(octets, at)[0], at + layout.size

    return _Kind(layout.pack, decode)


_KINDS: dict[object, _Kind] = {
    bool: _Kind(_FLAGS.__getitem__, _decode_flag),
    int: _number(_SIGNED),
    float: _number(_DOUBLE),
    bytes: _Kind(_encode_octets, _decode_octets),
    str: _Kind(_encode_text, _decode_text),
}


def _optional(kind: _Kind) -> _Kind:
    def encode(value: object) -> bytes:
        return b"\x00" if value is None else b"\x01" + kind.encode(value)

    def decode(octets: bytes, at: int) -> tuple[object, int]:
        there, start = _decode_flag(octets, at)
        return kind.decode(octets, start) if there else (None, start)

    return _Kind(encode, decode)


def _several(kind: _Kind) -> _Kind:
    def encode(values: tuple[object, ...]) -> bytes:
        return b"".join((_UNSIGNED.pack(len(values)), *map(kind.encode, values)))

    def decode(octets: bytes, at: int) -> tuple[object, int]:
        values = []
        (count,), at = _UNSIGNED.unpack_from(octets, at), at + 4
        for _ in range(count):
            value, at = kind.decode(octets, at)
            values.append(value)
        return tuple(values), at

    return _Kind(encode, decode)


def _record(
    kinds: Sequence[_Kind],
    take: Callable[[Any], Iterable[object]],
    make: Callable[[list[Any]], object],
) -> _Kind:
    """Return the kind of a value with fields; `take` lists them, `make` puts back."""
    encoders = [kind.encode for kind in kinds]
    decoders = [kind.decode for kind in kinds]

    def encode(value: object) -> bytes:
        fields = zip(encoders, take(value), strict=True)
        return b"".join([encoder(field) for encoder, field in fields])

    def decode(octets: bytes, at: int) -> tuple[object, int]:
        fields = []
        for decoder in decoders:
            field, at = decoder(octets, at)
            fields.append(field)
        return make(fields), at

    return _Kind(encode, decode)


def _kind_of(annotation: Any) -> _Kind:  # noqa: ANN401 - whatever stands behind a colon
    annotation = getattr(annotation, "__supertype__", annotation)
    if annotation in _KINDS:
        return _KINDS[annotation]
    arguments = get_args(annotation)
    if get_origin(annotation) in (UnionType, Union):
        (inner,) = (each for each in arguments if each is not NoneType)
        return _optional(_kind_of(inner))
    if get_origin(annotation) is tuple:
        return _several(_kind_of(arguments[0]))
    assert annotation is PeerConfig, annotation
    hints = get_type_hints(PeerConfig)
    return _record(
        [_kind_of(hints[name]) for name in SESSION_FIELDS],
        attrgetter(*SESSION_FIELDS),
        lambda fields: PeerConfig(**dict(zip(SESSION_FIELDS, fields, strict=True))),
    )


# Messages and frames

_TYPES: tuple[type[Any], ...] = (*get_args(ToAgent), *get_args(ToSpeaker))
"""The type of a message on the wire is its place here."""


def _layout() -> str:
    """Return a word for all messages with their fields, and what a PeerConfig has."""
    hints = get_type_hints(PeerConfig)
    fields = [(each.__name__, get_type_hints(each)) for each in _TYPES]
    peers = [(name, hints[name]) for name in SESSION_FIELDS]
    return hashlib.sha256(repr((REVISION, fields, peers)).encode()).hexdigest()[:12]


LAYOUT = _layout()
"""Equal in two versions whose speaker and agent understand each other."""
_MESSAGES = [
    _record(list(map(_kind_of, get_type_hints(each).values())), iter, each._make)
    for each in _TYPES
]
_CODES = {each: (code, _MESSAGES[code].encode) for code, each in enumerate(_TYPES)}
_HEAD = struct.Struct(">IB")
_UPDATES = _TYPES.index(Updates)
_UPDATES_TYPE = bytes([_UPDATES])
_UPDATES_HEAD = struct.Struct(">IBI")


def encode(message: Message) -> bytes:
    """Return the frame of a message, its length included."""
    if isinstance(message, Updates):
        return _encode_updates(*message)
    code, encode_fields = _CODES[type(message)]
    fields = encode_fields(message)
    return _HEAD.pack(1 + len(fields), code) + fields


def decode(frame: bytes) -> Message:
    """Return the message in a frame without its length.

    Raises PipeError for octets that `encode` does not make.
    """
    if frame[:1] == _UPDATES_TYPE and (updates := _decode_updates(frame)):
        return updates
    if not frame or frame[0] >= len(_TYPES):
        kind = f"of type {frame[0]}" if frame else "without a type"
        raise PipeError(f"a message {kind}")
    try:
        message, end = _MESSAGES[frame[0]].decode(frame, 1)
    except (struct.error, IndexError):
        end = len(frame) + 1
    except ValueError as error:
        raise PipeError(f"{_TYPES[frame[0]].__name__}: {error}") from None
    if end != len(frame):
        found = "ends too early" if end > len(frame) else "has octets left behind it"
        raise PipeError(f"{_TYPES[frame[0]].__name__} of {len(frame)} octets {found}")
    return message  # type: ignore[no-any-return] # one of _TYPES


# Most messages are Updates, and many have one UPDATE: they have a way of their own, a
# third as long, to the same octets.


def _encode_updates(peer: str, messages: bytes) -> bytes:
    name = peer.encode(*_UTF8)
    size = 9 + len(name) + len(messages)
    head = _UPDATES_HEAD.pack(size, _UPDATES, len(name))
    return b"".join((head, name, _UNSIGNED.pack(len(messages)), messages))


def _decode_updates(frame: bytes) -> Updates | None:
    """Return a sound one; None where `decode` has to say what is wrong with it."""
    at = 5 + int.from_bytes(frame[1:5])
    messages = frame[at + 4 :]
    if at + 4 > len(frame) or len(messages) != int.from_bytes(frame[at : at + 4]):
        return None
    try:
        return Updates(frame[5:at].decode(*_UTF8), messages)
    except UnicodeDecodeError:
        return None


class Frames:
    """Cuts frames out of what a pipe gives, wherever its reads end."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._pieces: list[bytes] = []
        self._size = 0
        self._wanted = _LENGTH
        """Octets that make the first frame whole, as far as its length is known."""

    def feed(self, octets: bytes) -> list[bytes]:
        """Return the frames that are whole now, without their lengths.

        Raises PipeError for a length above FRAME_MAX: where frames begin is lost.
        """
        self._pieces.append(octets)
        self._size += len(octets)
        if self._size < self._wanted:
            return []
        octets = b"".join(self._pieces)
        frames = []
        at, end, size = 0, len(octets), 0
        while end - at >= _LENGTH:
            (size,) = _UNSIGNED.unpack_from(octets, at)
            if size > FRAME_MAX:
                raise PipeError(f"a frame of {size} octets, {FRAME_MAX} at most")
            stop = at + _LENGTH + size
            if stop > end:
                break
            frames.append(octets[at + _LENGTH : stop])
            at = stop
        self._pieces = [octets[at:]]
        self._size = end - at
        self._wanted = _LENGTH + (size if self._size >= _LENGTH else 0)
        return frames
