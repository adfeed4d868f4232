"""What this version writes where the released one has written the examples, by the same names."""

from datetime import timedelta
from typing import Any

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.due_subscriptions import Cursor
from functions.dispatcher.fan_out import report_task
from functions.dispatcher.new_documents import NewCursor
from functions.dispatcher.run_part import RunPart, RunStage
from functions.dlq_handler.intake.pubsub_message import PubSubMessage
from functions.dlq_handler.intake.received_dead_letter import read_dead_letter
from functions.dlq_handler.store.dead_letter_store import dead_letter_changes
from functions.shared.records.dead_letter import (
    DeadLetter,
    DeadLetterReason,
    dismissed_fields,
    reopened_fields,
    replay_begun_fields,
    replayed_fields,
    settled_letter_fields,
)
from functions.shared.records.delivery import Delivery, DeliveryFailure, DeliveryState, SkipReason
from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt
from functions.shared.records.delivery_table import (
    Claimed,
    Event,
    GivenUp,
    Published,
    Refused,
    Replayed,
    Rescued,
    Sent,
    Skipped,
    TaskMade,
    Unclear,
    written,
)
from functions.shared.records.mail_breaker import BreakerState, MailFigures, StatisticsReading
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus
from functions.shared.records.mark import moved_fields, paused_fields
from functions.shared.records.run import RunAttempt, RunShare, RunState, Sweep
from functions.shared.records.stored_request import KeptRequest, StoredRequest, request_key
from functions.shared.records.subscription import (
    PauseReason,
    Subscription,
    SubscriptionDefaults,
    default_fields,
)
from functions.shared.records.system_alert import AlertKind, SystemAlert
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence, Covers
from tests.contracts.sample import DUE, LATER, NOW, OWNER, PERIOD, TASK

LEASE = NOW + timedelta(minutes=2)
REQUESTS = [KeptRequest(address="ada@example.com", content=b'{"subject": "Your activity", "to": ["ada@example.com"]}')]
_ADA, _BOB = "a" * 32, "b" * 32
"""Hashes of addresses."""


def tasks() -> dict[str, tuple[str, str]]:
    """The name and the body of each task."""
    due = DueSubscription(TASK.user_id, TASK.subscription_id, TASK.due_at, TASK.kind)
    made = {
        "first": report_task(due, TASK.run_id),
        "second, by a later run": report_task(due, "20261124T1500Z", "20261124T1500Z"),
    }
    return {name: (each.task_id, each.body.decode()) for name, each in made.items()}


def run_parts() -> dict[str, tuple[str, str]]:
    """The name and the body of each task."""
    part = RunPart(run_id=TASK.run_id, scheduled_for=DUE, attempt="0123456789abcdef", share=2, shares=3, part=2)
    cursor = Cursor(next_report_at=DUE, user_id=TASK.user_id, subscription_id=TASK.subscription_id)
    made = {
        "another share": part.model_copy(update={"part": 1}),
        "goes on with what is due": part.model_copy(update={"cursor": cursor, "counters": {"due": 3, "dispatched": 2}}),
        "goes on with what is new": part.model_copy(
            update={"stage": RunStage.ENROLLMENT, "new_cursor": NewCursor(path="users/u41", by_sweep=True)}
        ),
    }
    tasks = {name: each.to_task() for name, each in made.items()}
    return {name: (each.task_id, each.body.decode()) for name, each in tasks.items()}


def messages() -> dict[str, str]:
    """The messages on the topic."""
    letter = DeadLetter(
        **TASK.model_dump(),
        reason=DeadLetterReason.PERMANENT_ERROR,
        error="the mail provider answered 400",
        attempts=2,
        failed_at=LATER,
    )
    made = {
        "dead letter": letter,
        "dead letter of a malformed document": letter.model_copy(update={"letter_id": "u42:ops%3A50%25:malformed"}),
        "dead letter of what is no task": DeadLetter(
            reason=DeadLetterReason.INVALID_TASK, error="due_at: missing", attempts=1, failed_at=LATER, body='{"a": 1}'
        ),
        "system alert about a run": SystemAlert(
            alert=AlertKind.OVERDUE_REPORTS, run_id=TASK.run_id, at=NOW, detail="2 reports", figures={"overdue": 2}
        ),
        "system alert about a report": SystemAlert(
            alert=AlertKind.OUTCOME_SETTLED, run_id=TASK.run_id, at=NOW, detail="delivered", report=TASK
        ),
    }
    return {name: each.to_json().decode() for name, each in made.items()}


def new_deliveries() -> dict[str, dict[str, Any]]:
    """The documents, as they are made."""
    attempt = DeliveryAttempt(at=NOW, number=2, claimed_at=NOW, result=AttemptResult.CLAIMED)
    request = StoredRequest.of(
        REQUESTS, provider="resend", key=request_key(TASK.delivery_id, task="", attempt=1), made_at=NOW
    )
    claim = Claimed(OWNER, LEASE, "resend", request)
    return {
        "noted": written(None, Rescued(TASK.run_id), task=TASK, now=NOW),
        "sent by hand": written(None, TaskMade("0123-by-hand"), task=TASK, now=NOW),
        "claimed": written(None, claim, task=TASK, now=NOW, period=PERIOD, attempt=attempt),
    }


