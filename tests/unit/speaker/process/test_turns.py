"""Lines for the agent leave in turns, and those of one peer in their order."""

from hypothesis import given
from hypothesis import strategies as st

from evpnd.speaker.process.turns import (
    CONGESTED,
    QUANTUM,
    RELIEVED,
    SHORT,
    SLICE,
    Turns,
    slices,
)


def update(size: int) -> bytes:
    return bytes([0xFF] * 16) + size.to_bytes(2) + bytes(size - 18)


@given(st.lists(st.integers(23, 4096), max_size=40))
def test_slices_hold_whole_messages_and_nothing_is_lost(sizes: list[int]) -> None:
    messages = [update(size) for size in sizes]
    whole = b"".join(messages)
    pieces = list(slices(whole))

    assert b"".join(pieces) == whole
    assert all(len(piece) <= SLICE for piece in pieces)
    starts = {sum(sizes[:n]) for n in range(len(sizes) + 1)}
    assert {sum(map(len, pieces[:n])) for n in range(len(pieces))} <= starts


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 20_000)), max_size=60))
def test_the_lines_of_a_peer_stay_in_their_order(sent: list[tuple[str, int]]) -> None:
    turns = Turns()
    lines = [
        (peer, f"{peer}{n}".encode() + bytes(s)) for n, (peer, s) in enumerate(sent)
    ]
    for peer, line in lines:
        turns.add(line, peer)
    taken: list[bytes] = []
    while turns:
        taken += turns.take(5_000)

    for peer in "abc":
        own = [line for who, line in lines if who == peer]
        assert [line for line in taken if line.startswith(peer.encode())] == own


def test_a_peer_waits_for_one_turn_of_each_other_at_most() -> None:
    turns = Turns()
    for number in range(3):
        for _ in range(1000):
            turns.add(bytes(1000), f"peer {number}")
    turns.add(b"mine", "me")
    ahead = 0
    while (line := turns.take(1)[0]) != b"mine":
        ahead += len(line)

    assert ahead <= 3 * (QUANTUM + 1000)


def test_short_messages_do_not_make_a_turn_of_hundreds() -> None:
    turns = Turns()
    for _ in range(1000):
        turns.add(b"mark", "other")
    turns.add(b"mine", "me")
    ahead = 0
    while turns.take(1)[0] != b"mine":
        ahead += 1

    assert ahead == QUANTUM // SHORT
    assert len(turns.take(10 * SHORT)) == 10


def test_what_concerns_no_peer_goes_first() -> None:
    turns = Turns()
    turns.add(b"late", "a")
    turns.add(b"first", None)

    assert turns.take(1000) == [b"first", b"late"]


def test_a_congested_peer_is_relieved_when_half_is_gone() -> None:
    turns = Turns()
    for _ in range(CONGESTED // 1024 + 1):
        turns.add(bytes(1024), "a")
    turns.add(b"x", "b")
    assert turns.congested("a")
    assert not turns.congested("b")
    turns.take(CONGESTED - RELIEVED - 1024)
    assert turns.congested("a")
    turns.take(4096)

    assert not turns.congested("a")


def test_nothing_is_left_when_it_is_cleared() -> None:
    turns = Turns()
    for _ in range(CONGESTED // 1024 + 1):
        turns.add(bytes(1024), "a")
    turns.clear()

    assert not turns
    assert not turns.congested("a")
    turns.add(b"x", "a")
    assert turns.take(100) == [b"x"]
