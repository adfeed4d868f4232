"""The alert about the pipeline itself, such as what is wrong with it, in plain text. Pure."""

import shlex
from datetime import datetime
from typing import NamedTuple

from functions.dlq_handler.alerting.alert_links import AlertLinks
from functions.dlq_handler.alerting.alert_text import letter_command, shown_text
from functions.dlq_handler.channels.alert import Alert, Link, clock_time
from functions.shared.records.system_alert import AlertKind, StoredSystemAlert


class _KindText(NamedTuple):
    title: str
    advice: str
    commands: tuple[str, ...]


_KIND_TEXTS = {
    AlertKind.OVERDUE_REPORTS: _KindText(
        "Reports are overdue: their tasks ended without a trace",
        "They have new tasks, and no report is sent twice. A task ends without a trace if the worker is killed or runs "
        "out of memory or time, or if no instance was there for any attempt: the worker's log says which.",
        ("reports runs show {run}", "reports queue show"),
    ),
    AlertKind.RUN_ERRORS: _KindText(
        "A run of the dispatcher had errors",
        "Cloud Scheduler repeats the run where that can help, and the next run catches up. What no retry fixes, "
        "such as a malformed document, becomes a dead letter with an alert of its own.",
        ("reports runs show {run}", "reports dead-letters list"),
    ),
    AlertKind.NO_RUN: _KindText(
        "There was no run for more than two hours",
        "This run catches up: one report covers all that was missed. Check whether the job of Cloud Scheduler was "
        "paused, and how its last executions ended.",
        ("reports runs list", "gcloud scheduler jobs list"),
    ),
    AlertKind.RAMP_RATE: _KindText(
        "The queue does not follow the ramp: its rate could not be set",
        "Reports go out at the rate that the queue has. A rate above the ramp's can harm the reputation of a new "
        "domain: pause the queue until the dispatcher's account may change it (roles/cloudtasks.queueAdmin on the "
        "queue, which a deployment grants while RAMP_START is set). The next run sets the rate.",
        ("reports queue show", "reports queue pause"),
    ),
    AlertKind.USERS_HELD_BACK: _KindText(
        "Many new users wait: none of them gets a report before a person decides",
        "They are more than sign-ups usually are, so the run enrolled none of them. All other reports go out. Count "
        "who would get what. If that is right, deploy with a higher ENROLL_AT_ONCE; if not, with another ENROLL.",
        ("reports users would-enroll",),
    ),
    AlertKind.KEY_REFUSED: _KindText(
        "No report goes out: the email provider refuses the key",
        "The queue retries the tasks, and each becomes a dead letter after its last attempt. Pause the queue, give the "
        "worker a key that may send email, and resume the queue.",
        ("reports queue pause", "reports queue resume", "reports dead-letters replay --reason retries-exhausted"),
    ),
    AlertKind.OUTCOME_SETTLED: _KindText(
        "The email provider has this report after all: nothing to do",
        "Nothing. Its outcome was unknown, and now it is certain that the report was sent. Its dead letter is closed:",
        ("{show}",),
    ),
    AlertKind.COMPLAINTS_HIGH: _KindText(
        "Many recipients mark reports as spam",
        "Reports still go out. If more recipients complain, the runs stop by themselves. Find out what the recipients "
        "object to: a new kind, a new list of users, a change of how often reports come.",
        ("reports runs show {run}", "reports deliveries list --state sent"),
    ),
    AlertKind.BOUNCES_HIGH: _KindText(
        "Many emails bounce: the addresses do not exist",
        "Reports still go out. If more emails bounce, the runs stop by themselves. Find out where the addresses come "
        "from, and whether your application has verified them.",
        ("reports runs show {run}", "reports deliveries list --state sent"),
    ),
    AlertKind.SENDING_STOPPED: _KindText(
        "Sending is stopped: too many complaints or bounces",
        "No run makes a task until a person resumes sending, and no report is lost meanwhile. Find the cause first. "
        "Reports that are in the queue already still go out, unless you pause the queue.",
        ("reports resume-sending", "reports queue pause", "reports runs show {run}"),
    ),
    AlertKind.AUDIENCE_NOT_READ: _KindText(
        "The query that names the recipients of a report fails",
        "Those whom it named last get their reports; nobody new does. Correct the query, or what it reads: a later run "
        "reads it again.",
        ("reports kinds audience {about}",),
    ),
    AlertKind.AUDIENCE_INCOMPLETE: _KindText(
        "The query that names the recipients of a report has rows that cannot be used, or lost many recipients",
        "All other rows count. If too many recipients are missing, they still get their reports, and no one is added, "
        "until a person accepts that they leave. The command says who they are.",
        ("reports kinds audience {about}",),
    ),
}

_OF_ACCOUNT = _KindText(
    "No report of some brands goes out: the email provider refuses the key of their account",
    "All other reports go out. The queue retries the tasks, and each becomes a dead letter after its last attempt. Put "
    "a key that may send email into MAIL_ACCOUNTS, and deploy it.",
    ("reports dead-letters replay --reason retries-exhausted",),
)


def make_system_alert(stored: StoredSystemAlert, others: int, since: datetime, *, links: AlertLinks) -> Alert:
    """Make the alert about a system alert.

    Args:
        stored: the system alert that the alert shows.
        others: how many others of the same kind the channel does not know of.
        since: when the first of them all was received.
        links: makes the links.
    """
    is_of_account = stored.kind == AlertKind.KEY_REFUSED and bool(stored.about)
    text = _OF_ACCOUNT if is_of_account else _kind_text(stored.kind)
    report = {name: str(value) for name, value in stored.report.items()}
    shown = [
        ("User", report.get("user_id", "")),
        ("Subscription", report.get("subscription_id", "")),
        ("Due", report.get("due_at", "")),
        ("Account" if is_of_account else "Report", report.get("kind", stored.about)),
        ("Delivery", report.get("delivery_id", "")),
        ("Run", stored.run_id),
        ("Noticed", clock_time(stored.at) if stored.at else ""),
        *((name.replace("_", " ").capitalize(), number) for name, number in stored.figures.items()),
    ]
    run = shlex.quote(shown_text(stored.run_id, 64))
    show = letter_command("show", report.get("delivery_id", ""), otherwise="reports dead-letters list --state settled")
    about = shlex.quote(shown_text(stored.about, 64))
    return Alert(
        title=text.title,
        facts=tuple((shown_text(name, 100), shown_text(value, 300)) for name, value in shown if value != ""),
        error=shown_text(stored.detail, 2000) or "(nothing more is known)",
        others=others,
        since=since,
        commands=tuple(command.format(run=run, show=show, about=about) for command in text.commands),
        links=_links(stored, report.get("delivery_id", ""), links),
        relation="of the same kind",
        advice=text.advice,
    )


def _links(stored: StoredSystemAlert, delivery_id: str, links: AlertLinks) -> tuple[Link, ...]:
    """The links to the delivery, to the queues, or to the run.

    An alert about a delivery or the key comes from a task. If an operator made the task, its run id is that of no run.
    """
    if delivery_id:
        return links.of_delivery(delivery_id)
    if stored.kind == AlertKind.KEY_REFUSED:
        return links.of_queues(logged=stored.run_id)
    return links.of_run(stored.run_id, logged=stored.run_id)


def _kind_text(kind: str) -> _KindText:
    try:
        return _KIND_TEXTS[AlertKind(kind)]
    except ValueError:
        return _KindText("Something is wrong with the report pipeline", "", ("reports runs list",))
