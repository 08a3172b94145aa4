"""What a new agent is told of a session that is older than it."""

from evpnd.speaker.journal import LIMIT, Journal


def test_it_gives_what_came_in_order() -> None:
    journal = Journal()
    journal.add(b"one")
    journal.add(b"two")

    assert journal.pieces() == [b"one", b"two"]


def test_a_refresh_makes_what_was_before_it_superfluous_when_it_ends() -> None:
    journal = Journal()
    journal.add(b"before")
    journal.refresh_began()
    journal.add(b"again")
    assert journal.pieces() == [b"before", b"again"]

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
