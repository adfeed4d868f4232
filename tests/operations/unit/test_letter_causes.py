"""Dead letters by what they have in common."""

from datetime import UTC, datetime, timedelta

from functions.shared.records.dead_letter import DeadLetterState, StoredDeadLetter
from operations.dead_letters.letter_causes import by_cause

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def letter(cause: str, error: str, *, minutes: int | None = 0, reason: str = "retries-exhausted") -> StoredDeadLetter:
    received_at = None if minutes is None else NOON + timedelta(minutes=minutes)
    return StoredDeadLetter(
        id="l", state=DeadLetterState.OPEN, cause=cause, error=error, reason=reason, received_at=received_at
    )


def test_the_cause_with_the_most_comes_first_and_has_the_words_of_its_newest() -> None:
    found = by_cause(
        [letter("a", "once"), letter("b", "new", minutes=2), letter("b", "old"), letter("b", "x", minutes=1)]
    )
    assert [(each.cause, each.count, each.error, each.newest_at) for each in found] == [
        ("b", 3, "new", NOON + timedelta(minutes=2)),
        ("a", 1, "once", NOON),
    ]


def test_those_without_a_cause_have_their_reason_in_common() -> None:
    found = by_cause([letter("", "x"), letter("", "y"), letter("", "z", reason="lost"), letter("a", "x")])
    assert sorted((each.cause, each.reason, each.count) for each in found) == [
        ("", "lost", 1),
        ("", "retries-exhausted", 2),
        ("a", "retries-exhausted", 1),
    ]


def test_one_without_a_time_is_no_newer_than_another() -> None:
    [found] = by_cause([letter("a", "timed"), letter("a", "untimed", minutes=None)])
    assert (found.error, found.newest_at) == ("timed", NOON)
    [found] = by_cause([letter("a", "untimed", minutes=None), letter("a", "timed")])
    assert (found.error, found.newest_at) == ("timed", NOON)


def test_no_address_is_said() -> None:
    [found] = by_cause([letter("a", "550 no mailbox ada@customer.example")])
    assert "ada@customer.example" not in found.error
