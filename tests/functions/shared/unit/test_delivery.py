"""The delivery record: what a document says, and what each change writes."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.dead_letter import DeadLetterReason
from functions.shared.delivery import (
    DELIVERY_FIELDS,
    Delivery,
    DeliveryFailure,
    DeliveryState,
    SkipReason,
    claimed_fields,
    failed_fields,
    held_fields,
    new_task_fields,
    pending_fields,
    period_fields,
    put_back_fields,
    released_fields,
    settled_fields,
    task_fields,
    unheld_fields,
)
from functions.shared.delivery_attempt import AttemptResult, DeliveryAttempt, attempted_fields
from functions.shared.ids import delivery_id, shard_of
from functions.shared.period import Period
from functions.shared.report_task import ReportTask
from functions.shared.stored_request import StoredRequest

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW = NOON + timedelta(hours=1)
TASK = ReportTask(
    user_id="u1",
    subscription_id="weekly",
    delivery_id=delivery_id("u1", "weekly", NOON),
    due_at=NOON,
    run_id="20261124T1200Z",
    kind="sales",
)
PERIOD = Period(NOON - timedelta(hours=1), NOON)
LOST = DeliveryFailure(reason=DeadLetterReason.LOST, error="e", failed_at=NOW, letter_id="u1:malformed")
CLAIMED = DeliveryAttempt(at=NOW, number=1, claimed_at=NOW, result=AttemptResult.CLAIMED)
UNKNOWN = DeliveryFailure(reason=DeadLetterReason.UNKNOWN_OUTCOME, error="e", failed_at=NOW)


def read(document: Mapping[str, Any] | None) -> Delivery | None:
    snapshot = SimpleNamespace(
        id=TASK.delivery_id, exists=document is not None, to_dict=lambda: document, update_time=NOW
    )
    return Delivery.from_snapshot(snapshot)


def delivery(**fields: Any) -> Delivery:
    found = read({"state": "pending", **fields})
    assert found is not None
    return found


def test_final_states() -> None:
    assert {state for state in DeliveryState if state.is_final} == {"sent", "skipped", "dead"}


def test_a_new_delivery() -> None:
    assert pending_fields(TASK, now=NOW, by_hand=False) == {
        "user_id": "u1",
        "subscription_id": "weekly",
        "shard": shard_of("u1", "weekly"),
        "due_at": NOON,
        "run_id": "20261124T1200Z",
        "kind": "sales",
        "state": "pending",
        "attempts": 0,
        "created_at": NOW,
        "updated_at": NOW,
        "expire_at": NOW + timedelta(days=90),
    }


def test_what_an_operator_sends_bears_a_mark_and_its_task() -> None:
    due = pending_fields(TASK, now=NOW, by_hand=False)
    assert pending_fields(TASK, now=NOW, by_hand=True, task_name="t") == {**due, "by_hand": True, "task": "t"}


def test_a_delivery_that_is_put_back_keeps_when_it_was_created_and_what_it_covers() -> None:
    put_back = put_back_fields(TASK, delivery(), now=NOW, task_name="t")
    assert not {"created_at", "period_start", "period_end"} & put_back.keys()
    dead = {**held_fields(LOST, owner="o"), **settled_fields(DeliveryState.DEAD, owner="o", failure=LOST)}
    found = delivery(**{**dead, **put_back})
    assert (found.state, found.failure, found.owner) == (DeliveryState.PENDING, None, "")


@pytest.mark.parametrize(
    "written",
    [
        pending_fields(TASK, now=NOW, by_hand=True, task_name="t"),
        put_back_fields(TASK, delivery(), now=NOW, task_name="t"),
        new_task_fields("t"),
        new_task_fields("t", now=NOW),
        task_fields(TASK, now=NOW),
        period_fields(PERIOD),
        claimed_fields(None, owner="o", lease_expires_at=NOW, attempt=CLAIMED, provider="sendgrid"),
        held_fields(LOST, owner="o"),
        released_fields(error="e", now=NOW),
        settled_fields(DeliveryState.SENT, owner="o", message_id="m"),
        settled_fields(DeliveryState.DEAD, owner="o", failure=LOST),
    ],
)
def test_every_field_that_is_written_is_read_again(written: dict[str, Any]) -> None:
    assert written.keys() <= set(DELIVERY_FIELDS)
    found = delivery(**written)
    assert [entry.to_field() for entry in found.history] == written.pop("history", [])
    for name, value in written.items():
        assert getattr(found, name) == (value if value is not None else getattr(delivery(), name))


def test_every_field_is_read() -> None:
    times = {name: NOW for name in DELIVERY_FIELDS if name.endswith("_at") or name.startswith("period_")}
    others = {"history": [CLAIMED.to_field()], "state": "sent", "attempts": 2, "by_hand": True, "shard": 3}
    others["may_have_been_sent"] = True
    request = StoredRequest.of([], provider="p", key="k", made_at=NOW)
    others["request"] = request.to_field()
    document = {name: times.get(name, others.get(name, f"the {name}")) for name in DELIVERY_FIELDS}
    found = delivery(**document)
    read_again = {name: getattr(found, name) for name in DELIVERY_FIELDS}
    assert read_again == {**document, "history": (CLAIMED,), "request": request}


@given(
    document=st.dictionaries(st.sampled_from(DELIVERY_FIELDS), st.none() | st.integers() | st.text() | st.datetimes())
)
def test_any_document_can_be_read(document: dict[str, Any]) -> None:
    found = read(document)
    assert found is not None
    assert found.is_claimed(NOW) is False
    assert found.settled_period(NOW) is None


def test_no_document_is_no_delivery() -> None:
    assert read(None) is None


def test_a_delivery_without_a_valid_state_counts_as_one_of_unknown_outcome() -> None:
    found = delivery(state="mailed")
    assert found.state is DeliveryState.SENDING
    assert found.problem == (f"deliveries/{TASK.delivery_id}: state: not one of pending, sending, sent, skipped, dead")


@pytest.mark.parametrize(
    ("state", "lease", "is_claimed"),
    [
        ("sending", timedelta(seconds=1), True),
        ("sending", timedelta(0), False),
        ("sending", timedelta(seconds=-1), False),
        ("sending", timedelta(days=2), False),
        ("dead", timedelta(seconds=1), False),
    ],
)
def test_a_claim_counts_until_its_lease_is_over(state: str, lease: timedelta, is_claimed: bool) -> None:
    assert delivery(state=state, lease_expires_at=NOW + lease).is_claimed(NOW) is is_claimed


NOTED = {**failed_fields(error="e", now=NOW), **attempted_fields([], CLAIMED), "run_id": "later", "expire_at": NOW}
NEW = pending_fields(TASK, now=NOW, by_hand=False)


def test_a_worker_goes_on_if_attempts_have_only_noted_that_they_failed() -> None:
    assert delivery(**{**NEW, **NOTED}).is_only_noted_since(None)
    # The first note says what the report covers.
    assert delivery(**{**NEW, **NOTED, **period_fields(PERIOD)}).is_only_noted_since(delivery(**NEW))
    before = {"attempts": 2, "task": "t", "by_hand": True, **period_fields(PERIOD)}
    assert delivery(**{**before, **NOTED}).is_only_noted_since(delivery(**before))
    assert not delivery(**{**before, **NOTED}).is_only_noted_since(None)


@pytest.mark.parametrize(
    "changed",
    [
        claimed_fields(None, owner="o", lease_expires_at=NOW, attempt=CLAIMED, provider="sendgrid"),
        {
            **claimed_fields(None, owner="o", lease_expires_at=NOW, attempt=CLAIMED, provider="sendgrid"),
            **released_fields(error="e", now=NOW),
        },
        held_fields(LOST, owner="o"),
        held_fields(UNKNOWN, owner="o"),
        settled_fields(DeliveryState.SKIPPED, owner="o", skipped_because=SkipReason.PAUSED),
        put_back_fields(TASK, delivery(), now=NOW, task_name="t"),
        new_task_fields("t"),
    ],
)
def test_but_not_if_anything_else_has_happened(changed: dict[str, Any]) -> None:
    found = delivery(**{**NEW, **changed})
    assert not found.is_only_noted_since(delivery(**NEW))
    assert not found.is_only_noted_since(None)


@pytest.mark.parametrize("begun", [held_fields(LOST, owner="o"), {"state": "sending", "owner": "o"}])
def test_nor_if_another_process_had_begun_with_it(begun: dict[str, Any]) -> None:
    before = {**NEW, **begun}
    assert not delivery(**{**before, **NOTED}).is_only_noted_since(delivery(**before))


def test_a_replay_is_part_of_the_history() -> None:
    dead = delivery(state="dead", history=[CLAIMED.to_field()])
    found = delivery(**put_back_fields(TASK, dead, now=NOON, task_name="t"))
    assert found.history == (CLAIMED, DeliveryAttempt(at=NOON, result=AttemptResult.REPLAYED))


def test_a_claim_counts_the_attempt() -> None:
    first = claimed_fields(None, owner="o", lease_expires_at=NOW, attempt=CLAIMED, provider="sendgrid")
    assert first["attempts"] == 1
    second = claimed_fields(delivery(**first), owner="p", lease_expires_at=NOW, attempt=CLAIMED, provider="sendgrid")
    assert second["attempts"] == 2


@pytest.mark.parametrize(("failure", "state"), [(LOST, DeliveryState.PENDING), (UNKNOWN, DeliveryState.SENDING)])
def test_a_delivery_that_is_being_given_up_says_why(failure: DeliveryFailure, state: DeliveryState) -> None:
    found = delivery(**held_fields(failure, owner="o"))
    assert found.state is state
    assert found.is_being_given_up
    assert found.failure == failure


def test_a_delivery_that_is_released_or_dead_is_not_being_given_up() -> None:
    held = held_fields(LOST, owner="o")
    assert not delivery(**{**held, **released_fields(error="e", now=NOW)}).is_being_given_up
    dead = delivery(**{**held, **settled_fields(DeliveryState.DEAD, owner="o", failure=LOST)})
    assert not dead.is_being_given_up
    assert dead.failure == LOST


@pytest.mark.parametrize("reason", SkipReason)
def test_a_skipped_delivery_says_why_and_has_no_failure(reason: SkipReason) -> None:
    found = delivery(**settled_fields(DeliveryState.SKIPPED, owner="o", skipped_because=reason), failed_at=NOW)
    assert (found.state, found.reason, found.failure) == (DeliveryState.SKIPPED, reason.value, None)


def test_the_period_is_believed_unless_it_ends_in_the_future() -> None:
    found = delivery(**period_fields(PERIOD))
    assert found.settled_period(NOON) == PERIOD
    assert found.settled_period(NOON - timedelta(seconds=1)) is None
    assert delivery(period_start=NOON, period_end=NOON).settled_period(NOW) is None
    assert delivery().settled_period(NOW) is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"state": "sending", "owner": "w", "lease_expires_at": NOON},
        {"reason": "lost", "last_error": "e", "failed_at": NOON, "letter_id": "l"},
    ],
)
def test_undoing_a_hold_leaves_the_delivery_as_it_was(fields: dict[str, Any]) -> None:
    before = delivery(**fields)
    held = delivery(**fields | held_fields(LOST, owner="d"))
    assert held.is_being_given_up
    assert delivery(**fields | held_fields(LOST, owner="d") | unheld_fields(before)) == before
