"""What becomes of a report that should have been sent long ago."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.dispatcher.rescue.policy import RescueStep, period_given_up, rescue_step, task_died
from functions.shared.delivery import Delivery
from functions.shared.period import Period
from functions.shared.schedule import Cadence
from functions.shared.subscription import Subscription, SubscriptionDefaults
from functions.shared.user import User

RUN_TIME = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEFAULTS = SubscriptionDefaults(kind="activity", cadence=Cadence.HOURLY)


@dataclass(frozen=True)
class Snapshot:
    """What Firestore's client gives of a document."""

    fields: dict[str, Any]
    id: str = "u1:default:20261124T1200Z"
    exists: bool = True
    update_time: datetime = RUN_TIME

    def to_dict(self) -> dict[str, Any]:
        return self.fields


def stored(fields: dict[str, Any]) -> Delivery:
    """The delivery whose document has these fields."""
    delivery = Delivery.from_snapshot(Snapshot(fields))
    assert delivery is not None
    return delivery


def read(fields: dict[str, Any] | None) -> Delivery | None:
    """The same; None where there is no document."""
    return None if fields is None else stored(fields)


@pytest.mark.parametrize(
    ("delivery", "age", "expected"),
    [
        pytest.param(None, 2, RescueStep.ENQUEUE, id="never tried"),
        pytest.param(None, 2000, RescueStep.ENQUEUE, id="never tried, though due for months"),
        pytest.param({"state": "pending"}, 2, RescueStep.ENQUEUE, id="tried"),
        pytest.param({"state": "pending"}, 24, RescueStep.GIVE_UP, id="tried for a day"),
        pytest.param(
            {"state": "pending", "created_at": RUN_TIME - HOUR}, 30, RescueStep.ENQUEUE, id="tried for an hour"
        ),
        pytest.param(
            {"state": "pending", "created_at": RUN_TIME - 25 * HOUR}, 26, RescueStep.GIVE_UP, id="a day, noted"
        ),
        pytest.param({"state": "pending", "created_at": "yesterday"}, 30, RescueStep.GIVE_UP, id="a strange field"),
        pytest.param({"state": "sent"}, 30, RescueStep.ENQUEUE, id="sent, and the worker moves the subscription on"),
        pytest.param({"state": "dead"}, 30, RescueStep.ENQUEUE, id="dead, and the worker moves the subscription on"),
        pytest.param(
            {"state": "sending", "lease_expires_at": RUN_TIME + HOUR},
            30,
            RescueStep.IN_PROGRESS,
            id="being sent right now",
        ),
        pytest.param(
            {"state": "sending", "lease_expires_at": RUN_TIME - HOUR}, 2, RescueStep.ENQUEUE, id="a dead worker"
        ),
        pytest.param({"state": "sending", "lease_expires_at": RUN_TIME}, 30, RescueStep.GIVE_UP, id="dead for a day"),
        pytest.param({"state": "sending"}, 30, RescueStep.GIVE_UP, id="no lease at all"),
        pytest.param({"state": 7}, 30, RescueStep.GIVE_UP, id="a state that is none"),
        pytest.param({}, 30, RescueStep.GIVE_UP, id="an empty document"),
    ],
)
def test_rescue_step(delivery: dict[str, Any] | None, age: int, expected: RescueStep) -> None:
    assert rescue_step(read(delivery), due_at=RUN_TIME - age * HOUR, run_time=RUN_TIME) is expected


@pytest.mark.parametrize(("hours", "expected"), [(1, RescueStep.ENQUEUE), (24, RescueStep.GIVE_UP)])
def test_after_a_restore_the_day_counts_from_it(hours: int, expected: RescueStep) -> None:
    delivery = stored({"state": "pending", "created_at": RUN_TIME - 30 * HOUR})
    due_at, restored_at = RUN_TIME - 31 * HOUR, RUN_TIME - hours * HOUR
    assert rescue_step(delivery, due_at=due_at, run_time=RUN_TIME, restored_at=restored_at) is expected


