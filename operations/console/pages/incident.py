"""An incident: all that happened in a time on one axis, what an operator does about it, and what becomes of that."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import chain
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from functions.shared.records.dead_letter import DeadLetterState
from functions.shared.records.delivery import DeliveryState
from operations.console.charts import Chart, stacked
from operations.console.console import Console, console_of
from operations.console.followed_deliveries import followed_page
from operations.console.form import moments_of
from operations.console.live import live
from operations.console.page_parts import read_parts
from operations.console.pages.dead_letters import ACTS
from operations.console.queue_rows import read_queues
from operations.console.readings import Shown
from operations.console.view import before, link
from operations.dead_letters.dead_letters import DeadLetters
from operations.dead_letters.letter_causes import CauseCount
from operations.dead_letters.letter_filter import LetterFilter
from operations.deliveries.deliveries import Deliveries
from operations.deliveries.delivery_filter import DeliveryFilter
from operations.deliveries.delivery_outcomes import DeliveryOutcome
from operations.deliveries.mail_outcome import MailOutcome
from operations.incidents import events
from operations.incidents.window import Window
from operations.operator_actions import OperatorAction, OperatorActions
from operations.overview.overview import OUTCOMES, Counted, OutcomeCounts, Span
from operations.reading.threads import in_threads
from operations.runs.runs import Runs
from operations.system_alerts import SystemAlerts
from operations.time_args import to_json_time

_DRAWN_CAUSES = 4
_DRAWN_MAILS = [MailOutcome.DELIVERED.value, MailOutcome.UNDELIVERED.value]
_MOST_EVENTS = 200
"""So many runs, system alerts and actions are read at most, of each."""

_READS = 20
"""What the page costs beside what it counts and lists."""

_UNFINISHED = tuple(state for state in DeliveryState if not state.is_final)


def _read(request: Request) -> Shown:
    """All that happened between two times: reports, emails, causes, runs, system alerts, deployments, and what
    operators did, also later, about what failed then."""
    console, asked, now = console_of(request), request.query_params, datetime.now(UTC)
    try:
        window = Window.of(*moments_of(asked, "from", "to"), now=now)
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
    session = console.reading
    outcomes = OutcomeCounts(session.firestore, console.counts, now=now)
    causes = _Causes(console, window, now=now)
    log = OperatorActions(session.firestore)
    parts = read_parts(
        {
            "reports": lambda: _reports(outcomes, window),
            "mails": lambda: _mails(outcomes, window),
            "causes": causes.read,
            "waiting": lambda: _waiting(console, window),
            "runs": lambda: Runs(session.firestore).between(window.since, window.until, limit=_MOST_EVENTS),
            "alerts": lambda: SystemAlerts(session.firestore).between(window.since, window.until, limit=_MOST_EVENTS),
            "deploys": lambda: console.revisions.get(session.revisions),
            "actions": lambda: log.since(window.since, limit=_MOST_EVENTS),
            "queues": lambda: read_queues(session, now=now),
        }
    )
    read = parts.read
    runs, alerts, actions = (read.get(name, []) for name in ("runs", "alerts", "actions"))
    about = [each for each in actions if each.is_about(window.since, window.until)]
    later = [each for each in about if not window.has(each.began_at)]
    followed = _sent_again(log, about)
    counted = console.outcomes.count(session.firestore, followed, now=now)
    outcome = next((each for each in DeliveryOutcome if each == asked.get("outcome")), None)
    start = int(asked["start"]) if asked.get("start", "").isdecimal() else 0
    page = followed_page(session.firestore, followed, outcome, start) if outcome else None
    may_act, filters = request.state.viewer.may_act, {"from": asked.get("from"), "to": asked.get("to")}
    happened = events.in_order(
        events.of_runs(runs),
        events.of_alerts(alerts),
        events.of_revisions([each for each in read.get("deploys") or [] if _is_of(each, window)]),
        events.of_actions([each for each in actions if window.has(each.began_at)], shows_addresses=may_act),
    )
    return Shown(
        template="incident.html",
        reads=_READS
        + len(outcomes.counted)
        + causes.reads
        + sum(map(len, (runs, alerts, actions, about)))
        + counted.reads
        + (page.reads if page else 0),
        context={
            "window": window,
            "filters": filters,
            "failed": parts.failed,
            "reports": read.get("reports"),
            "mails": read.get("mails"),
            "causes": read.get("causes"),
            "waiting": read.get("waiting", {}),
            "lanes": list(events.EventKind),
            "happened": happened,
            "later": events.of_actions(later, shows_addresses=may_act),
            "is_cut": max(map(len, (runs, alerts, actions))) == _MOST_EVENTS,
            "most": _MOST_EVENTS,
            "queues": read["queues"].rows if "queues" in read else [],
            "counted": counted,
            "outcome": outcome,
            "deliveries": page.rows if page else [],
            "first": link("/incident", **filters, outcome=outcome) if start else None,
            "following": link("/incident", **filters, outcome=outcome, start=page.following)
            if page and page.following
            else None,
            "acts": [act for act in ACTS.values() if act.state is DeadLetterState.OPEN],
            "letter_filters": {"state": "open", **_letter_times(window)},
            "as_it_was": link("/incident", **{"from": to_json_time(window.since), "to": to_json_time(window.until)}),
        },
    )


def _is_of(revision: Mapping[str, Any], window: Window) -> bool:
    return any(window.has(each.at) for each in events.of_revisions([revision]))


def _sent_again(log: OperatorActions, actions: Sequence[OperatorAction]) -> list[str]:
    """The ids of all deliveries that actions sent again, each once."""
    found = in_threads(lambda action: log.find(action.id, with_deliveries=True), actions)
    return list(dict.fromkeys(chain.from_iterable(each.deliveries for each in found if each)))


def _letter_times(window: Window) -> dict[str, str | None]:
    """The filters of the dead letters that came in a window."""
    return {
        "since": to_json_time(window.since),
        "until": None if window.goes_on else to_json_time(window.until),
    }


def _reports(counts: OutcomeCounts, window: Window) -> Chart:
    spans = counts.outcomes(window.columns, window.length)
    return stacked(
        spans,
        [state.value for state in OUTCOMES],
        length=window.length,
        lists=lambda state, since, until: link("/deliveries", state=state, **before(since, until)),
    )


def _mails(counts: OutcomeCounts, window: Window) -> Chart:
    spans = counts.mails(window.columns, window.length)
    return stacked(
        spans,
        _DRAWN_MAILS,
        length=window.length,
        lists=lambda outcome, since, until: link("/deliveries", mail=outcome, **before(since, until)),
    )


def _waiting(console: Console, window: Window) -> dict[str, tuple[int, str]]:
    """How many of the reports that were due are in each state that is not final, and where they are listed."""
    deliveries = Deliveries(console.reading.firestore)

    def count(state: DeliveryState) -> int:
        return deliveries.count(DeliveryFilter(state=state, since=window.since, until=window.until))

    counts = zip(_UNFINISHED, in_threads(count, _UNFINISHED), strict=True)
    times = {"since": to_json_time(window.since), "until": to_json_time(window.until)}
    return {
        state.value: (number, link("/deliveries", state=state.value, **times)) for state, number in counts if number
    }


class _Causes:
    """Why reports failed in a window: the dead letters that came in it, by cause and state, and a chart of the causes
    with the most.

    Attributes:
        reads: how many reads it took.
    """

    def __init__(self, console: Console, window: Window, *, now: datetime) -> None:
        self._console = console
        self._window = window
        self._now = now
        self._letters = DeadLetters(console.reading.firestore)
        self.reads = 0

    def read(self) -> dict[str, Any]:
        """The rows of a table, the largest cause first, and the chart; None where there is no cause."""
        version, window = self._letters.newest_change(), self._window
        rows: dict[str, dict[str, Any]] = {}
        for state in DeadLetterState:
            wanted = LetterFilter(state=state, since=window.since, until=None if window.goes_on else window.until)
            try:
                counts = self._console.letters.get(self._letters, wanted, version=version)
            except GoogleAPIError:
                self.reads += self._console.letters.reads_of_failure(wanted)
                raise
            self.reads += counts.reads
            for each in counts.causes:
                self._add(rows.setdefault(each.cause, {"cause": each.cause, "total": 0, "counts": {}}), state, each)
        ordered = sorted(rows.values(), key=lambda row: -row["total"])
        for number, row in enumerate(ordered[:_DRAWN_CAUSES], start=1):
            row["key"] = f"cause-{number}"
        return {"rows": ordered, "chart": self._chart(ordered[:_DRAWN_CAUSES]) if ordered else None}

    def _add(self, row: dict[str, Any], state: DeadLetterState, counted: CauseCount) -> None:
        of_cause = link("/dead-letters", state=state.value, cause=counted.cause, **_letter_times(self._window))
        row["counts"][state.value] = counted.count, of_cause
        row["total"] += counted.count
        row.update({"error": counted.error, "reason": counted.reason, "key": ""})

    def _chart(self, rows: Sequence[Mapping[str, Any]]) -> Chart:
        length, columns = self._window.length, self._window.columns
        causes = {row["key"]: row["cause"] for row in rows}
        asked = [Counted(("cause", cause), start, start + length) for start in columns for cause in causes.values()]

        def count(wanted: Counted) -> int:
            self.reads += 1
            last = wanted.end - timedelta(microseconds=1)
            return self._letters.count(LetterFilter(state=None, cause=wanted.what[1], since=wanted.start, until=last))

        numbers = iter(self._console.counts.get(asked, count, now=self._now))
        return stacked(
            [Span(start=start, counts={name: next(numbers) for name in causes}) for start in columns],
            list(causes),
            length=length,
            lists=lambda name, since, until: link(
                "/dead-letters", state="all", cause=causes[name], **before(since, until)
            ),
        )


ROUTES = [Route("/incident", live(_read))]
