"""What became of the reports of a drill."""

from datetime import UTC, datetime, timedelta

from proof.drill.tally import tally

AT = datetime(2026, 11, 30, 8, tzinfo=UTC)


def test_each_report_that_was_given_once_is_sent() -> None:
    found = tally(["a", "b"], [("b", AT + timedelta(seconds=2)), ("a", AT)], set())

    assert (found.sent, found.doubled, found.lost, found.with_person) == (2, 0, 0, 0)
    assert (found.first, found.last) == (AT, AT + timedelta(seconds=2))
    assert found.keeps_promise


def test_a_second_email_of_a_report_is_doubled() -> None:
    found = tally(["a"], [("a", AT), ("a", AT)], set())

    assert (found.sent, found.doubled) == (1, 1)
    assert not found.keeps_promise


def test_an_email_that_nobody_was_owed_is_one_too_many() -> None:
    assert tally(["a"], [("a", AT), ("x", AT)], set()).doubled == 1


def test_a_report_that_is_neither_sent_nor_with_a_person_is_lost() -> None:
    found = tally(["a", "b", "c"], [("c", AT)], {"b"})

    assert (found.sent, found.lost, found.with_person, found.sent_with_person) == (1, 1, 1, 0)
    assert not found.keeps_promise


def test_a_report_that_was_sent_can_be_with_a_person_all_the_same() -> None:
    found = tally(["a"], [("a", AT)], {"a"})

    assert (found.sent, found.lost, found.with_person, found.sent_with_person) == (1, 0, 1, 1)