@pytest.mark.parametrize(
    ("delivery", "written_after_hours", "expected"),
    [
        pytest.param(None, -1, True, id="the subscription stood there before the run"),
        pytest.param(None, 0, True, id="in the very moment"),
        pytest.param(None, 0.01, False, id="it came there after the run had looked"),
        pytest.param({"state": "pending"}, 0.5, False, id="a record of unknown age"),
        pytest.param({"state": "pending", "created_at": RUN_TIME - HOUR}, 0.5, True, id="written, but noted before"),
        pytest.param({"state": "sending", "created_at": RUN_TIME - 2 * HOUR}, 0.5, True, id="tried before"),
        pytest.param({"state": "pending", "created_at": RUN_TIME - HOUR / 2}, 0.5, False, id="tried since"),
        pytest.param({"state": "sent", "created_at": RUN_TIME - 2 * HOUR}, 0.5, False, id="final, and set back since"),
        pytest.param(
            {"state": "sent", "created_at": RUN_TIME - 2 * HOUR}, -1, False, id="final: its task has done its work"
        ),
    ],
)
def test_a_task_has_died_only_if_there_was_one(
    delivery: dict[str, Any] | None, written_after_hours: float, expected: bool
) -> None:
    newest = RUN_TIME - HOUR
    updated_at = newest + written_after_hours * HOUR
    assert task_died(read(delivery), updated_at=updated_at, newest_task_from=newest) is expected


def test_where_no_run_made_a_task_none_task_died() -> None:
    assert not task_died(None, updated_at=RUN_TIME, newest_task_from=None)


def test_a_dead_task_is_left_out_once_however_often_its_subscription_is_written() -> None:
    """The run that leaves it out notes the report, by its own time; the next one needs no other proof."""
    noted = {"state": "pending", "created_at": RUN_TIME}
    assert task_died(read(noted), updated_at=RUN_TIME + HOUR, newest_task_from=RUN_TIME)


@pytest.mark.parametrize(
    ("fields", "next_report_at"),
    [
        pytest.param({"cadence": "hourly"}, RUN_TIME + HOUR, id="hourly"),
        pytest.param({"cadence": "daily", "hour": 9}, RUN_TIME + 12 * HOUR, id="daily, in the user's zone"),
        pytest.param({"cadence": "daily", "hour": 9, "time_zone": "UTC"}, RUN_TIME + 21 * HOUR, id="in its own zone"),
        pytest.param({"cadence": "daily", "hour": 9, "time_zone": "?"}, RUN_TIME + 12 * HOUR, id="no zone: the user's"),
        pytest.param({"cadence": "often"}, RUN_TIME + HOUR, id="no schedule: the default's"),
        pytest.param({"cadence": "cron", "cron": "?"}, RUN_TIME + HOUR, id="no cron line: the default's"),
        pytest.param({"reported_until": "?"}, RUN_TIME + HOUR, id="no end of a last period"),
    ],
)
def test_a_subscription_moves_on_to_a_time_after_the_run(fields: dict[str, Any], next_report_at: datetime) -> None:
    subscription = Subscription.from_fields("u1", "default", fields, DEFAULTS)
    schedule = subscription.schedule(User.from_fields("u1", {"time_zone": "Asia/Tokyo"}))
    period = period_given_up(
        schedule,
        due_at=RUN_TIME - 30 * HOUR,
        run_time=RUN_TIME,
        delivery=stored({}),
        reported_until=subscription.reported_until,
    )
    assert schedule.next_due(period.end) == next_report_at
    assert RUN_TIME - 24 * HOUR < period.end <= RUN_TIME


def test_what_may_have_been_sent_before_a_restore_leaves_the_time_since_to_the_next_report() -> None:
    schedule = Subscription.from_fields("u1", "default", {}, DEFAULTS).schedule(None)
    due_at, until = RUN_TIME - 30 * HOUR, RUN_TIME - 32 * HOUR
    period = period_given_up(
        schedule, due_at=due_at, run_time=RUN_TIME, delivery=stored({}), reported_until=until, is_outdated=True
    )
    assert period == Period(until, due_at)


def test_what_an_attempt_has_begun_to_report_is_what_is_given_up() -> None:
    schedule = Subscription.from_fields("u1", "default", {}, DEFAULTS).schedule(None)
    begun = {"period_start": RUN_TIME - 31 * HOUR, "period_end": RUN_TIME - 30 * HOUR}
    period = period_given_up(
        schedule, due_at=RUN_TIME - 30 * HOUR, run_time=RUN_TIME, delivery=stored(begun), reported_until=None
    )
    assert period == Period(start=RUN_TIME - 31 * HOUR, end=RUN_TIME - 30 * HOUR)
