"""What a new agent is told of a session that is older than it."""

import pytest

from evpnd.speaker.rib import journal as module
from evpnd.speaker.rib.journal import PAUSE, Journal
from evpnd.wire.attributes import END_OF_RIB, build_updates, build_withdraws
from evpnd.wire.nlri import encode_mac_ip

RD = bytes.fromhex("00010a0000010064")
ATTRIBUTES = bytes.fromhex("40010100 40050400000064")
LIMIT, EARLY, SHORT = (size // 4 for size in (module.LIMIT, module.EARLY, module.SHORT))
"""A quarter of the sizes: what is condensed takes as many turns, and less time."""


@pytest.fixture(autouse=True)
def _small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("LIMIT", LIMIT), ("EARLY", EARLY), ("SHORT", SHORT)):
        monkeypatch.setattr(module, name, size)
    monkeypatch.setattr(module, "SLICE", module.SLICE // 4)


def announced(numbers: range) -> bytes:
    keys = [(2 << 40 | number).to_bytes(6, "big") for number in numbers]
    return b"".join(
        build_updates(
            ATTRIBUTES,
            bytes((10, 0, 0, 1)),
            encode_mac_ip(RD, 100, keys),
            ibgp=True,
            local_asn=65000,
            asn4=True,
        )
    )


def withdrawn(numbers: range) -> bytes:
    keys = [(2 << 40 | number).to_bytes(6, "big") for number in numbers]
    return b"".join(build_withdraws(encode_mac_ip(RD, 0, keys)))


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def work(journal: Journal) -> int:
    """Let it condense to the end; returns how many turns that took."""
    turns = 0
    while journal.condensing:
        journal.work()
        turns += 1
    return turns


def rest(journal: Journal, clock: Clock) -> int:
    """Let time pass, and it condense what is due then; returns how many turns."""
    clock.now += PAUSE
    journal.work()
    return 1 + work(journal)


def long_journal(clock: Clock, piece: bytes) -> Journal:
    """Make one that is due to be condensed, of the same piece again and again."""
    journal = Journal(clock)
    while journal.size <= SHORT:
        journal.add(piece)
    clock.now += PAUSE
    return journal


def test_it_gives_what_came_in_order() -> None:
    journal = Journal()
    journal.add(b"one")
    journal.add(b"two")

    assert journal.pieces() == [b"one", b"two"]


def test_it_is_no_longer_than_the_state_it_stands_for() -> None:
    clock = Clock()
    journal = Journal(clock)
    journal.add(END_OF_RIB + announced(range(1000)))
    state = journal.size
    total = longest = 0
    while total < 4 * SHORT:
        churn = announced(range(1000, 2000)) + withdrawn(range(1000, 2000))
        journal.add(churn)
        total += len(churn)
        rest(journal, clock)
        longest = max(longest, journal.size)

    assert longest <= SHORT + 2 * state + len(churn)
    assert journal.routes == 1000
    assert journal.complete


def test_a_table_that_comes_is_not_condensed_meanwhile() -> None:
    clock = Clock()
    journal = Journal(clock)
    table = announced(range(5000))
    while journal.size < EARLY - SHORT:
        journal.add(table)
        clock.now += PAUSE / 1000
        journal.work()
        assert not journal.condensing

    rest(journal, clock)
    assert journal.size <= len(table)


def test_one_that_takes_much_memory_is_condensed_at_once() -> None:
    journal = Journal(Clock())
    table = announced(range(5000))
    while journal.size <= EARLY:
        assert not journal.condensing
        journal.add(table)

    assert journal.condensing
    work(journal)
    assert journal.size <= len(table)


def test_a_route_that_flaps_for_ever_never_costs_the_journal() -> None:
    clock = Clock()
    journal = Journal(clock)
    flap = announced(range(1)) + withdrawn(range(1))
    piece = flap * (SHORT // 4 // len(flap))
    for _ in range(4 * LIMIT // len(piece) // 10):
        journal.add(piece)
        rest(journal, clock)

    assert journal.complete
    assert journal.size <= SHORT + len(piece)


def test_what_comes_while_it_is_condensed_is_kept() -> None:
    clock = Clock()
    flap = announced(range(2)) + withdrawn(range(1, 2))
    journal = long_journal(clock, flap)
    for _ in range(3):
        journal.work()
    journal.add(b"later")
    turns = work(journal)

    assert turns > 3
    condensed, later = journal.pieces()
    assert condensed == announced(range(1))
    assert later == b"later"


def test_one_that_cannot_be_condensed_is_kept_as_it_came() -> None:
    clock = Clock()
    journal = Journal(clock)
    strange = bytes.fromhex("ff" * 16 + "001b02 0004 18c00002 0000")
    piece = strange * (SHORT // 2 // len(strange))
    for _ in range(6):
        journal.add(piece)
        rest(journal, clock)

    assert journal.pieces() == [piece] * 6


def test_a_turn_condenses_a_slice_of_it() -> None:
    clock = Clock()
    journal = long_journal(clock, announced(range(1000)))

    journal.work()
    assert journal.condensing
    assert work(journal) >= SHORT // module.SLICE - 1


def test_a_refresh_makes_what_was_before_it_superfluous_when_it_ends() -> None:
    journal = Journal()
    journal.add(b"before")
    journal.refresh_began()
    journal.add(b"again")
    assert journal.pieces() == [b"before", b"again"]
    assert journal.refreshed_from == 1

    journal.refresh_ended()
    assert journal.pieces() == [b"again"]
    assert journal.refreshed_from is None


def test_a_refresh_that_begins_amid_the_work_ends_as_without_it() -> None:
    clock = Clock()
    journal = long_journal(clock, announced(range(1000)))
    journal.work()
    journal.refresh_began()
    rest(journal, clock)
    journal.add(b"again")
    journal.refresh_ended()

    assert journal.pieces() == [b"again"]


def test_one_that_is_too_long_is_given_up_until_a_refresh() -> None:
    journal = Journal()
    journal.add(bytes(LIMIT))
    journal.add(b"more")
    assert not journal.complete
    assert journal.pieces() == []

    journal.refresh_began()
    journal.add(b"again")
    assert not journal.complete
    journal.refresh_ended()
    assert journal.complete
    assert journal.pieces() == [b"again"]


def test_an_end_without_a_beginning_changes_nothing() -> None:
    journal = Journal()
    journal.add(b"one")
    journal.refresh_ended()

    assert journal.pieces() == [b"one"]
