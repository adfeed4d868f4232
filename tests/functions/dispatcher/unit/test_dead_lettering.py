"""Why a report is given up that has been due for too long."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.rescue.dead_lettering import failure_of_lost
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import Delivery, DeliveryFailure, DeliveryState

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DUE = DueSubscription("u1", "default", NOON - 25 * HOUR, "activity")


def delivery(state: DeliveryState, **fields: object) -> Delivery:
    return Delivery(id="d", state=state, version=NOON, **fields)  # type: ignore[arg-type]  # any of the fields


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(None, DeadLetterReason.LOST, id="never tried"),
        pytest.param(delivery(DeliveryState.PENDING), DeadLetterReason.LOST, id="its tasks died"),
        pytest.param(delivery(DeliveryState.SENDING), DeadLetterReason.UNKNOWN_OUTCOME, id="its worker died"),
    ],
)
def test_what_a_worker_may_have_sent_is_not_said_to_be_unsent(found: Delivery | None, reason: DeadLetterReason) -> None:
    failure = failure_of_lost(DUE, found, run_time=NOON, now=NOON + HOUR)
    assert (failure.reason, failure.failed_at, failure.letter_id) == (reason, NOON + HOUR, None)
    assert "25 hours after it was due" in failure.error


@pytest.mark.parametrize(
    "found",
    [
        delivery(DeliveryState.PENDING),
        delivery(DeliveryState.GIVING_UP, reason="retries-exhausted", failed_at=NOON - 25 * HOUR),
    ],
)
def test_nor_what_may_have_been_sent_before_a_restore(found: Delivery) -> None:
    restored = found._replace(due_at=DUE.due_at).restored(NOON - HOUR)
    failure = failure_of_lost(DUE, restored, run_time=NOON, now=NOON)
    assert (failure.reason, failure.failed_at) == (DeadLetterReason.UNKNOWN_OUTCOME, NOON)
    assert "before Firestore was restored" in failure.error


def test_what_another_process_has_settled_stays() -> None:
    settled = DeliveryFailure(
        reason=DeadLetterReason.RETRIES_EXHAUSTED, error="as it was said", failed_at=NOON - HOUR, letter_id="l"
    )
    found = delivery(
        DeliveryState.GIVING_UP,
        reason=settled.reason.value,
        last_error=settled.error,
        failed_at=settled.failed_at,
        letter_id="l",
    )
    assert failure_of_lost(DUE, found, run_time=NOON, now=NOON) == settled
