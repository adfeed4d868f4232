"""What people are told when something is wrong with the system itself, in plain words. Pure."""

import shlex
from dataclasses import dataclass
from datetime import datetime

from functions.dlq_handler.alert import Alert, clock_time, logs_url, shown_text
from functions.dlq_handler.system_alerts import SystemRecord
from functions.shared.system_alert import AlertKind


@dataclass(frozen=True)
class _Words:
    title: str
    advice: str
    commands: tuple[str, ...]


_WORDS = {
    AlertKind.OVERDUE_REPORTS: _Words(
        "Reports are overdue: their tasks ended without a trace",
        "They have new tasks, and nothing is sent twice. Tasks end so when a worker is killed, runs out of memory or "
        "time, or when no instance was there for any attempt: the worker's log says which.",
        ("reports runs show {run}", "reports queue show"),
    ),
    AlertKind.RUN_ERRORS: _Words(
        "A run of the dispatcher had errors",
        "What can be mended by trying again, Cloud Scheduler tries again, and the next run catches up. What cannot, "
        "such as a user whose document is malformed, is a dead letter with an alert of its own.",
        ("reports runs show {run}", "reports dead-letters list"),
    ),
    AlertKind.NO_RUN: _Words(
        "There was no run for more than two hours",
        "This run catches up: one report covers all that was missed. Look whether Cloud Scheduler's job was paused, "
        "and how its last executions ended.",
        ("reports runs", "gcloud scheduler jobs list"),
    ),
    AlertKind.KEY_REFUSED: _Words(
        "No report goes out: SendGrid refuses the key",
        "Tasks are retried, and become dead letters after their last attempt. Pause the queue, give the worker a key "
        "that may send mail, resume the queue.",
        ("reports queue pause", "reports queue resume", "reports dead-letters replay --reason retries-exhausted"),
    ),
}


def make_system_alert(record: SystemRecord, others: int, since: datetime, *, project: str, location: str) -> Alert:
    """Put it in words.

    Args:
        record: the one that is shown.
        others: how many more of the same kind the channel does not know of.
        since: when the first of them all was received.
        project: the Google Cloud project's id.
        location: the functions' region.
    """
    words = _words(record.kind)
    figures = [(name.replace("_", " ").capitalize(), number) for name, number in record.figures.items()]
    facts = [("Run", record.run_id), ("Noticed", clock_time(record.at) if record.at else ""), *figures]
    run = shlex.quote(shown_text(record.run_id, 64))
    return Alert(
        title=words.title,
        facts=tuple((shown_text(name, 100), shown_text(value, 300)) for name, value in facts if value != ""),
        error=shown_text(record.detail, 2000) or "(nothing more is known)",
        others=others,
        since=since,
        commands=tuple(command.format(run=run) for command in words.commands),
        logs_url=logs_url(record.run_id, project=project, location=location),
        relation="of the same kind",
        advice=words.advice,
    )


def _words(kind: str) -> _Words:
    try:
        return _WORDS[AlertKind(kind)]
    except ValueError:
        return _Words("Something is wrong with the report pipeline", "", ("reports runs",))
