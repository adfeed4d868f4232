"""The first page: whether all is well."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from operations.console.charts import stacked
from operations.console.console import Console, console_of
from operations.errors import OperatorError
from operations.health import find_concerns
from operations.overview import OUTCOMES, Overview, next_run
from operations.runs import Runs
from operations.system_alerts import SystemAlerts

_SECONDS_KEPT = 8.0
"""How long the figures are shown again: pages that stay open in several places count no more often."""
_SHOWN_RUNS = 5
_SHOWN_ALERTS = 5
_SHOWN_CAUSES = 8


@dataclass(frozen=True)
class _Kept:
    figures: dict[str, Any]
    read_at: float


_kept: dict[int, _Kept] = {}
_reading = threading.Lock()


def overview(request: Request) -> Response:
    """Whether all is well, in one look."""
    console = console_of(request)
    with _reading:
        kept = _kept.get(id(console))
        if kept is None or time.monotonic() - kept.read_at > _SECONDS_KEPT:
            kept = _kept[id(console)] = _Kept(_read(console), time.monotonic())
    return console.view.page(request, "overview.html", **kept.figures)


def _read(console: Console) -> dict[str, Any]:
    client, now = console.session.firestore, datetime.now(UTC)
    figures = Overview(client, now=now)
    with ThreadPoolExecutor(thread_name_prefix="figures") as threads:
        runs = threads.submit(Runs(client).latest, _SHOWN_RUNS)
        due = threads.submit(figures.due)
        hours, days = threads.submit(figures.outcomes_by_hour), threads.submit(figures.outcomes_by_day)
        causes, paused = threads.submit(figures.causes), threads.submit(figures.paused)
        alerts = threads.submit(SystemAlerts(client).latest, _SHOWN_ALERTS)
        queues = threads.submit(_queues, console)
    due_now, coming = due.result()
    open_letters, by_cause = causes.result()
    names = [state.value for state in OUTCOMES]
    return {
        "read_at": now,
        "runs": runs.result(),
        "next_run_at": next_run(now),
        "due_now": due_now,
        "coming": stacked(coming, ["due"]),
        "hours": stacked(hours.result(), names),
        "days": stacked(days.result(), names),
        "open_letters": open_letters,
        "causes": by_cause[:_SHOWN_CAUSES],
        "paused": paused.result(),
        "alerts": alerts.result(),
        "queues": queues.result(),
        "concerns": find_concerns(
            runs=runs.result(), open_letters=open_letters, queues=queues.result(), alerts=alerts.result(), now=now
        ),
    }


def _queues(console: Console) -> list[dict[str, Any]]:
    """The queues' rows; one that cannot be read has an `error` instead."""
    rows = []
    for name in console.session.target.queues:
        try:
            rows.append(console.session.queues.show(name))
        except (OperatorError, GoogleAPIError) as error:
            rows.append({"queue": name, "error": str(error)})
    return rows


ROUTES = [Route("/", overview)]
