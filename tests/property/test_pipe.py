"""What speaker and agent say to each other arrives; nothing else is taken for it."""

from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evpnd.model.config import PeerConfig
from evpnd.wire import pipe
from evpnd.wire.messages import SESSION_FIELDS, Message, ToAgent, ToSpeaker, Updates
from evpnd.wire.pipe import Frames, PipeError, decode, encode

runs = settings(max_examples=200, deadline=None)

PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(1 << 63), (1 << 63) - 1),
    float: st.floats(allow_nan=False),
    str: st.text(st.characters()),
    bytes: st.binary(),
}


def values(annotation: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401
    annotation = getattr(annotation, "__supertype__", annotation)
    if annotation in PLAIN:
        return PLAIN[annotation]
    inner = [each for each in get_args(annotation) if each not in (NoneType, ...)]
    if get_origin(annotation) is tuple:
        return st.lists(values(inner[0]), max_size=4).map(tuple)
    if isinstance(annotation, UnionType):
        return st.none() | values(inner[0])
    hints = get_type_hints(annotation)
    names = SESSION_FIELDS if annotation is PeerConfig else hints
    return st.builds(annotation, **{name: values(hints[name]) for name in names})


TYPES = (*get_args(ToAgent), *get_args(ToSpeaker))
messages: st.SearchStrategy[Message] = st.one_of(*map(values, TYPES))


@runs
@given(sent=st.lists(messages, max_size=5), cuts=st.lists(st.integers(1, 50)))
def test_what_one_end_says_the_other_hears_wherever_the_reads_end(
    sent: list[Message], cuts: list[int]
) -> None:
    stream = b"".join(map(encode, sent))
    frames, heard = Frames(), []
    for size in [*cuts, len(stream) + 1]:
        heard += map(decode, frames.feed(stream[:size]))
        stream = stream[size:]

    assert heard == sent
    assert list(map(type, heard)) == list(map(type, sent))


@pytest.mark.parametrize("kind", TYPES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_message_that_ends_early_or_late_is_refused(
    kind: type[Any], data: st.DataObject
) -> None:
    frame = encode(data.draw(values(kind)))[4:]
    for size in {*range(min(len(frame), 40)), len(frame) - 1}:
        with pytest.raises(PipeError, match=r"."):
            decode(frame[:size])
    with pytest.raises(PipeError, match=r"octets left|neither"):
        decode(frame + b"\0")


def change(message: Message, at: int, octet: int) -> bytes:
    frame = bytearray(encode(message)[4:])
    frame[at % len(frame)] = octet
    return bytes(frame)


@runs
@given(
    frame=st.binary()
    | st.builds(change, messages, st.integers(0, 200), st.integers(0, 255))
)
def test_other_octets_are_refused_or_are_the_octets_of_a_message(frame: bytes) -> None:
    try:
        message = decode(frame)
    except PipeError:
        return
    assert encode(message)[4:] == frame


@runs
@given(updates=values(Updates))
def test_the_short_way_of_updates_leads_to_the_same_octets(updates: Updates) -> None:
    frame = encode(updates)[4:]
    long_way = pipe._MESSAGES[frame[0]]

    assert frame[1:] == long_way.encode(updates)
    assert long_way.decode(frame, 1) == (updates, len(frame))
