"""The record of a delivery that waits for its task."""

from datetime import UTC, datetime, timedelta

from functions.shared.ids import delivery_id
from functions.shared.pending_delivery import pending_delivery
from functions.shared.report_task import ReportTask

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW = NOON + timedelta(hours=1)
TASK = ReportTask(user_id="u1", delivery_id=delivery_id("u1", NOON), due_at=NOON, run_id="20261124T1200Z", kind="sales")


def test_a_report_that_is_due() -> None:
    assert pending_delivery(TASK, now=NOW, by_hand=False) == {
        "user_id": "u1",
        "due_at": NOON,
        "run_id": "20261124T1200Z",
        "kind": "sales",
        "state": "pending",
        "attempts": 0,
        "created_at": NOW,
        "updated_at": NOW,
        "expire_at": NOW + timedelta(days=90),
    }


def test_what_a_person_has_sent_bears_a_mark_by_which_the_dispatcher_finds_it() -> None:
    due, by_hand = (pending_delivery(TASK, now=NOW, by_hand=by_hand) for by_hand in (False, True))
    assert by_hand == {**due, "by_hand": True}
