"""What can happen to a delivery: every row of the table, and that nothing else can."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.delivery import DELIVERY_FIELDS, Delivery, DeliveryFailure, SkipReason
from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt
from functions.shared.records.delivery_table import (
    RESULTS,
    TABLE,
    CannotHappen,
    Claimed,
    Event,
    GivenUp,
    Proven,
    Published,
    Refused,
    Replayed,
    Rescued,
    Row,
    Sent,
    Skipped,
    TaskMade,
    Tried,
    Unclear,
    can_happen,
    written,
)
from functions.shared.records.ids import delivery_id, shard_of
from functions.shared.records.report_task import ReportTask
from functions.shared.records.states import DeadLetterReason, DeliveryState
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
ATTEMPT = DeliveryAttempt(at=NOW, number=2, result=AttemptResult.CLAIMED)
LOST = DeliveryFailure(reason=DeadLetterReason.LOST, error="e", failed_at=NOW)
UNKNOWN = LOST._replace(reason=DeadLetterReason.UNKNOWN_OUTCOME)
EVENTS: dict[type, Event] = {
    type(each): each
    for each in (
        Rescued("20261124T1300Z"),
        Tried("e"),
        Claimed("o", NOW + timedelta(seconds=90), "sendgrid"),
        Refused("e"),
        Unclear("e"),
        Sent("m", "o"),
        Proven("m"),
        Skipped("o", SkipReason.PAUSED),
        GivenUp("o", UNKNOWN),
        Published("o"),
        Replayed("t2"),
        TaskMade("t"),
    )
}
STATES = (None, *DeliveryState)


def delivery(state: DeliveryState | None, **fields: Any) -> Delivery | None:
    document = None if state is None else {"state": state.value, **fields}
    return Delivery.from_snapshot(FoundDocument(f"deliveries/{TASK.delivery_id}", document, NOW))


def after(before: Delivery | None, event: Event, **given: Any) -> Delivery:
    """A delivery after something has happened to it, as it is read again."""
    fields = written(before, event, task=TASK, now=NOW, **given)
    return before.changed(fields, NOW) if before else Delivery.from_fields(TASK.delivery_id, fields, version=NOW)


def test_the_table_knows_every_event_and_every_state() -> None:
    assert {row.event for row in TABLE} == set(get_args(Event)) == EVENTS.keys()
    assert {row.after for row in TABLE} == set(DeliveryState)
    assert len({(row.event, row.before) for row in TABLE}) == len(TABLE)
    assert all(row.because.endswith(".") for row in TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.event.__name__} of {row.before}")
def test_each_row_happens_and_all_that_is_written_is_read_again(row: Row) -> None:
    # What is given up for an unknown outcome, or was in doubt when it was skipped, an event may settle.
    given = {"reason": "unknown-outcome", "failed_at": NOW} if row.before is DeliveryState.GIVING_UP else {}
    before = delivery(row.before, may_have_been_sent=True, owner="w", attempts=3, **given)
    fields = written(before, EVENTS[row.event], task=TASK, now=NOW, period=PERIOD, attempt=ATTEMPT)
    assert fields.keys() <= set(DELIVERY_FIELDS)
    found = after(before, EVENTS[row.event], period=PERIOD, attempt=ATTEMPT)
    assert (found.state, found.updated_at, found.expire_at) == (row.after, NOW, NOW + timedelta(days=90))
    assert (found.period_start, found.period_end, found.shard) == (*PERIOD, shard_of("u1", "weekly"))
    assert [entry.result for entry in found.history] == ([RESULTS[row.event]] if row.event in RESULTS else [])
    assert found.last_attempt_at == ATTEMPT.at
    assert found.created_at == (NOW if before is None else None)


def test_nothing_else_happens() -> None:
    rows = {(row.event, row.before) for row in TABLE}
    for event, state in itertools.product(EVENTS.values(), STATES):
        if (type(event), state) not in rows:
            assert not can_happen(delivery(state), event, now=NOW), (event, state)
            with pytest.raises(CannotHappen):
                written(delivery(state), event, task=TASK, now=NOW)


def test_nobody_claims_what_another_one_holds() -> None:
    held = delivery(DeliveryState.SENDING, owner="w", lease_expires_at=NOW + timedelta(seconds=1))
    assert not can_happen(held, EVENTS[Claimed], now=NOW)
    assert can_happen(held, EVENTS[Claimed], now=NOW + timedelta(seconds=1))


@pytest.mark.parametrize("state", [DeliveryState.GIVING_UP, DeliveryState.SKIPPED, DeliveryState.DEAD])
@pytest.mark.parametrize(
    ("fields", "is_settled"),
    [
        ({"reason": "unknown-outcome", "failed_at": NOW}, True),
        ({"reason": "retries-exhausted", "failed_at": NOW}, True),
        ({"reason": "permanent-error", "failed_at": NOW}, False),
        ({"reason": "permanent-error", "failed_at": NOW, "may_have_been_sent": True}, True),
    ],
)
def test_an_event_settles_only_what_may_have_been_sent(
    state: DeliveryState, fields: dict[str, Any], is_settled: bool
) -> None:
    assert can_happen(delivery(state, **fields), EVENTS[Proven], now=NOW) is is_settled


def test_a_claim_counts_the_attempt_and_remembers_a_worker_that_ended() -> None:
    first = after(delivery(DeliveryState.PENDING, last_error="e"), EVENTS[Claimed])
    assert (first.attempts, first.may_have_been_sent, first.last_error) == (1, False, "")
    second = after(first._replace(lease_expires_at=NOW), EVENTS[Claimed])
    assert (second.attempts, second.may_have_been_sent) == (2, True)


def test_what_may_have_been_sent_stays_so_whatever_comes_after() -> None:
    found = after(delivery(DeliveryState.SENDING, owner="o"), EVENTS[Unclear])
    for event in (EVENTS[GivenUp], EVENTS[Published], EVENTS[Replayed], EVENTS[Claimed], EVENTS[Refused]):
        found = after(found, event)
        assert found.is_in_doubt, event


def test_a_replay_keeps_when_it_was_created_what_it_covers_and_its_history() -> None:
    dead = after(after(None, EVENTS[GivenUp], period=PERIOD, attempt=ATTEMPT), EVENTS[Published])
    found = after(dead, EVENTS[Replayed])
    assert (found.state, found.failure, found.owner, found.task) == (DeliveryState.PENDING, None, "", "t2")
    assert (found.created_at, found.period_start, found.by_hand) == (NOW, PERIOD.start, True)
    assert [entry.result for entry in found.history] == [AttemptResult.DEAD, AttemptResult.REPLAYED]


def test_a_delivery_that_was_given_up_or_skipped_says_why() -> None:
    found = after(after(None, GivenUp("o", LOST)), EVENTS[Published])
    assert (found.failure, found.may_have_been_sent) == (LOST, False)
    for reason in SkipReason:
        skipped = after(None, Skipped("o", reason, "words"))
        assert (skipped.reason, skipped.note, skipped.failure) == (reason.value, "words", None)


NOTED = after(None, TaskMade("another"))


def test_a_worker_goes_on_if_attempts_have_only_noted_that_they_failed() -> None:
    assert after(NOTED, EVENTS[Tried], period=PERIOD).is_only_noted_since(NOTED)
    new = after(None, EVENTS[Tried])
    assert new.is_only_noted_since(None)
    assert not NOTED._replace(attempts=2).is_only_noted_since(None)


@pytest.mark.parametrize("event", [EVENTS[each] for each in (Claimed, GivenUp, Skipped, Replayed, TaskMade, Proven)])
def test_but_not_if_anything_else_has_happened(event: Event) -> None:
    found = after(NOTED, event)
    assert not found.is_only_noted_since(NOTED)
    assert not found.is_only_noted_since(None)


def test_nor_if_another_process_had_begun_with_it() -> None:
    claimed = after(NOTED, EVENTS[Claimed])
    assert not after(claimed, EVENTS[Refused]).is_only_noted_since(NOTED)
    assert not after(claimed, EVENTS[Unclear]).is_only_noted_since(claimed)
