"""The rules of the fault harness can fail: each is shown a history that breaks it, and one that does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.faults.invariants import (
    HOUR,
    UNKNOWN_OUTCOME,
    DeadLetter,
    Delivery,
    History,
    Rule,
    UserHistory,
    check,
    tally,
)
from tests.faults.moves import Move
from tests.faults.plans import Plan
from tests.faults.slack import Told

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ID = "u1-20261124T1200Z"
SENT = Delivery(id=ID, user_id="u1", due_at=NOON, state="sent", period_start=NOON - HOUR, period_end=NOON)
USER = UserHistory(
    id="u1",
    plan=Plan("hourly", "UTC"),
    first_due_at=NOON,
    first_reported_until=NOON - HOUR,
    next_report_at=NOON + HOUR,
    reported_until=NOON,
)
LETTER = DeadLetter(id=ID, delivery_id=ID, user_id="u1", reason="retries-exhausted", is_open=True)
TOLD = Told("Report not sent", "retries-exhausted", 1)
ALARM = Told("Reports are overdue", "", 1)
GOOD = History(last_run=NOON, users=[USER], deliveries=[SENT], accepted=[ID])
DEAD = replace(
    GOOD,
    deliveries=[replace(SENT, state="dead")],
    accepted=[],
    dead_letters=[LETTER],
    alerts=[TOLD],
    endings={ID: frozenset({"retries-exhausted"})},
)


def broken(history: History, **changes: Any) -> set[Rule]:
    """The rules that a history breaks, with some things in it otherwise."""
    return {violation.rule for violation in check(replace(history, **changes))}


def test_good_histories_break_nothing() -> None:
    assert broken(GOOD) == set()
    assert broken(DEAD) == set()


def test_several_hours_in_a_row() -> None:
    caught_up = replace(
        SENT,
        id="u1-20261124T1300Z",
        due_at=NOON + HOUR,
        period_start=NOON,
        period_end=NOON + 3 * HOUR,
    )
    history = replace(
        GOOD,
        last_run=NOON + 3 * HOUR,
        users=[replace(USER, next_report_at=NOON + 4 * HOUR, reported_until=NOON + 3 * HOUR)],
        deliveries=[caught_up, SENT],
        accepted=[ID, caught_up.id],
    )
    assert broken(history) == set()
    assert tally(history, []).reports == 2
    assert broken(history, most_reports=1) == {Rule.MOVED_WRONGLY}


def test_a_second_mail() -> None:
    assert broken(GOOD, accepted=[ID, ID]) == {Rule.DOUBLED}


def test_a_second_mail_where_the_first_was_unknown() -> None:
    assert broken(GOOD, accepted=[ID, ID], unknown={ID: 1}) == set()
    assert broken(GOOD, accepted=[ID, ID, ID], unknown={ID: 1}) == {Rule.DOUBLED}
    assert tally(replace(GOOD, accepted=[ID, ID]), []).resent == 1


@pytest.mark.parametrize("state", ["pending", "sending"])
def test_a_report_without_an_end(state: str) -> None:
    history = replace(GOOD, deliveries=[replace(SENT, state=state)], accepted=[])
    assert broken(history) == {Rule.LOST}
    assert tally(history, check(history)).lost == 1


def test_a_report_that_nobody_began_with() -> None:
    waiting = replace(USER, next_report_at=NOON, reported_until=NOON - HOUR)
    assert broken(GOOD, users=[waiting], deliveries=[], accepted=[]) == {Rule.LOST}


def test_a_user_without_a_next_report() -> None:
    assert Rule.LOST in broken(GOOD, users=[replace(USER, next_report_at=None)])


def test_a_death_that_nobody_was_told_of() -> None:
    assert broken(DEAD, alerts=[]) == {Rule.UNTOLD}
    # What tells of something else does not tell of it.
    assert broken(DEAD, alerts=[ALARM], expected_alerts=frozenset({ALARM.title})) == {Rule.UNTOLD}


def test_several_deaths_in_one_message() -> None:
    unreadable = replace(LETTER, id="x", delivery_id="")
    assert broken(DEAD, dead_letters=[LETTER, unreadable]) == {Rule.UNTOLD}
    assert broken(DEAD, dead_letters=[LETTER, unreadable], alerts=[replace(TOLD, count=2)]) == set()


def test_a_system_alert_that_nobody_was_told_of() -> None:
    assert broken(GOOD, system_alerts=1) == {Rule.UNTOLD}


def test_a_false_alarm() -> None:
    assert broken(GOOD, system_alerts=1, alerts=[ALARM]) == {Rule.FALSE_ALARM}
    assert broken(GOOD, system_alerts=1, alerts=[ALARM], expected_alerts=frozenset({ALARM.title})) == set()


@pytest.mark.parametrize("state", ["sent", "skipped", "pending", "sending"])
def test_an_open_letter_of_a_report_that_is_not_dead(state: str) -> None:
    history = replace(GOOD, deliveries=[replace(SENT, state=state)], dead_letters=[LETTER], alerts=[TOLD])
    assert Rule.MISREPORTED in broken(history)
    closed = replace(LETTER, is_open=False)
    assert Rule.MISREPORTED not in broken(
        history, dead_letters=[closed], endings={ID: frozenset({state})}, accepted=[ID] if state == "sent" else []
    )


def test_a_user_who_moved_back_meanwhile() -> None:
    def written(at: int, due: datetime, *, by_application: bool = False) -> Move:
        return Move(NOON + timedelta(minutes=at), due, by_application)

    start = written(0, NOON, by_application=True)
    there_and_back = [start, written(1, NOON + 2 * HOUR), written(2, NOON + HOUR)]
    assert broken(GOOD, moves={"u1": there_and_back}) == {Rule.MOVED_WRONGLY}
    assert broken(GOOD, moves={"u1": [start, written(1, NOON + HOUR), written(2, NOON + HOUR)]}) == set()
    # An application may write what it likes, and the pipeline goes on from there.
    set_back = [start, written(1, NOON + HOUR), start, written(3, NOON + HOUR)]
    assert broken(GOOD, moves={"u1": set_back}) == set()


def test_a_malformed_user_is_one_letter() -> None:
    letter = replace(LETTER, delivery_id="m1-20261124T1200Z", id="m1", user_id="m1", reason="invalid-task")
    history = replace(GOOD, malformed=["m1"])
    assert broken(history, dead_letters=[letter], alerts=[TOLD]) == set()
    assert broken(history) == {Rule.LOST}
    # One letter tells of the user, however many reports fall due meanwhile.
    unsent = replace(SENT, id="m1-20261124T1300Z", user_id="m1", state="dead")
    assert broken(history, dead_letters=[letter], alerts=[TOLD], deliveries=[SENT, unsent]) == set()
    with_every_run = [letter, replace(letter, id="m2", delivery_id="m1-20261124T1300Z")]
    assert broken(history, dead_letters=with_every_run, alerts=[TOLD, TOLD]) == {Rule.STORED_TWICE}


def test_the_application_changes_a_schedule() -> None:
    tokyo = Plan("daily", "Asia/Tokyo", hour=8)
    changed = replace(USER, plan=tokyo, former_plan=USER.plan, next_report_at=NOON + 11 * HOUR)
    assert broken(GOOD, users=[changed]) == set()
    assert broken(GOOD, users=[replace(changed, next_report_at=NOON + HOUR)]) == {Rule.MOVED_WRONGLY}


def test_the_application_postpones_a_report() -> None:
    later = NOON + 5 * HOUR
    assert broken(GOOD, users=[replace(USER, postponed_to=later, next_report_at=later)]) == set()
    assert broken(GOOD, users=[replace(USER, postponed_to=later)]) == {Rule.MOVED_WRONGLY}


def test_a_death_that_is_no_longer_open() -> None:
    assert broken(DEAD, dead_letters=[replace(LETTER, is_open=False)]) == {Rule.LOST}


def test_a_death_without_a_letter() -> None:
    assert broken(DEAD, dead_letters=[]) == {Rule.LOST, Rule.WRONG_END}


def test_sent_that_was_not() -> None:
    assert broken(GOOD, accepted=[]) == {Rule.MISREPORTED}


def test_skipped_that_was_sent() -> None:
    history = replace(GOOD, deliveries=[replace(SENT, state="skipped")], endings={ID: frozenset({"skipped"})})
    assert broken(history) == {Rule.MISREPORTED}
    assert broken(history, accepted=[]) == set()


def test_dead_that_was_sent() -> None:
    assert broken(DEAD, accepted=[ID]) == {Rule.MISREPORTED}
    # Where the team sends again, the reason is the last attempt's, whatever became of the ones before.
    assert broken(DEAD, accepted=[ID], unknown={ID: 1}) == set()
    unknown = replace(LETTER, reason=UNKNOWN_OUTCOME)
    allowed = {ID: frozenset({UNKNOWN_OUTCOME})}
    assert broken(DEAD, accepted=[ID], dead_letters=[unknown], endings=allowed) == set()


def test_a_mail_of_nobody() -> None:
    assert broken(GOOD, accepted=[ID, "u2-20261124T1200Z"]) == {Rule.MISREPORTED}


def test_a_dead_letter_of_nobody() -> None:
    assert broken(DEAD, alerts=[TOLD, TOLD], dead_letters=[LETTER, replace(LETTER, id="x", delivery_id="x")]) == {
        Rule.MISREPORTED
    }


def test_a_dead_letter_stored_twice() -> None:
    told = [replace(TOLD, count=3)]
    assert broken(DEAD, alerts=told, dead_letters=[LETTER, replace(LETTER, id="again")]) == {Rule.STORED_TWICE}
    unreadable = replace(LETTER, delivery_id="")
    assert broken(DEAD, alerts=told, dead_letters=[LETTER, unreadable, replace(unreadable, id="other")]) == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"due_at": NOON - HOUR},
        {"period_start": NOON - 2 * HOUR},
        {"period_start": NOON},
        {"period_end": NOON + HOUR},
        {"period_end": None},
    ],
)
def test_reports_that_do_not_follow_one_another(changes: dict[str, Any]) -> None:
    assert Rule.MOVED_WRONGLY in broken(GOOD, deliveries=[replace(SENT, **changes)])


@pytest.mark.parametrize(
    "changes", [{"next_report_at": NOON + 2 * HOUR}, {"reported_until": NOON - HOUR}, {"reported_until": None}]
)
def test_a_user_who_moved_wrongly(changes: dict[str, Any]) -> None:
    assert broken(GOOD, users=[replace(USER, **changes)]) == {Rule.MOVED_WRONGLY}


def test_a_death_that_had_no_cause() -> None:
    assert broken(DEAD, endings={}) == {Rule.WRONG_END}


def test_a_report_that_had_to_die() -> None:
    assert broken(GOOD, endings={ID: frozenset({"permanent-error"})}) == {Rule.WRONG_END}