def delivery_changes(claimed: Delivery) -> dict[str, dict[str, Any]]:
    """What is written to a document.

    Args:
        claimed: the delivery, with the claim of the first attempt.
    """
    failure = DeliveryFailure(
        reason=DeadLetterReason.PERMANENT_ERROR, error="the mail provider answered 400", failed_at=LATER
    )
    attempt = DeliveryAttempt(at=NOW, number=2, seconds=0.5, result=AttemptResult.CLAIMED)

    def change(event: Event, before: Delivery = claimed) -> dict[str, Any]:
        return written(before, event, task=TASK, now=LATER, attempt=attempt)

    given_up = claimed.changed(change(GivenUp(OWNER, failure)), LATER)
    dead = claimed._replace(state=DeliveryState.DEAD)
    return {
        "unclear": change(Unclear("no answer")),
        "given back": change(Refused("503")),
        "given up": change(GivenUp(OWNER, failure)),
        "dead": {**change(GivenUp(OWNER, failure)), **change(Published(OWNER), given_up)},
        "sent": change(Sent("m-1", OWNER)),
        "skipped": change(Skipped(OWNER, SkipReason.NOTHING_TO_REPORT, "no events")),
        "replayed": written(dead, Replayed("0123-replay1"), task=TASK, now=LATER),
    }


def runs() -> dict[str, dict[str, Any]]:
    """What the attempts, the sweeps and the statistics are in the documents."""
    running = {share: RunShare(state=RunState.RUNNING) for share in range(2)}
    first = RunAttempt(attempt="0123456789abcdef", state=RunState.RUNNING, started_at=NOW, shares=running)
    finished = RunShare(state=RunState.FINISHED, counters={"due": 3, "dispatched": 2, "already_dispatched": 1})
    return {
        "attempt that runs": first.with_share(1, finished, now=LATER).to_fields(),
        "attempt that has finished": first.with_share(0, finished, now=LATER)
        .with_share(1, finished, now=LATER)
        .to_fields(),
        "sweep": Sweep(swept_at=DUE, documents=120).to_fields(),
        "statistics": StatisticsReading(figures=MailFigures(delivered=100, complaints=1, bounces=2)).to_fields(),
    }


def dead_letters() -> dict[str, dict[str, Any]]:
    """The document, and what is written to it later."""
    attributes = {"reason": "permanent-error", "CloudTasksTaskName": "0123-task", "CloudTasksTaskRetryCount": "1"}
    message = PubSubMessage(
        data=messages()["dead letter"].encode(), attributes=attributes, message_id="7", published_at=LATER
    )
    return {
        "open": dead_letter_changes(None, read_dead_letter(message), now=LATER),
        "replay has begun": replay_begun_fields(replays=1),
        "replayed": replayed_fields(now=LATER),
        "dismissed": dismissed_fields(note="the user has left", now=LATER),
        "reopened": reopened_fields(now=LATER),
        "settled": settled_letter_fields(now=LATER),
    }


def mail_records() -> dict[str, dict[str, Any]]:
    """The documents."""
    record = MailRecord(
        id=TASK.delivery_id, user_id=TASK.user_id, subscription_id=TASK.subscription_id, unfinished=True
    )
    events = [
        MailEvent(delivery_id=TASK.delivery_id, recipient=_ADA, status=MailStatus.DELIVERED, at=NOW, message_id="m-1"),
        MailEvent(
            delivery_id=TASK.delivery_id,
            recipient=_BOB,
            status=MailStatus.BOUNCED,
            at=LATER,
            reason="550 no such mailbox",
            classification="Invalid Address",
        ),
    ]
    return {"delivered to one and bounced at another": record.folded(events).to_fields()}


def subscriptions() -> dict[str, dict[str, Any]]:
    """What is written to the documents."""
    defaults = SubscriptionDefaults(kind="activity", cadence=Cadence.DAILY)
    new = default_fields(TASK.user_id, defaults, due_at=DUE)
    read = Subscription.from_fields(TASK.user_id, "default", new, defaults)
    at_one = read._replace(hour=13, covers=Covers.SINCE_LAST)
    return {
        "enrolled": new,
        "moved on": moved_fields(
            at_one, None, due_at=DUE, period=Period(DUE - timedelta(days=1), DUE), now=NOW, is_verified=True
        ),
        "paused until a moment": paused_fields(read, None, PauseReason.USER, now=NOW, until=DUE + timedelta(days=7)),
    }


def breakers() -> dict[str, dict[str, Any]]:
    """The documents."""
    stopped = BreakerState(
        stopped_at=DUE,
        because="0.4 % of the mails were marked as spam",
        figures=MailFigures(delivered=1000, complaints=4, bounces=2),
        read_at=DUE,
        told={"sending-stopped": DUE},
        baseline={DUE.date(): MailFigures(delivered=10)},
    )
    return {"stopped": stopped.to_fields(), "resumed": stopped.resumed(at=LATER, by="ada", note="ok").to_fields()}
