"""What becomes of a report that should be final by now."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.dispatcher.rescue.rescue_step import (
    LEAST_RESCUES,
    LOST_AFTER,
    is_lost,
    is_under_way,
    task_died,
)
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.delivery import Delivery

RUN_TIME = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def stored(fields: dict[str, Any]) -> Delivery:
    """The delivery whose document has these fields."""
    delivery = Delivery.from_snapshot(FoundDocument("deliveries/u1:default:20261124T1200Z", fields, RUN_TIME))
    assert delivery is not None
    return delivery


def read(fields: dict[str, Any] | None) -> Delivery | None:
    """The same; None where there is no document."""
    return None if fields is None else stored(fields)


TRIED = {"rescues": LEAST_RESCUES}


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        pytest.param(None, False, id="never tried, however long ago it fell due"),
        pytest.param({"state": "pending"}, False, id="tried"),
        pytest.param({"state": "pending", "rescues": LEAST_RESCUES - 1}, False, id="tried"),
        pytest.param({"state": "pending", **TRIED}, True, id="tried for a day"),
        pytest.param({"state": "pending", "rescues": "many"}, False, id="a strange field"),
        pytest.param({"state": "sent", **TRIED}, False, id="sent, the worker moves the subscription on"),
        pytest.param({"state": "dead", **TRIED}, False, id="dead, the worker moves the subscription on"),
        pytest.param({"state": "sending"}, False, id="a dead worker"),
        pytest.param({"state": "sending", **TRIED}, True, id="dead workers"),
        pytest.param({"state": 7, **TRIED}, True, id="a state that is none"),
        pytest.param({}, False, id="an empty document"),
    ],
)
def test_a_report_is_lost_if_it_was_tried_for_a_day_and_no_queue_holds_a_task(
    delivery: dict[str, Any] | None, expected: bool
) -> None:
    due_at = RUN_TIME - LOST_AFTER
    assert is_lost(read(delivery), due_at=due_at, run_time=RUN_TIME) is expected


@pytest.mark.parametrize(("hours", "expected"), [(23, False), (24, True)])
@pytest.mark.parametrize("since", ["due", "noted", "replayed", "restored"])
def test_a_day_has_passed_since_it_was_due_and_noted_and_replayed_and_firestore_was_restored(
    since: str, hours: int, expected: bool
) -> None:
    begun, before = RUN_TIME - hours * HOUR, RUN_TIME - 30 * HOUR
    due_at = begun if since == "due" else before
    history = [{"at": begun, "result": "replayed"}] if since == "replayed" else []
    created_at = begun if since == "noted" else before
    delivery = stored(
        {"state": "pending", "created_at": created_at, "due_at": due_at, "history": history, **TRIED}
    ).restored(begun if since == "restored" else None)
    assert is_lost(delivery, due_at=due_at, run_time=RUN_TIME) is expected


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        pytest.param(None, False, id="never tried"),
        pytest.param({"state": "pending"}, False, id="waits"),
        pytest.param({"state": "sending", "lease_expires_at": RUN_TIME + HOUR}, True, id="being sent right now"),
        pytest.param({"state": "sending", "lease_expires_at": RUN_TIME}, False, id="a dead worker"),
        pytest.param({"state": "sending"}, False, id="no lease at all"),
        pytest.param({"state": "sent"}, True, id="sent since the run began to read"),
    ],
)
def test_of_what_is_under_way_the_queues_are_not_asked(delivery: dict[str, Any] | None, expected: bool) -> None:
    assert is_under_way(read(delivery), run_time=RUN_TIME, read_from=RUN_TIME) is expected


def test_what_was_final_before_the_run_began_to_read_still_has_a_subscription_that_is_due() -> None:
    assert not is_under_way(stored({"state": "sent"}), run_time=RUN_TIME, read_from=RUN_TIME + HOUR)


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
    assert task_died(read(delivery), updated_at=updated_at, made_from=newest) is expected


def test_a_dead_task_is_left_out_once_however_often_its_subscription_is_written() -> None:
    """The run that leaves it out notes the report, by its own time; the next one needs no other proof."""
    noted = {"state": "pending", "created_at": RUN_TIME}
    assert task_died(read(noted), updated_at=RUN_TIME + HOUR, made_from=RUN_TIME)
