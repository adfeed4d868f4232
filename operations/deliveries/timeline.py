"""What has happened to a delivery, in the order of time, and what happens next. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from functions.shared.logging import redact_addresses
from functions.shared.records.dead_letter import DeadLetterState
from functions.shared.records.delivery import Delivery, DeliveryState
from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt
from functions.shared.records.ids import time_of_run
from functions.shared.records.mail_event import MailRecord

_SECOND = timedelta(seconds=1)

_ENDS = {
    AttemptResult.FAILED: ("failed", "{who} failed: nothing was sent."),
    AttemptResult.UNCLEAR: ("failed", "{who} failed: the email may have been sent."),
    AttemptResult.SENT: ("sent", "{who}: the email provider accepted the email."),
    AttemptResult.SETTLED: ("sent", "{who} showed that the email provider had accepted the email."),
    AttemptResult.SKIPPED: ("skipped", "{who} skipped it."),
    AttemptResult.DEAD: ("dead", "{who} gave it up."),
    AttemptResult.REPLAYED: ("pending", "{who} replayed it."),
}
"""How an attempt ended: the word that it is marked with, and the sentence."""

_WHO = {
    AttemptResult.SETTLED: "An event of the email",
    AttemptResult.DEAD: "The dispatcher",
    AttemptResult.REPLAYED: "An operator",
}
"""Who it was, where the queue did not call."""

_LAST_WORDS = {
    DeliveryState.PENDING: set(AttemptResult),
    DeliveryState.SENDING: set(AttemptResult),
    DeliveryState.GIVING_UP: {AttemptResult.DEAD},
    DeliveryState.SENT: {AttemptResult.SENT, AttemptResult.SETTLED},
    DeliveryState.SKIPPED: {AttemptResult.SKIPPED},
    DeliveryState.DEAD: {AttemptResult.DEAD},
}
"""The last results of a history that tells how a delivery in a state came there."""


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    """Something that happened to a delivery.

    Attributes:
        state: the word that it is marked with, one of the pipeline's own: `due`, `sending`, `bounced`.
    """

    at: datetime | None
    state: str
    text: str
    detail: str = ""


def timeline(delivery: Delivery, mail: MailRecord | None, *, now: datetime) -> list[TimelineEntry]:
    """What has happened to a delivery, the oldest first."""
    newest = len(delivery.history)
    own = [
        TimelineEntry(at=delivery.due_at, state="due", text="The report was due.", detail=_covered(delivery)),
        *_task_made(delivery),
        *(
            entry
            for place, attempt in enumerate(delivery.history, start=1)
            for entry in _attempt(delivery, attempt, is_newest=place == newest, now=now)
        ),
        *_absence(delivery.absence),
        *_settled(delivery),
    ]
    known = [(entry.at, entry) for entry in own if entry.at is not None]
    # The provider gives whole seconds: what it says of a second comes after everything else of that second.
    known += [(entry.at + _SECOND, entry) for entry in _mail_events(mail) if entry.at is not None]
    return [entry for _, entry in sorted(known, key=itemgetter(0))]


def what_next(
    delivery: Delivery, task: Mapping[str, Any] | None, *, letter_state: DeadLetterState | None = None, now: datetime
) -> str:
    """What happens to a delivery next, in a sentence or two.

    Args:
        task: its task as the queue shows it; None where the queue holds none.
    """
    match delivery.state:
        case DeliveryState.SENT:
            return "Nothing: the email provider has accepted the email."
        case DeliveryState.SKIPPED:
            return "Nothing: no email was sent for it, and none will be."
        case DeliveryState.DEAD if letter_state is DeadLetterState.DISMISSED:
            return "Nothing: its dead letter is dismissed."
        case DeliveryState.DEAD:
            return "Nothing by itself: its dead letter waits for a person, who replays or dismisses it."
        case DeliveryState.SENDING if delivery.history and delivery.history[-1].result is AttemptResult.UNCLEAR:
            told = "The latest attempt got no clear answer, so the email may have been sent. "
            return told + _next_attempt(task, "finds that out")
        case DeliveryState.SENDING if delivery.is_claimed(now):
            return "A worker has claimed it, and sends it now."
        case DeliveryState.SENDING:
            told = "The worker that claimed it ended without a word, so the email may have been sent. "
            return told + _next_attempt(task, "finds that out")
        case DeliveryState.GIVING_UP:
            return "It is given up. " + _next_attempt(task, "publishes its dead letter")
    return _next_attempt(task, "sends it")


def _next_attempt(task: Mapping[str, Any] | None, does: str) -> str:
    if task is None:
        return f"Its task is not in the queue: within an hour or two the dispatcher makes another, which {does}."
    when = task["scheduled_for"]
    at = f" at {when:%H:%M:%S} UTC" if when else ""
    return f"The next attempt, number {task['attempts'] + 1},{at} {does}."


def _covered(delivery: Delivery) -> str:
    if delivery.period_start is None or delivery.period_end is None:
        return ""
    return f"It covers {delivery.period_start:%Y-%m-%d %H:%M} to {delivery.period_end:%Y-%m-%d %H:%M} UTC."


def _task_made(delivery: Delivery) -> list[TimelineEntry]:
    is_replayed = any(entry.result is AttemptResult.REPLAYED for entry in delivery.history)
    if delivery.task and not is_replayed:
        return [TimelineEntry(at=delivery.created_at, state="pending", text="An operator made its task.")]
    at = time_of_run(delivery.run_id)
    text = f"Run {delivery.run_id} made a task for it."
    return [TimelineEntry(at=at, state="pending", text=text)]


def _absence(evidence: Mapping[str, datetime]) -> list[TimelineEntry]:
    """By what an email of unknown outcome was sent again."""
    at, before, after = (evidence.get(name) for name in ("searched_at", "accepted_before", "accepted_after"))
    if at is None or before is None or after is None:
        return []
    text = "The email provider's records proved that it had not accepted the email, so it is sent again."
    others = f"They show reports that it accepted at {before:%H:%M:%S} and at {after:%H:%M:%S} UTC, and not this one."
    return [TimelineEntry(at=at, state="pending", text=text, detail=others)]


def _attempt(delivery: Delivery, attempt: DeliveryAttempt, *, is_newest: bool, now: datetime) -> list[TimelineEntry]:
    """An entry of a delivery's history: how it ended, and when it claimed the delivery to send the email."""
    who = f"Attempt {attempt.number}" if attempt.number else _WHO.get(attempt.result, "An attempt")
    claimed = TimelineEntry(at=attempt.claimed_at, state="sending", text=f"{who} claimed it.")
    if attempt.result is AttemptResult.CLAIMED:
        is_at_work = is_newest and delivery.is_claimed(now)
        return [claimed if is_at_work else replace(claimed, text=f"{who} claimed it, and ended without a word.")]
    state, text = _ENDS[attempt.result]
    took = "" if attempt.seconds is None else f"after {attempt.seconds:.1f} s"
    details = (redact_addresses(attempt.error), _final(delivery) if is_newest else "", took)
    end = TimelineEntry(
        at=attempt.at + timedelta(seconds=attempt.seconds or 0.0),
        state=state,
        text=text.format(who=who),
        detail=" · ".join(filter(None, details)),
    )
    # That it claimed the delivery says something only where an email may have been sent.
    return [claimed, end] if attempt.result in {AttemptResult.SENT, AttemptResult.UNCLEAR} else [end]


