"""An incident: all that happened in a time on one axis, what an operator does about it, and what becomes of that."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import chain, repeat
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from functions.shared.records.dead_letter import DeadLetterState
from functions.shared.records.delivery import DeliveryState
from functions.shared.times.plausible_time import EARLIEST
from operations.console.charts import Chart, stacked
from operations.console.console import Console, console_of
from operations.console.followed_deliveries import Followed, follow
from operations.console.form import moments_of
from operations.console.live import live
from operations.console.outcome_charts import DRAWN_MAILS, OutcomeCharts, draw_outcomes
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


def _read(request: Request) -> Shown:
    """All that happened between two times: reports, emails, causes, runs, system alerts, deployments, and what
    operators did, also later, about what failed then."""
    console, asked, now = console_of(request), request.query_params, datetime.now(UTC)
    try:
        window = Window.of(*moments_of(asked, now, "from", "to"), now=now)
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
            "actions": lambda: _actions(request, window),
            "queues": lambda: read_queues(session, now=now),
        }
    )
    read, may_act = parts.read, request.state.viewer.may_act
    runs, alerts = read.get("runs", []), read.get("alerts", [])
    actions, followed, reads = read.get("actions", ((), None, 0))
    happened = events.within(
        window,
        events.of_runs(runs),
        events.of_alerts(alerts),
        events.of_revisions(read.get("deploys") or []),
        events.of_actions(actions, shows_addresses=may_act),
    )
    about = [each for each in actions if each.is_about(window.since, window.end)]
    later = [each for each in about if not window.has(each.began_at)]
    return Shown(
        template="incident.html",
        reads=_READS + len(outcomes.counted) + causes.reads + len(runs) + len(alerts) + reads,
        context={
            "window": window,
            "asked": asked,
            "failed": parts.failed,
            "charts": read.get("charts"),
            "causes": read.get("causes"),
            "waiting": read.get("waiting", {}),
            "lanes": list(events.EventKind),
            "happened": happened,
            "later": events.of_actions(later, shows_addresses=may_act),
            "is_cut": max(map(len, (runs, alerts, actions))) == _MOST_EVENTS,
            "most": _MOST_EVENTS,
            "queues": read["queues"].rows if "queues" in read else [],
            "followed": followed,
            "acts": [act for act in ACTS.values() if act.state is DeadLetterState.OPEN],
            "letter_filters": {"state": "open", **_letter_times(window)},
            "as_it_was": link("/incident", **{"from": to_json_time(window.since), "to": to_json_time(window.until)}),
        },
    )


def _actions(request: Request, window: Window) -> tuple[list[OperatorAction], Followed, int]:
    """What operators did in a window and later, what became of reports that failed in it and were sent again, and how
    many reads it took to know.

    Actions are read again where another has begun, or one of them had not ended.
    """
    console, key, reads = console_of(request), (window.since, window.end), 1
    log = OperatorActions(console.reading.firestore)
    actions = console.actions.get(key)
    if actions is None or len(actions) != log.count(window.since):
        found = log.since(window.since, limit=_MOST_EVENTS)
        about = [each.id for each in found if each.is_about(window.since, window.end)]
        whole = in_threads(lambda each: log.find(each, with_deliveries=True), about)
        by_id = {each.id: each for each in (*found, *filter(None, whole))}
        actions, reads = list(by_id.values()), 1 + len(found) + len(about)
        # An erasure changes actions that have ended. It is an action itself, and must be among those that were read.
        if len(actions) < _MOST_EVENTS and all(each.ended_at for each in actions):
            console.actions.put(key, actions)
    sent_again = dict.fromkeys(chain.from_iterable(each.deliveries for each in actions))
    followed = follow(request, list(sent_again), lists_all=False)
    return actions, followed, reads + followed.reads


def _letter_times(window: Window) -> dict[str, str | None]:
    """The filters of the dead letters that came in a window."""
    return {"since": to_json_time(window.since), "until": to_json_time(window.end)}


def _charts(counts: OutcomeCounts, window: Window) -> OutcomeCharts:
    columns, length = window.columns, window.length
    reports, mails = counts.reports(columns, length), counts.mails(columns, length, DRAWN_MAILS)
    # What became of emails may have been known after a time that has ended.
    return draw_outcomes(reports, mails, length=length, unknown=unknown_mails(reports, mails) if window.goes_on else "")


def _waiting(console: Console, window: Window) -> dict[str, tuple[int, str]]:
    """How many of the reports that were due are in each state that is not final, and where they are listed."""
    asked = DeliveryFilter(since=window.since, until=window.until)
    wanted = [replace(asked, state=state) for state in DeliveryState if not state.is_final]
    counts = zip(wanted, in_threads(Deliveries(console.reading.firestore).count, wanted), strict=True)
    times = {"since": to_json_time(window.since), "until": to_json_time(window.until)}
    return {
        str(each.state): (number, link("/deliveries", state=each.state, **times)) for each, number in counts if number
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
        version = self._letters.newest_change()
        found: dict[str, dict[DeadLetterState, CauseCount]] = {}
        for state in DeadLetterState:
            for each in self._count(state, version):
                found.setdefault(each.cause, {})[state] = each
        largest = sorted(found.items(), key=lambda item: -sum(each.count for each in item[1].values()))
        drawn = {f"cause-{number}": cause for number, (cause, _) in enumerate(largest[:_DRAWN_CAUSES], start=1)}
        rows = [self._row(key, *each) for key, each in zip(chain(drawn, repeat("")), largest, strict=False)]
        return {"rows": rows, "chart": self._chart(drawn) if drawn else None}

    def _count(self, state: DeadLetterState, version: str) -> Sequence[CauseCount]:
        wanted = LetterFilter(state=state, since=self._window.since, until=self._window.end)
        try:
            counts = self._console.letters.get(self._letters, wanted, version=version)
        except GoogleAPIError:
            self.reads += self._console.letters.reads_of_failure(wanted)
            raise
        self.reads += counts.reads
        return counts.causes

    def _row(self, key: str, cause: str, counts: Mapping[DeadLetterState, CauseCount]) -> dict[str, Any]:
        newest = max(counts.values(), key=lambda each: each.newest_at or EARLIEST)
        times = _letter_times(self._window)
        return {
            "key": key,
            "cause": cause,
            "error": newest.error or newest.reason,
            "reason": newest.reason,
            "counts": {
                state.value: (each.count, link("/dead-letters", state=state.value, cause=cause, **times))
                for state, each in counts.items()
            },
        }

    def _chart(self, causes: Mapping[str, str]) -> Chart:
        length, columns = self._window.length, self._window.columns
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
