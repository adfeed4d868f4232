"""The alert about a dead letter, in plain words. Pure."""

import shlex
from datetime import datetime

from functions.dlq_handler.alerting.alert_text import letter_command, logs_url, shown_text
from functions.dlq_handler.channels.alert import Alert, clock_time
from functions.shared.dead_letter import VARIOUS_CAUSES, DeadLetterReason, StoredDeadLetter

_TITLES = {
    DeadLetterReason.RETRIES_EXHAUSTED: "Report not sent: every retry failed",
    DeadLetterReason.PERMANENT_ERROR: "Report not sent: trying again cannot help",
    DeadLetterReason.INVALID_TASK: "Report not sent: its task cannot be read",
    DeadLetterReason.UNKNOWN_OUTCOME: "Report perhaps not sent: its outcome is unknown",
    DeadLetterReason.LOST: "Report not sent: its task was lost",
}


def make_dead_letter_alert(
    letter: StoredDeadLetter, others: int, since: datetime, *, project: str, location: str
) -> Alert:
    """Make the alert about a dead letter.

    Args:
        letter: the dead letter that the alert shows.
        others: how many others of the same cause the channel does not know of.
        since: when the first of them all was received.
        project: the Google Cloud project's id.
        location: the functions' region.
    """
    payload = letter.payload
    is_task = "bytes" not in payload  # the payload has the length of a message that is not a dead letter
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
    of_reason = f"--reason {shlex.quote(letter.reason)}"
    command = letter_command(
        "replay" if is_task else "show", letter.id, otherwise=f"reports dead-letters list {of_reason}"
    )
    for_all = [f"reports dead-letters replay {of_reason}"] if others and is_task else []
    return Alert(
        title=_title(letter.reason) if is_task else "A message in the dead letter topic cannot be read",
        facts=tuple((name, shown_text(value, 300)) for name, value in shown if value is not None and value != ""),
        error=shown_text(letter.error, 2000) or "(no error text)",
        others=others,
        since=since,
        commands=(command, *for_all),
        logs_url=logs_url(str(payload.get("delivery_id") or letter.id), project=project, location=location),
        relation="of various causes" if letter.cause == VARIOUS_CAUSES else "of the same cause",
    )


def _title(reason: str) -> str:
    try:
        return _TITLES[DeadLetterReason(reason)]
    except ValueError:
        return "Report not sent"