def _final(delivery: Delivery) -> str:
    """What a final delivery says besides its errors."""
    match delivery.state:
        case DeliveryState.SENT:
            return f"message id {redact_addresses(delivery.message_id)}" if delivery.message_id else ""
        case DeliveryState.SKIPPED | DeliveryState.GIVING_UP | DeliveryState.DEAD:
            return ": ".join(redact_addresses(text) for text in (delivery.reason, delivery.note) if text)
        case _:
            return ""


def _settled(delivery: Delivery) -> list[TimelineEntry]:
    """How it stands, where its history does not say so."""
    if delivery.history and delivery.history[-1].result in _LAST_WORDS[delivery.state]:
        return []
    error, note = redact_addresses(delivery.last_error), redact_addresses(delivery.note)
    state, at = delivery.state.value, delivery.updated_at
    match delivery.state:
        case DeliveryState.SENT:
            text = "The email provider accepted the email."
            detail = f"Message id: {redact_addresses(delivery.message_id)}" if delivery.message_id else ""
        case DeliveryState.SKIPPED:
            text, detail = f"It was skipped: {redact_addresses(delivery.reason)}.", note
        case DeliveryState.GIVING_UP | DeliveryState.DEAD:
            text, detail, at = f"It was given up: {delivery.reason}.", error, delivery.failed_at or at
        case DeliveryState.SENDING:
            text, detail = f"A worker claimed it, for attempt {delivery.attempts}.", error
        case _:
            if not delivery.attempts:
                return []
            state, text, detail = "failed", f"Attempt {delivery.attempts} failed.", error
    return [TimelineEntry(at=at, state=state, text=text, detail=detail)]


def _mail_events(mail: MailRecord | None) -> list[TimelineEntry]:
    if mail is None:
        return []
    several = len(mail.recipients) > 1
    return [
        TimelineEntry(
            at=sighting.at,
            state=status.value,
            text=f"The email{f' to recipient {number}' if several else ''}: {status.value}.",
            detail=redact_addresses(": ".join(filter(None, (sighting.classification, sighting.reason)))),
        )
        for number, sightings in enumerate(mail.recipients.values(), start=1)
        for status, sighting in sightings.items()
    ]
