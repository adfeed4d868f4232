"""What people are told of dead letters, in plain words. Pure.

Addresses are left out everywhere: alerts go to chat rooms and pagers.
"""

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from functions.dlq_handler.dead_letters import VARIOUS, Record
from functions.dlq_handler.plain_text import cut, printable
from functions.shared.dead_letter import DeadLetterReason
from functions.shared.logging import redact_addresses

_TITLES = {
    DeadLetterReason.RETRIES_EXHAUSTED: "Report not sent: every retry failed",
    DeadLetterReason.PERMANENT_ERROR: "Report not sent: trying again cannot help",
    DeadLetterReason.INVALID_TASK: "Report not sent: its task cannot be read",
    DeadLetterReason.UNKNOWN_OUTCOME: "Report perhaps not sent: nobody knows",
    DeadLetterReason.LOST: "Report not sent: its task was lost",
}
_MAX_COMMAND_CHARACTERS = 500
_MAX_LINK_CHARACTERS = 2000


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One message about a dead letter and those that have the same cause.

    Attributes:
        title: what happened, in a few words.
        facts: name and value of what is known.
        error: what went wrong.
        others: how many more there are.
        since: when the first of them all was received.
        commands: what the operator types next.
        logs_url: what was logged about it.
        relation: what the others have to do with this one.
        advice: what to do besides, in a sentence or two; may be empty.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    error: str
    others: int
    since: datetime
    commands: tuple[str, ...]
    logs_url: str
    relation: str
    advice: str = ""

    @property
    def following(self) -> str:
        """How many more, and since when; empty for a single one."""
        if not self.others:
            return ""
        count = "1 more" if self.others == 1 else f"{self.others} more"
        return f"And {count} {self.relation} since {clock_time(self.since)}."

    def to_text(self) -> str:
        """The whole alert as plain text."""
        lines = [f"{name}: {value}" for name, value in self.facts]
        lines += ["", self.error]
        if self.following:
            lines += ["", self.following]
        lines += ["", "What to do:", *([self.advice] if self.advice else []), *self.commands]
        return "\n".join([*lines, "", f"Logs: {self.logs_url}"])


def make_alert(record: Record, others: int, since: datetime, *, project: str, location: str) -> Alert:
    """Put a dead letter in words.

    Args:
        record: the one that is shown.
        others: how many more of the same cause the channel does not know of.
        since: when the first of them all was received.
        project: the Google Cloud project's id.
        location: the functions' region.
    """
    payload = record.payload
    is_task = "bytes" not in payload  # how long it was is kept of what is not a dead letter
    shown = [
        ("User", payload.get("user_id")),
        ("Due", payload.get("due_at")),
        ("Report", payload.get("kind")),
        ("Attempts", record.attempts or None),
        ("Reason", record.reason),
        ("Received", clock_time(record.received_at) if record.received_at else None),
        ("Dead letter", record.id),
    ]
    for_all = [f"reports dead-letters replay --reason {shlex.quote(record.reason)}"] if others and is_task else []
    return Alert(
        title=_title(record.reason) if is_task else "A message in the dead letter topic cannot be read",
        facts=tuple((name, shown_text(value, 300)) for name, value in shown if value is not None and value != ""),
        error=shown_text(record.error, 2000) or "(no error text)",
        others=others,
        since=since,
        commands=(_command("replay" if is_task else "show", record), *for_all),
        logs_url=logs_url(str(payload.get("delivery_id") or record.id), project=project, location=location),
        relation="of various causes" if record.cause == VARIOUS else "of the same cause",
    )


def _title(reason: str) -> str:
    try:
        return _TITLES[DeadLetterReason(reason)]
    except ValueError:
        return "Report not sent"


def shown_text(value: Any, limit: int) -> str:
    """Anybody's text as an alert may show it: without addresses and without what a reader cannot see."""
    return cut(redact_addresses(printable(str(value)[: limit * 4])).strip(), limit)


def _command(verb: str, record: Record) -> str:
    quoted = shlex.quote(record.id)
    if _is_presentable(record.id) and len(quoted) <= _MAX_COMMAND_CHARACTERS:
        return f"reports dead-letters {verb} {quoted}"
    return f"reports dead-letters list --reason {shlex.quote(record.reason)}"


def _is_presentable(text: str) -> bool:
    """Whether every channel shows a text as it is. An id may be somebody's address, and may hold anything."""
    return printable(text) == text and redact_addresses(text) == text and not set(text) & set("\n\t`<]@")


def logs_url(text: str, *, project: str, location: str) -> str:
    """What the functions have logged with a text in it.

    https://cloud.google.com/logging/docs/view/logging-query-language
    """
    base = "https://console.cloud.google.com/logs/query;query="
    about = f'resource.labels.location="{location}"' if location else ""
    query = 'resource.type="cloud_run_revision"\n' + about
    end = f";duration=P7D?project={quote(project, safe='')}"
    if _is_presentable(text):
        with_text = query + '\n"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        url = base + quote(with_text, safe="") + end
        if len(url) <= _MAX_LINK_CHARACTERS:
            return url
    return base + quote(query, safe="") + end


def clock_time(moment: datetime) -> str:
    """A moment as an alert shows it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
