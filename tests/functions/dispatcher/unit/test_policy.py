"""What becomes of a report that should have been sent long ago."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.dispatcher.rescue.policy import RescueStep, rescue_step, task_died
from functions.shared.delivery import Delivery
from functions.shared.schedule import Cadence
from functions.shared.subscription import SubscriptionDefaults

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
    due_at, restored_at = RUN_TIME - 31 * HOUR, RUN_TIME - hours * HOUR
    delivery = stored({"state": "pending", "created_at": RUN_TIME - 30 * HOUR, "due_at": due_at})
    assert rescue_step(delivery.restored(restored_at), due_at=due_at, run_time=RUN_TIME) is expected


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
