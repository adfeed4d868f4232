"""The delivery record: what a document says."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import DELIVERY_FIELDS, Delivery, DeliveryFailure, DeliveryState
from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt
from functions.shared.records.ids import delivery_id
from functions.shared.records.report_task import ReportTask
from functions.shared.records.stored_request import StoredRequest
from functions.shared.times.period import Period

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


def read(document: Mapping[str, Any] | None) -> Delivery | None:
    fields = None if document is None else dict(document)
    return Delivery.from_snapshot(FoundDocument(f"deliveries/{TASK.delivery_id}", fields, NOW))


def delivery(**fields: Any) -> Delivery:
    found = read({"state": "pending", **fields})
    assert found is not None
    return found


def test_final_states() -> None:
    assert {state for state in DeliveryState if state.is_final} == {"sent", "skipped", "dead"}


def test_every_field_is_read() -> None:
    times = {name: NOW for name in DELIVERY_FIELDS if name.endswith("_at") or name.startswith("period_")}
    others = {
        "history": [CLAIMED.to_field()],
        "state": "sent",
        "attempts": 2,
        "rescues": 1,
        "by_hand": True,
        "by_next": True,
        "shard": 3,
    }
    others["may_have_been_sent"] = True
    request = StoredRequest.of([], provider="p", key="k", made_at=NOW)
    others["request"] = request.to_field()
    others |= {"handed_over": {"key": "k"}, "absence": {"searched_at": NOW}}
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
    assert found.problem == (
        f"deliveries/{TASK.delivery_id}: state: not one of pending, sending, giving-up, sent, skipped, dead"
    )


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


@pytest.mark.parametrize("stored", ["pending", "sending", "giving-up"])
def test_a_delivery_that_is_being_given_up_says_why(stored: str) -> None:
    """Version 0.1.0 had no state of its own for it: `sending` was for an unknown outcome."""
    found = delivery(state=stored, reason="lost", last_error="e", failed_at=NOW, letter_id="u1:malformed")
    assert (found.state, found.failure) == (DeliveryState.GIVING_UP, LOST)
    assert found.is_in_doubt is (stored == "sending")


def test_what_is_replayed_or_skipped_is_not_given_up() -> None:
    replayed = delivery(state="pending", failed_at=NOW, last_error="e")
    assert (replayed.state, replayed.failure) == (DeliveryState.PENDING, None)
    assert delivery(state="skipped", reason="paused", failed_at=NOW).failure is None


RESTORED = NOW + timedelta(minutes=30)
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize("state", [state for state in DeliveryState if not state.is_final])
def test_what_was_due_before_a_restore_may_have_been_sent(state: DeliveryState) -> None:
    waits = delivery(state=state.value, due_at=NOON, reason="lost", failed_at=RESTORED - INSTANT)
    for due_at in (NOON, RESTORED):
        found = waits._replace(due_at=due_at).restored(RESTORED)
        assert (found.state, found.is_restored, found.is_in_doubt) == (DeliveryState.SENDING, True, True)
        assert found.failure is None
    for same in (waits.restored(None), waits._replace(due_at=RESTORED + INSTANT).restored(RESTORED)):
        assert not same.is_restored
    # A person who replays what was given up since has decided that it is to be sent.
    assert not waits._replace(failed_at=RESTORED).restored(RESTORED).is_restored


@pytest.mark.parametrize("state", [state for state in DeliveryState if state.is_final])
def test_what_a_copy_has_as_final_stays_so(state: DeliveryState) -> None:
    assert not delivery(state=state.value, due_at=NOON).restored(RESTORED).is_restored


@pytest.mark.parametrize("result", AttemptResult)
def test_only_the_requests_of_an_unclear_attempt_are_the_last_that_were_made(result: AttemptResult) -> None:
    request = StoredRequest.of([], provider="p", key="k", made_at=NOW)
    found = delivery(due_at=NOON, request=request.to_field(), history=[CLAIMED._replace(result=result).to_field()])
    assert (found.restored(RESTORED).request is not None) is (result is AttemptResult.UNCLEAR)


def test_the_period_is_believed_unless_it_ends_in_the_future() -> None:
    found = delivery(period_start=PERIOD.start, period_end=PERIOD.end)
    assert found.settled_period(NOON) == PERIOD
    assert found.settled_period(NOON - timedelta(seconds=1)) is None
    assert delivery(period_start=NOON, period_end=NOON).settled_period(NOW) is None
    assert delivery().settled_period(NOW) is None
