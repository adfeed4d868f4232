"""An incident: all that happened in a time on one axis, what an operator does about it, and what becomes of that."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import chain
from typing import Any, NamedTuple

from google.api_core.exceptions import GoogleAPIError
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from functions.shared.records.dead_letter import DeadLetterState
from functions.shared.records.delivery import DeliveryState
from operations.console.charts import Chart, stacked
from operations.console.console import Console, console_of
from operations.console.followed_deliveries import Followed, follow
from operations.console.form import moments_of
from operations.console.live import live
from operations.console.outcome_charts import OutcomeCharts, draw_outcomes
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
from operations.incidents import events
from operations.incidents.window import Window
from operations.operator_actions import OperatorAction, OperatorActions
from operations.overview.overview import Counted, OutcomeCounts, Span, unknown_mails
from operations.reading.threads import in_threads
from operations.runs.runs import Runs
from operations.system_alerts import SystemAlerts
from operations.time_args import to_json_time

_DRAWN_CAUSES = 4
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
    parts = read_parts(
        {
            "charts": lambda: _charts(outcomes, window),
            "causes": causes.read,
            "waiting": lambda: _waiting(console, window),
            "runs": lambda: Runs(session.firestore).between(window.since, window.until, limit=_MOST_EVENTS),
            "alerts": lambda: SystemAlerts(session.firestore).between(window.since, window.until, limit=_MOST_EVENTS),
            "deploys": lambda: console.revisions.get(session.revisions),
            "actions": lambda: _actions(console, window, asked, now=now),
            "queues": lambda: read_queues(session, now=now),
        }
    )
    read, may_act = parts.read, request.state.viewer.may_act
    runs, alerts, actions = read.get("runs", []), read.get("alerts", []), read.get("actions", _Actions())
    happened = events.in_order(
        events.of_runs(runs),
        events.of_alerts(alerts),
        events.of_revisions(read.get("deploys") or []),
        events.of_actions(actions.since, shows_addresses=may_act),
    )
    return Shown(
        template="incident.html",
        reads=_READS + len(outcomes.counted) + causes.reads + len(runs) + len(alerts) + actions.reads,
        context={
            "window": window,
            "filters": _filters(asked),
            "failed": parts.failed,
            "charts": read.get("charts"),
            "causes": read.get("causes"),
            "waiting": read.get("waiting", {}),
            "lanes": list(events.EventKind),
            "happened": [each for each in happened if window.has(each.at)],
            "later": events.of_actions(actions.later, shows_addresses=may_act),
            "is_cut": max(map(len, (runs, alerts, actions.since))) == _MOST_EVENTS,
            "most": _MOST_EVENTS,
            "queues": read["queues"].rows if "queues" in read else [],
            "followed": actions.followed,
            "acts": [act for act in ACTS.values() if act.state is DeadLetterState.OPEN],
            "letter_filters": {"state": "open", **_letter_times(window)},
            "as_it_was": link("/incident", **{"from": to_json_time(window.since), "to": to_json_time(window.until)}),
        },
    )


def _filters(asked: QueryParams) -> dict[str, str | None]:
    return {name: asked.get(name) for name in ("from", "to")}


class _Actions(NamedTuple):
    """What operators did.

    Attributes:
        since: the actions that began in the window or later.
        later: those of them that began later, about reports that failed in the window.
        followed: what became of such reports that were sent again, whenever that was; None where it could not be read.
        reads: how many reads it took.
    """

    since: Sequence[OperatorAction] = ()
    later: Sequence[OperatorAction] = ()
    followed: Followed | None = None
    reads: int = 0


def _actions(console: Console, window: Window, asked: QueryParams, *, now: datetime) -> _Actions:
    actions, reads = console.actions.get(OperatorActions(console.reading.firestore), window, limit=_MOST_EVENTS)
    about = [each for each in actions if each.is_about(window.since, window.end)]
    ids = list(dict.fromkeys(chain.from_iterable(each.deliveries for each in about)))
    followed = follow(console, ids, asked, now=now, path="/incident", lists_all=False, **_filters(asked))
    later = [each for each in about if not window.has(each.began_at)]
    return _Actions(actions, later, followed, reads + followed.reads)


def _letter_times(window: Window) -> dict[str, str | None]:
    """The filters of the dead letters that came in a window."""
    return {"since": to_json_time(window.since), "until": to_json_time(window.end)}


def _charts(counts: OutcomeCounts, window: Window) -> OutcomeCharts:
    columns, length = window.columns, window.length
    reports, mails = counts.outcomes(columns, length), counts.mails(columns, length)
    # What became of emails may have been known after a time that has ended.
    return draw_outcomes(reports, mails, length=length, unknown=unknown_mails(reports, mails) if window.goes_on else "")


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
            wanted = LetterFilter(state=state, since=window.since, until=window.end)
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
