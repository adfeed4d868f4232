"""For whom a delivery is, and where the user goes from it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.ids import delivery_id
from functions.shared.period import Period
from functions.shared.report_task import ReportTask
from functions.shared.schedule import Cadence
from functions.worker.recipient import FinalDelivery, Recipient

DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
TASK = ReportTask(user_id="u1", delivery_id=delivery_id("u1", DUE), due_at=DUE, run_id="20261124T1300Z")


def recipient(**fields: Any) -> Recipient:
    document = {"email": "u1@example.com", "active": True, "next_report_at": DUE, **fields}
    return Recipient.from_document("u1", document, Cadence.HOURLY)


def test_a_user_who_is_gone_is_not_wanted_and_goes_nowhere() -> None:
    gone = Recipient.from_document("u1", None, Cadence.HOURLY)
    assert not gone.wanted
    assert gone.period(TASK, DUE) is None
    assert gone.moved_on(DUE, Period(DUE - HOUR, DUE)) == {}


def test_an_inactive_user_is_not_wanted_whatever_else_is_wrong() -> None:
    inactive = recipient(active=False, email=7)
    assert not inactive.wanted
    assert inactive.moved_on(DUE, Period(DUE - HOUR, DUE))["next_report_at"] == DUE + HOUR


@pytest.mark.parametrize("year", [1, 9999])
@pytest.mark.parametrize("field", ["next_report_at", "reported_until"])
def test_zero_and_far_times_are_named_and_not_calculated_with(field: str, year: int) -> None:
    broken = recipient(**{field: datetime(year, 12, 31, 23, tzinfo=UTC)})
    assert broken.problem == f"{field}: must be a timestamp between 1970 and 2200"
    period = broken.period(TASK, DUE)
    assert period == Period(DUE - HOUR, DUE)
    assert broken.moved_on(DUE, period) == {"next_report_at": DUE + HOUR, "reported_until": DUE}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"email": None}, "email"),
        ({"email": "nobody"}, "email"),
        ({"time_zone": "Mars/Olympus_Mons"}, "time_zone"),
        ({"active": "true"}, "active"),
        ({"name": 7}, "name"),
        ({"report": "daily"}, "report"),
        ({"report": {"cadence": "sometimes"}}, "report.cadence"),
        ({"next_report_at": "tomorrow"}, "next_report_at"),
    ],
)
def test_a_user_who_cannot_be_used_is_named_by_field_and_can_still_be_moved_on(
    fields: dict[str, Any], named: str
) -> None:
    broken = recipient(**fields)
    assert broken.wanted
    assert broken.user is None
    assert broken.problem.startswith(named)
    period = broken.period(TASK, DUE)
    assert period == Period(DUE - HOUR, DUE)
    assert broken.moved_on(DUE, period)["next_report_at"] == DUE + HOUR


def test_a_user_moves_to_the_next_due_time_after_the_period() -> None:
    user = recipient(reported_until=DUE - HOUR)
    period = user.period(TASK, DUE)
    assert period == Period(DUE - HOUR, DUE)
    assert user.moved_on(DUE, period) == {"next_report_at": DUE + HOUR, "reported_until": DUE}


def test_a_late_run_is_caught_up_by_one_report() -> None:
    user = recipient(reported_until=DUE - HOUR)
    period = user.period(TASK, DUE + 3 * HOUR)
    assert period == Period(DUE - HOUR, DUE + 3 * HOUR)
    assert user.moved_on(DUE, period) == {"next_report_at": DUE + 4 * HOUR, "reported_until": DUE + 3 * HOUR}


@pytest.mark.parametrize("ahead", [HOUR, 24 * HOUR])
def test_a_replayed_old_delivery_covers_its_own_time_and_leaves_the_user_alone(ahead: timedelta) -> None:
    user = recipient(next_report_at=DUE + ahead, reported_until=DUE + ahead - HOUR)
    period = user.period(TASK, DUE + ahead)
    assert period == Period(DUE - HOUR, DUE)
    assert user.moved_on(DUE, period) == {}


def test_a_user_whom_the_application_made_due_later_has_the_report_even_so() -> None:
    user = recipient(next_report_at=DUE + 24 * HOUR, reported_until=DUE - HOUR)
    assert user.moved_on(DUE, Period(DUE - HOUR, DUE)) == {"reported_until": DUE}


def test_reported_until_never_goes_back() -> None:
    user = recipient(reported_until=DUE + HOUR)
    assert user.moved_on(DUE, Period(DUE - HOUR, DUE)) == {"next_report_at": DUE + HOUR}


@given(
    cadence=st.sampled_from(list(Cadence)),
    time_zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
    due_minutes=st.integers(0, 200_000),
    period_minutes=st.integers(-200_000, 200_000),
    newest=st.lists(st.tuples(st.integers(0, 200_000), st.integers(-3_000, 3_000) | st.none()), max_size=20),
)
def test_every_call_for_a_final_delivery_moves_its_user_beyond_all_that_is_final(
    cadence: Cadence,
    time_zone: str,
    due_minutes: int,
    period_minutes: int,
    newest: list[tuple[int, int | None]],
) -> None:
    def minutes(number: int) -> timedelta:
        return timedelta(minutes=number)

    due_at = DUE + minutes(due_minutes)
    until = due_at + minutes(period_minutes)
    final = [
        FinalDelivery(due_at=due_at + minutes(after), period_end=None if end is None else due_at + minutes(after + end))
        for after, end in newest
    ]
    user = recipient(next_report_at=due_at, time_zone=time_zone, report={"cadence": cadence.value})
    moved = user.moved_past(due_at, Period(until - HOUR, until), final)
    assert moved["next_report_at"] > max([due_at, until, *(each.due_at for each in final)])
    assert moved["reported_until"] < moved["next_report_at"]
    # What is settled moves its user strictly forward, too.
    settled = user.moved_on(due_at, Period(until - HOUR, until))
    assert settled["next_report_at"] > due_at


def test_a_user_who_stands_elsewhere_is_left_there() -> None:
    period = Period(DUE - HOUR, DUE)
    for elsewhere in (DUE - HOUR, DUE + HOUR):
        assert recipient(next_report_at=elsewhere).moved_past(DUE, period, []) == {}
