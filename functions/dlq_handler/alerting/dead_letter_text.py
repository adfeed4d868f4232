"""The alert about a dead letter, in plain words. Pure."""

import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from functions.dlq_handler.alerting.alert_links import AlertLinks
from functions.dlq_handler.alerting.alert_text import letter_command, shown_text
from functions.dlq_handler.channels.alert import Alert, clock_time
from functions.shared.records.dead_letter import VARIOUS_CAUSES, DeadLetterReason, StoredDeadLetter
from functions.shared.records.ids import is_of_malformed_document


class _ReasonText(NamedTuple):
    title: str
    advice: str


_UNREADABLE_TASK = _ReasonText(
    "Report not sent: its task cannot be read",
    "It names no report, so it cannot be replayed. Find out what made the task, and dismiss this.",
)
_REASON_TEXTS: Mapping[str, _ReasonText] = {
    DeadLetterReason.RETRIES_EXHAUSTED: _ReasonText(
        "Report not sent: every retry failed", "Fix the cause, and then replay it."
    ),
    DeadLetterReason.PERMANENT_ERROR: _ReasonText(
        "Report not sent: it needs a fix first",
        "Fix what the error names, such as the address, the kind of report or a setting, and then replay it.",
    ),
    DeadLetterReason.INVALID_TASK: _UNREADABLE_TASK,
    DeadLetterReason.UNKNOWN_OUTCOME: _ReasonText(
        "Report perhaps not sent: its outcome is unknown",
        "Look for the report first, where the error says that it may be. If it was sent, dismiss this, since a replay "
        "would send it again. If not, replay it.",
    ),
    DeadLetterReason.LOST: _ReasonText(
        "Report not sent: its task was lost", "Replay it. The worker's log may say how its attempts ended."
    ),
}
_MALFORMED_DOCUMENT = _ReasonText(
    "Report not sent: a document is malformed",
    "Correct what the error names, and dismiss this. The next report covers the time of those that were not sent, too.",
)
_OTHER_REASON = _ReasonText("Report not sent", "Fix the cause, and then replay it.")
_UNREADABLE_MESSAGE = _ReasonText(
    "A message in the dead letter topic cannot be read",
    "It names no report, so it cannot be replayed. Find out what published it, and dismiss this.",
)


def make_dead_letter_alert(letter: StoredDeadLetter, others: int, since: datetime, *, links: AlertLinks) -> Alert:
    """Make the alert about a dead letter.

    Args:
        letter: the dead letter that the alert shows.
        others: how many others of the same cause the channel does not know of.
        since: when the first of them all was received.
        links: makes the links.
    """
    payload = letter.payload
    shown = [
        ("User", payload.get("user_id")),
        ("Subscription", payload.get("subscription_id")),
        ("Due", payload.get("due_at")),
        ("Report", payload.get("kind")),
        ("Attempts", letter.attempts or None),
        ("Reason", letter.reason),
        ("Received", clock_time(letter.received_at) if letter.received_at else None),
        ("Dead letter", letter.id),
    ]
    text = _text(letter)
    is_malformed = text is _MALFORMED_DOCUMENT
    can_replay = letter.task is not None and not is_malformed
    verb = "dismiss" if is_malformed else "replay" if can_replay else "show"
    of_reason = f"--reason {shlex.quote(letter.reason)}"
    command = letter_command(verb, letter.id, otherwise=f"reports dead-letters list {of_reason}")
    for_all = [f"reports dead-letters replay {of_reason}"] if others and can_replay else []
    return Alert(
        title=text.title,
        facts=tuple((name, shown_text(value, 300)) for name, value in shown if value is not None and value != ""),
        error=shown_text(letter.error, 2000) or "(no error text)",
        others=others,
        since=since,
        commands=(command, *for_all),
        links=links.of_dead_letters(letter.cause, logged=str(payload.get("delivery_id") or letter.id)),
        relation="of various causes" if letter.cause == VARIOUS_CAUSES else "of the same cause",
        advice=text.advice,
    )


def _text(letter: StoredDeadLetter) -> _ReasonText:
    if "bytes" in letter.payload:  # the length of a message that is not a dead letter
        return _UNREADABLE_MESSAGE
    if is_of_malformed_document(letter.id):
        return _MALFORMED_DOCUMENT
    if letter.task is None:
        return _UNREADABLE_TASK
    return _REASON_TEXTS.get(letter.reason, _OTHER_REASON)
