"""What a mail event settles. What else may happen meanwhile is in tests/protocol."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.unknown_outcome import is_settled_by_event, settled_alert, settlement
from functions.shared.records.address_hash import address_hash
from functions.shared.records.dead_letter import DeadLetterReason, DeadLetterState, StoredDeadLetter
from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt
from functions.shared.records.delivery_table import MAIL_EVENT, MAY_HAVE_BEEN_SENT
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from functions.shared.records.report_task import ReportTask

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
ID = "u1:default:20261124T1200Z"
TASK = ReportTask(
    user_id="u1",
    subscription_id="default",
    delivery_id=ID,
    due_at=NOW - timedelta(hours=1),
    run_id="20261124T1200Z",
    kind="activity",
)
UNKNOWN = DeadLetterReason.UNKNOWN_OUTCOME
EMPTY = MailRecord(id=ID, user_id="u1", subscription_id="default")
"""A document in the collection that another tool has made."""

RECORD = EMPTY.folded(
    [
        MailEvent(
            delivery_id=ID,
            recipient=address_hash("ada@example.com"),
            status=MailStatus.DELIVERED,
            at=NOW,
            message_id="m1",
        )
    ]
)


def snapshot(fields: dict[str, Any]) -> FoundDocument:
    return FoundDocument(f"any/{ID}", fields, NOW)


def delivery(state: DeliveryState, **fields: Any) -> Delivery:
    found = Delivery.from_snapshot(snapshot({"state": state.value, **fields}))
    assert found is not None
    return found


def letter(state: DeadLetterState = DeadLetterState.OPEN, reason: DeadLetterReason = UNKNOWN) -> StoredDeadLetter:
    fields = {"state": state.value, "reason": reason.value, "payload": TASK.model_dump(mode="json")}
    return StoredDeadLetter.from_fields(ID, fields)


GIVEN_UP = {"reason": UNKNOWN.value, "failed_at": NOW}
RETRIED_OUT = {"reason": DeadLetterReason.RETRIES_EXHAUSTED.value, "failed_at": NOW}
REFUSED = {"reason": DeadLetterReason.PERMANENT_ERROR.value, "failed_at": NOW}


@pytest.mark.parametrize(
    ("found", "is_settled"),
    [
        pytest.param(delivery(DeliveryState.DEAD, **GIVEN_UP), True, id="dead"),
        pytest.param(delivery(DeliveryState.SENDING, **GIVEN_UP), True, id="held"),
        pytest.param(delivery(DeliveryState.PENDING), True, id="put back by a replay"),
        pytest.param(delivery(DeliveryState.SENDING), False, id="claimed"),
        pytest.param(delivery(DeliveryState.PENDING, **RETRIED_OUT), True, id="held after the last retry"),
        pytest.param(delivery(DeliveryState.DEAD, **RETRIED_OUT), True, id="dead after the last retry"),
        pytest.param(delivery(DeliveryState.PENDING, **REFUSED), False, id="held for another reason"),
        pytest.param(delivery(DeliveryState.DEAD, **REFUSED), False, id="dead for another reason"),
        pytest.param(delivery(DeliveryState.SKIPPED, reason="paused"), False, id="skipped"),
        pytest.param(delivery(DeliveryState.SENT), False, id="sent"),
    ],
)
def test_which_deliveries_an_event_makes_sent(found: Delivery, is_settled: bool) -> None:
    assert is_settled_by_event(found) is is_settled
    settled = settlement(found, None, RECORD, now=NOW)
    assert bool(settled.delivery) is is_settled
    assert settled.is_sent is (is_settled or found.state is DeliveryState.SENT)
    assert settlement(found, letter(), None, now=NOW).delivery == {}


def test_a_settled_delivery_is_like_one_that_a_worker_has_sent() -> None:
    found = delivery(DeliveryState.DEAD, owner="a worker", last_error="cut", **GIVEN_UP)
    fields = settlement(found, None, RECORD, now=NOW).delivery
    after = Delivery.from_snapshot(snapshot({"state": "dead", "attempts": 1, **GIVEN_UP, **fields}))
    assert after is not None
    assert (after.state, after.message_id, after.reason, after.last_error) == (DeliveryState.SENT, "m1", "", "")
    assert after.history == (DeliveryAttempt(at=NOW, result=AttemptResult.SETTLED),)
    assert (after.failed_at, after.owner, after.attempts, after.updated_at) == (None, MAIL_EVENT, 1, NOW)


DELIVERIES = [
    None,
    *(delivery(state) for state in DeliveryState),
    delivery(DeliveryState.DEAD, **GIVEN_UP),
    delivery(DeliveryState.SENDING, **GIVEN_UP),
    delivery(DeliveryState.DEAD, **RETRIED_OUT),
    delivery(DeliveryState.DEAD, **REFUSED),
]


@pytest.mark.parametrize("record", [RECORD, EMPTY, None], ids=["with an event", "without one", "without a record"])
def test_a_dead_letter_is_closed_if_and_only_if_its_report_was_sent(record: MailRecord | None) -> None:
    for found, state, reason in itertools.product(DELIVERIES, DeadLetterState, DeadLetterReason):
        settled = settlement(found, letter(state, reason), record, now=NOW)
        is_gone_and_proven = found is None and record is RECORD
        waits = state is DeadLetterState.OPEN and reason in MAY_HAVE_BEEN_SENT
        assert record is RECORD or not settled.delivery
        assert bool(settled.letter) is (waits and (settled.is_sent or is_gone_and_proven))
        if settled.letter:
            assert (settled.letter["state"], settled.letter["settled_at"]) == ("settled", NOW)


def test_people_are_told_which_report_it_is() -> None:
    alert = settled_alert(letter(), RECORD, now=NOW)
    assert (alert.report, alert.run_id, alert.detail) == (
        TASK,
        TASK.run_id,
        "the email provider accepted it, and reports: delivered",
    )
    assert settled_alert(letter(), None, now=NOW).detail == "the email provider accepted it"
