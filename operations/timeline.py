"""What has happened to a delivery, in the order of time, and what happens next. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions.shared.delivery import Delivery, DeliveryState
from functions.shared.logging import redact_addresses
from functions.shared.mail_event import MailRecord

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    """Something that happened to a delivery.

    Attributes:
        at: when; None where that is not known.
        state: the word that it is marked with, one of the pipeline's own: `due`, `sending`, `bounced`.
        text: what happened.
        detail: more about it; may be empty.
    """

    at: datetime | None
    state: str
    text: str
    detail: str = ""


def timeline(delivery: Delivery, mail: MailRecord | None) -> list[TimelineEntry]:
    """What has happened to a delivery, the first first.

    Args:
        delivery: which.
        mail: what became of its mails; None where the provider has said nothing.
    """
    entries = [
        TimelineEntry(at=delivery.due_at, state="due", text="The report was due.", detail=_covered(delivery)),
        TimelineEntry(
            at=delivery.created_at, state="pending", text="The delivery record was made.", detail=_run(delivery)
        ),
        *_settled(delivery),
        *_mail_events(mail),
    ]
    return sorted((entry for entry in entries if entry.at is not None), key=lambda entry: entry.at or _NEVER)


def what_next(delivery: Delivery, task: Mapping[str, Any] | None, *, now: datetime) -> str:
    """What happens to a delivery next, in a sentence or two.

    Args:
        delivery: which.
        task: its task as the queue shows it; None where the queue holds none.
        now: the present, in UTC.
    """
    match delivery.state:
        case DeliveryState.SENT:
            return "Nothing: the mail provider has accepted the mail."
        case DeliveryState.SKIPPED:
            return "Nothing: no mail was sent for it, and none will be."
        case DeliveryState.DEAD:
            return "Nothing by itself: its dead letter waits for a person, who replays or dismisses it."
        case DeliveryState.SENDING if delivery.is_claimed(now):
            return "A worker has claimed it, and sends it now."
        case DeliveryState.SENDING:
            told = "The worker that claimed it ended without a word, so the mail may have been sent. "
            return told + _next_attempt(task, "finds that out")
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


def _run(delivery: Delivery) -> str:
    return "An operator made its task." if delivery.by_hand else ""


def _settled(delivery: Delivery) -> list[TimelineEntry]:
    error, note = redact_addresses(delivery.last_error), redact_addresses(delivery.note)
    state, at = delivery.state.value, delivery.updated_at
    match delivery.state:
        case DeliveryState.SENT:
            text = "The mail provider accepted the mail."
            detail = f"Message id: {redact_addresses(delivery.message_id)}" if delivery.message_id else ""
        case DeliveryState.SKIPPED:
            text, detail = f"It was skipped: {redact_addresses(delivery.reason)}.", note
        case DeliveryState.DEAD:
            text, detail, at = f"It was given up: {delivery.reason}.", error, delivery.failed_at or at
        case DeliveryState.SENDING:
            text, detail = f"A worker claimed it, for attempt {delivery.attempts}.", error
        case _:
            if not delivery.attempts:
                return []
            text, detail = f"Attempt {delivery.attempts} failed.", error
    return [TimelineEntry(at=at, state=state, text=text, detail=detail)]


def _mail_events(mail: MailRecord | None) -> list[TimelineEntry]:
    if mail is None:
        return []
    several = len(mail.recipients) > 1
    return [
        TimelineEntry(
            at=sighting.at,
            state=status.value,
            text=f"The mail{f' to recipient {number}' if several else ''}: {status.value}.",
            detail=redact_addresses(": ".join(filter(None, (sighting.classification, sighting.reason)))),
        )
        for number, sightings in enumerate(mail.recipients.values(), start=1)
        for status, sighting in sightings.items()
    ]
