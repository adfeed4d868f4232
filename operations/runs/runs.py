"""Reads the runs of the dispatcher, for the operator.

The figures of a run with several attempts are those of the last one. `show` also returns those of earlier attempts.
"""

from datetime import datetime
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.logging import redact_addresses
from functions.shared.records.delivery import DeliveryState
from functions.shared.records.run import RUN_COUNTERS, RUNS, RunAttempt, StoredRun
from operations.deliveries.deliveries import of_run
from operations.errors import NotFound
from operations.reading import document_fields
from operations.reading.newest_change import newest_change
from operations.reading.page import Page, read_page
from operations.reading.similar_ids import did_you_mean
from operations.reading.threads import in_threads

_NEWEST_FIRST = Query.of(RUNS).order_by("scheduled_for", descending=True)


class Runs:
    """Reads `runs`, and counts the deliveries of each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, limit: int | None) -> list[dict[str, Any]]:
        """The latest runs, the newest first."""
        return list(map(_to_row, self._database.stream(_NEWEST_FIRST.limit(limit))))

    def count(self) -> int:
        """How many runs are kept."""
        return self._database.count(Query.of(RUNS))

    def check(self, run_id: str) -> None:
        """Look whether there is a run.

        Raises:
            NotFound: there is no such run.
        """
        self._document(run_id)

    def page(self, *, after: str | None, limit: int) -> Page[dict[str, Any]]:
        """Runs, the newest first."""
        return read_page(self._database, _NEWEST_FIRST, after=after, limit=limit, read=_to_row)

    def between(self, since: datetime, until: datetime, *, limit: int) -> list[dict[str, Any]]:
        """The first runs that were due between two times, the oldest first."""
        query = Query.of(RUNS).where("scheduled_for", ">=", since).where("scheduled_for", "<=", until)
        return list(map(_to_row, self._database.stream(query.order_by("scheduled_for").limit(limit))))

    def newest_change(self) -> str:
        """A text that differs once a run begins or ends: two reads."""
        return newest_change(self._database, RUNS, ("scheduled_for", "finished_at"))

    def show(self, run_id: str) -> dict[str, Any]:
        """A run, with its deliveries counted by state, and its attempts before the last.

        A report belongs to the run that last made a task for it.

        Raises:
            NotFound: there is no such run.
        """
        found = self._document(run_id)
        run = StoredRun.from_snapshot(found)
        states, deliveries_of_run = list(DeliveryState), of_run(run_id)
        counts = in_threads(
            lambda state: self._database.count(deliveries_of_run.where("state", "==", state.value)), states
        )
        deliveries = {state.value: count for state, count in zip(states, counts, strict=True)}
        return {
            **_to_row(found),
            **({"queues": run.queues.value} if run.queues else {}),
            **({"stopped_because": redact_addresses(run.stopped_because)} if run.stopped_because else {}),
            **({"statistics": document_fields.redacted_tree(run.statistics.to_fields())} if run.statistics else {}),
            "deliveries": deliveries,
            "earlier_attempts": [_to_attempt(attempt) for attempt in run.earlier_attempts],
        }

    def _document(self, run_id: str) -> FoundDocument:
        found = self._database.get(f"{RUNS}/{run_id}")
        if not found.exists:
            raise NotFound(
                f"There is no run {run_id}: reports runs list shows the latest.",
                did_you_mean(self._database, RUNS, run_id),
            )
        return found


def _to_row(found: FoundDocument) -> dict[str, Any]:
    run = StoredRun.from_snapshot(found)
    return {
        "run_id": run.id,
        "scheduled_for": run.scheduled_for,
        "attempts": run.attempts or 1,
        **_to_attempt(run.latest),
    }


def _to_attempt(attempt: RunAttempt) -> dict[str, Any]:
    return {
        "state": attempt.state.value if attempt.state else None,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        **{name: attempt.counters.get(name, 0) for name in RUN_COUNTERS},
    }
