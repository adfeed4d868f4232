"""The first page: whether all is well."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.shared.records.delivery import DeliveryState
from functions.shared.records.kind_pauses import KindPauses
from operations.console.charts import stacked
from operations.console.console import Console, console_of, done, recorded
from operations.console.form import Form, Note, form_action
from operations.console.live import live
from operations.console.outcome_charts import draw_outcomes
from operations.console.page_parts import read_parts
from operations.console.queue_rows import read_queues
from operations.console.readings import Shown
from operations.console.view import before, link
from operations.dead_letters.dead_letters import DeadLetters
from operations.dead_letters.letter_filter import LetterFilter
from operations.deliveries.mail_outcome import MailOutcome
from operations.kinds.kind_pausing import KindPausing
from operations.overview.backlog import Backlog, find_backlog
from operations.overview.health import Concern, Outcomes, find_concerns
from operations.overview.overview import OutcomeCounts, Span, SubscriptionCounts, unknown_mails
from operations.runs.run_schedule import RunSchedule
from operations.runs.runs import Runs
from operations.runs.sending import Sending, to_row
from operations.system_alerts import SystemAlerts

_SHOWN_RUNS = 5
_SHOWN_ALERTS = 5
_SHOWN_CAUSES = 8
_CHARTED = timedelta(days=8)
_READS = 31
"""What the page costs while no dead letter has changed, beside the charts."""
_EVERY_SECONDS = 30
_SOON_SECONDS = 2
"""So soon an open page asks again whose charts are being counted."""
_RESUMED = "Sending is resumed: the next run sends what is due. Only complaints and bounces from then on count."


class _Why(BaseModel):
    """The form that resumes sending."""

    note: Note = ""


def _read(request: Request) -> Shown:
    """Whether all is well, in one look."""
    console = console_of(request)
    charts = console.charts.get(lambda: _count(console))
    figures = console.figures.get(lambda: _look(console))
    concerns = find_concerns(**figures["health"], outcomes=charts and charts["totals"], now=figures["read_at"])
    unread = [Concern(text=f"{name.replace('_', ' ')}: {why}", path="/") for name, why in figures["failed"].items()]
    return Shown(
        template="overview.html",
        # Twice, since the charts are read beside.
        reads=_READS + 2 * figures["letter_reads"],
        every=_EVERY_SECONDS if charts else _SOON_SECONDS,
        context={**figures, "concerns": [*concerns, *unread], "charts": charts},
    )


@form_action(_read)
def resume_sending(request: Request, form: Form) -> Response:
    """Let the runs go on after the breaker has stopped them."""
    console, note = console_of(request), form.read(_Why).note
    sending = Sending(console.session.firestore)
    with recorded(request, "Resume sending", "mail_breaker", note=note) as action:
        breaker = to_row(sending.breaker())
        form.refuse_if_changed({name: breaker[name] for name in ("because", "stopped_at")})
        was_stopped = sending.resume(by=request.state.viewer.name, note=note, now=console.session.now())
        action.outcome = _RESUMED if was_stopped else "It was not stopped."
    return done(request, "/")


def _look(console: Console) -> dict[str, Any]:
    """What the page says at once: each part that could be read, and why each other could not."""
    session, now = console.reading, datetime.now(UTC)
    database, schedule = session.firestore, RunSchedule.read()
    letters = DeadLetters(database)
    parts = read_parts(
        {
            "runs": lambda: Runs(database).latest(_SHOWN_RUNS),
            "letters": lambda: console.letters.get(letters, LetterFilter(), version=letters.newest_change()),
            "alerts": lambda: SystemAlerts(database).latest(_SHOWN_ALERTS),
            "breaker": lambda: to_row(Sending(database).breaker()),
            "backlog": lambda: find_backlog(database, now=now),
            "queues": lambda: read_queues(session, now=now),
            "kinds": KindPausing(database).pauses,
        }
    )
    read = parts.read
    queues, counts = read.get("queues"), read.get("letters")
    return {
        "read_at": now,
        "failed": parts.failed,
        "health": {
            "runs": read.get("runs"),
            "last_due": schedule.preceding(now),
            "open_letters": counts.total if counts else 0,
            "queues": queues.rows if queues else [],
            "alerts": read.get("alerts", []),
            "backlog": read.get("backlog", Backlog()),
            "stopped_because": _stopped_because(read.get("breaker")),
            "paused_kinds": read.get("kinds", KindPauses()).paused,
        },
        "next_run_at": schedule.following(now),
        "runs": read.get("runs", []),
        "letter_reads": counts.reads if counts else console.letters.reads_of_failure(LetterFilter()),
        "is_new": read.get("runs") == [] and not parts.failed,
        "open_letters": counts.total if counts else 0,
        "causes": counts.causes[:_SHOWN_CAUSES] if counts else [],
        "alerts": read.get("alerts", []),
        "breaker": read.get("breaker"),
        "queues": queues.rows if queues else [],
        "ramp": queues.ramp if queues else "",
    }


def _count(console: Console) -> dict[str, Any]:
    """The charts: each part that could be counted, and why each other could not."""
    database, now = console.session.firestore, datetime.now(UTC)
    console.counts.forget_before(now - _CHARTED)
    counts = OutcomeCounts(database, console.counts, now=now)
    subscriptions = SubscriptionCounts(database, console.counts, now=now)
    counted: dict[str, Callable[[], Any]] = {
        "day": counts.by_hour,
        "week": counts.by_day,
        "due": subscriptions.due,
        "paused": subscriptions.paused,
    }
    parts = read_parts(counted, at_once=1)
    due_now, coming = parts.read.get("due", (0, []))
    day, week = parts.read.get("day"), parts.read.get("week")
    return {
        "counted_at": now,
        "failed": parts.failed,
        "day": day and draw_outcomes(*day, length=timedelta(hours=1), unknown=unknown_mails(*day)),
        "week": week and draw_outcomes(*week, length=timedelta(days=1), unknown=unknown_mails(*week)),
        "totals": day and _totals(*day),
        "due_now": due_now,
        "coming": coming and stacked(coming, ["due"], length=timedelta(hours=1), lists=_subscriptions),
        "paused": parts.read.get("paused", {}),
    }


def _subscriptions(_name: str, since: datetime, until: datetime) -> str:
    """The list of the subscriptions that a bar or a figure counts."""
    return link("/subscriptions", **before(since, until))


def _totals(reports: Sequence[Span], mails: Sequence[Span]) -> Outcomes:
    sent = sum(span.counts[DeliveryState.SENT.value] for span in reports)
    return Outcomes(sent=sent, **{name.value: sum(span.counts[name] for span in mails) for name in MailOutcome})


def _stopped_because(breaker: dict[str, Any] | None) -> str:
    return (breaker["because"] or "it does not say why") if breaker and breaker["state"] == "stopped" else ""


ROUTES = [Route("/", live(_read)), Route("/sending/resume", resume_sending, methods=["POST"])]
