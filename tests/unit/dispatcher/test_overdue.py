"""What becomes of a report that should have been sent long ago."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.dispatcher.overdue import Verdict, judge, period_given_up, schedule_of
from functions.shared.schedule import Cadence, Period

RUN_TIME = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("delivery", "age", "expected"),
    [
        pytest.param(None, 2, Verdict.ENQUEUE, id="never tried"),
        pytest.param(None, 2000, Verdict.ENQUEUE, id="never tried, though due for months"),
        pytest.param({"state": "pending"}, 2, Verdict.ENQUEUE, id="tried"),
        pytest.param({"state": "pending"}, 24, Verdict.GIVE_UP, id="tried for a day"),
        pytest.param({"state": "pending", "created_at": RUN_TIME - HOUR}, 30, Verdict.ENQUEUE, id="tried for an hour"),
        pytest.param({"state": "pending", "created_at": RUN_TIME - 25 * HOUR}, 26, Verdict.GIVE_UP, id="a day, noted"),
        pytest.param({"state": "pending", "created_at": "yesterday"}, 30, Verdict.GIVE_UP, id="a strange field"),
        pytest.param({"state": "sent"}, 30, Verdict.ENQUEUE, id="sent, and the worker moves the user on"),
        pytest.param({"state": "dead"}, 30, Verdict.ENQUEUE, id="dead, and the worker moves the user on"),
        pytest.param(
            {"state": "sending", "lease_expires_at": RUN_TIME + HOUR}, 30, Verdict.LEAVE, id="being sent right now"
        ),
        pytest.param({"state": "sending", "lease_expires_at": RUN_TIME - HOUR}, 2, Verdict.ENQUEUE, id="a dead worker"),
        pytest.param({"state": "sending", "lease_expires_at": RUN_TIME}, 30, Verdict.GIVE_UP, id="dead for a day"),
        pytest.param({"state": "sending"}, 30, Verdict.GIVE_UP, id="no lease at all"),
        pytest.param({"state": 7}, 30, Verdict.GIVE_UP, id="a state that is none"),
        pytest.param({}, 30, Verdict.GIVE_UP, id="an empty document"),
    ],
)
def test_judge(delivery: dict[str, Any] | None, age: int, expected: Verdict) -> None:
    assert judge(delivery, due_at=RUN_TIME - age * HOUR, run_time=RUN_TIME) is expected


@pytest.mark.parametrize(
    ("fields", "next_report_at"),
    [
        pytest.param({"report": {"cadence": "hourly"}}, RUN_TIME + HOUR, id="hourly"),
        pytest.param({"report": {"cadence": "daily", "hour": 9}}, RUN_TIME + 21 * HOUR, id="daily"),
        pytest.param({"report": {"cadence": "daily", "hour": 9}, "time_zone": "?"}, RUN_TIME + 21 * HOUR, id="no zone"),
        pytest.param({"report": {"cadence": "often"}}, RUN_TIME + HOUR, id="no schedule: the default's"),
        pytest.param({"reported_until": "?"}, RUN_TIME + HOUR, id="no end of a last period"),
    ],
)
def test_a_user_moves_on_to_a_time_after_the_run(fields: dict[str, Any], next_report_at: datetime) -> None:
    document = {"active": True, "email": "u1@example.com", **fields}
    schedule = schedule_of("u1", document, Cadence.HOURLY)
    period = period_given_up(
        schedule,
        due_at=RUN_TIME - 30 * HOUR,
        run_time=RUN_TIME,
        delivery={},
        reported_until=document.get("reported_until"),
    )
    assert schedule.after(period.end) == next_report_at
    assert RUN_TIME - 24 * HOUR < period.end <= RUN_TIME


def test_what_an_attempt_has_begun_to_report_is_what_is_given_up() -> None:
    schedule = schedule_of("u1", {}, Cadence.HOURLY)
    begun = {"period_start": RUN_TIME - 31 * HOUR, "period_end": RUN_TIME - 30 * HOUR}
    period = period_given_up(
        schedule, due_at=RUN_TIME - 30 * HOUR, run_time=RUN_TIME, delivery=begun, reported_until=None
    )
    assert period == Period(start=RUN_TIME - 31 * HOUR, end=RUN_TIME - 30 * HOUR)
