"""The first page: whether all is well."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from operations.console.charts import Chart, stacked
from operations.console.console import Console, console_of, recorded
from operations.console.form import Form, form_action
from operations.console.page_parts import read_parts
from operations.console.queue_rows import read_queues
from operations.console.view import link
from operations.dead_letters.dead_letters import DeadLetters
from operations.dead_letters.letter_filter import LetterFilter
from operations.overview.health import Concern, find_concerns
from operations.overview.overview import (
    DELIVERED,
    OUTCOMES,
    UNDELIVERED,
    OutcomeCounts,
    Span,
    SubscriptionCounts,
    next_run,
    unknown_mails,
)
from operations.runs.runs import Runs
from operations.runs.sending import Sending, to_row
from operations.system_alerts import SystemAlerts

_SHOWN_RUNS = 5
_SHOWN_ALERTS = 5
_SHOWN_CAUSES = 8


def overview(request: Request) -> Response:
    """Whether all is well, in one look."""
    console = console_of(request)
    figures = console.figures.get(lambda: _read(console))
    day, week = console.day.get(lambda: _count_day(console)), console.week.get(lambda: _count_week(console))
    return console.view.page(request, "overview.html", **figures, day=day, week=week)


@form_action
def resume_sending(request: Request, form: Form) -> Response:
    """Let the runs go on after the breaker has stopped them."""
    console, note = console_of(request), form.text("note")
    with recorded(request, "Resume sending", "mail_breaker", note=note) as action:
        was_stopped = Sending(console.session.firestore).resume(by=request.state.viewer.name, note=note)
        action.outcome = "resumed" if was_stopped else "it was not stopped"
    return RedirectResponse(
        link("/", notice="sending-resumed" if was_stopped else "sending-goes-on"), HTTPStatus.SEE_OTHER
    )


def _read(console: Console) -> dict[str, Any]:
    """What the page says at once: each part that could be read, and why each other could not."""
    session, now = console.session, datetime.now(UTC)
    database = session.firestore
    letters = DeadLetters(database)
    parts = read_parts(
        {
            "runs": lambda: Runs(database).latest(_SHOWN_RUNS),
            "open_letters": lambda: letters.count(LetterFilter()),
            "causes": lambda: letters.causes(LetterFilter())[:_SHOWN_CAUSES],
            "alerts": lambda: SystemAlerts(database).latest(_SHOWN_ALERTS),
            "breaker": lambda: to_row(Sending(database).breaker()),
            "queues": lambda: read_queues(session, now=now),
        }
    )
    read = parts.read
    queues = read.get("queues")
    concerns = find_concerns(
        runs=read.get("runs"),
        open_letters=read.get("open_letters", 0),
        queues=queues.rows if queues else [],
        alerts=read.get("alerts", []),
        stopped_because=_stopped_because(read.get("breaker")),
        now=now,
    )
    unread = [Concern(text=f"{name.replace('_', ' ')}: {why}", path="/") for name, why in parts.failed.items()]
    return {
        "read_at": now,
        "failed": parts.failed,
        "concerns": [*concerns, *unread],
        "next_run_at": next_run(now),
        "runs": read.get("runs", []),
        "open_letters": read.get("open_letters", 0),
        "causes": read.get("causes", []),
        "alerts": read.get("alerts", []),
        "breaker": read.get("breaker"),
        "queues": queues.rows if queues else [],
        "ramp": queues.ramp if queues else "",
    }


@dataclass(frozen=True, kw_only=True)
class _Outcomes:
    """What became of the reports of some time, and of their mails.

    Attributes:
        reports: sent, skipped and dead.
        mails: what of delivered and undelivered is known; None where nothing is.
        unknown: what is not known of the mails, in sentences; empty where all is.
    """

    reports: Chart
    mails: Chart | None
    unknown: str


def _count_day(console: Console) -> dict[str, Any]:
    """The charts over hours: each part that could be counted, and why each other could not."""
    database, now = console.session.firestore, datetime.now(UTC)
    counts, subscriptions = OutcomeCounts(database, now=now), SubscriptionCounts(database, now=now)
    counted: dict[str, Callable[[], Any]] = {
        "outcomes": lambda: _outcomes(counts.outcomes_by_hour(), counts.mails_by_hour()),
        "due": subscriptions.due,
        "paused": subscriptions.paused,
    }
    parts = read_parts(counted, at_once=1)
    due_now, coming = parts.read.get("due", (0, []))
    return {
        "counted_at": now,
        "failed": parts.failed,
        "outcomes": parts.read.get("outcomes"),
        "due_now": due_now,
        "coming": stacked(coming, ["due"]),
        "paused": parts.read.get("paused", {}),
    }


def _count_week(console: Console) -> dict[str, Any]:
    """The chart over days, or why it could not be counted."""
    now = datetime.now(UTC)
    counts = OutcomeCounts(console.session.firestore, now=now)
    parts = read_parts({"outcomes": lambda: _outcomes(counts.outcomes_by_day(), counts.mails_by_day())})
    return {"counted_at": now, "failed": parts.failed, "outcomes": parts.read.get("outcomes")}


def _outcomes(reports: Sequence[Span], mails: Sequence[Span]) -> _Outcomes:
    unknown = unknown_mails(reports, mails)
    drawn = stacked(mails, [DELIVERED, UNDELIVERED])
    known = [name for name, count in drawn.total.items() if count] if unknown else [DELIVERED, UNDELIVERED]
    return _Outcomes(
        reports=stacked(reports, [state.value for state in OUTCOMES]),
        mails=stacked(mails, known) if known else None,
        unknown=unknown,
    )


def _stopped_because(breaker: dict[str, Any] | None) -> str:
    return (breaker["because"] or "it does not say why") if breaker and breaker["state"] == "stopped" else ""


ROUTES = [Route("/", overview), Route("/sending/resume", resume_sending, methods=["POST"])]
