"""The document of a run, and those of the runs before it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dispatcher.figures import FIGURES
from functions.dispatcher.former_runs import FormerRun

_HISTORY = 50
"""How many former runs are looked at: two days of hourly ones, which is longer than a report stays due."""


class RunRecords:
    """Reads and writes `runs`.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._runs = client.collection("runs")

    def start(self, run_id: str, *, scheduled_for: datetime, started_at: datetime) -> None:
        """Note that a run begins, or begins again."""
        self._runs.document(run_id).set(
            {
                "scheduled_for": scheduled_for,
                "started_at": started_at,
                "finished_at": None,
                "state": "running",
                **dict.fromkeys(FIGURES, 0),
            }
        )

    def carry_on(self, run_id: str, *, figures: Mapping[str, int]) -> None:
        """Note how far a run is that goes on in a continuation."""
        self._runs.document(run_id).set({"state": "running", **figures}, merge=True)

    def end(self, run_id: str, *, finished_at: datetime, failed: bool, figures: Mapping[str, int]) -> None:
        """Note that a run has come to its end; failed where a retry may still do better."""
        self._runs.document(run_id).set(
            {"finished_at": finished_at, "state": "failed" if failed else "finished", **figures}, merge=True
        )

    def before(self, run_time: datetime) -> list[FormerRun]:
        """The latest runs before a time that have come to their end."""
        query = (
            self._runs.where(filter=FieldFilter("scheduled_for", "<", run_time))
            .order_by("scheduled_for", direction=firestore.Query.DESCENDING)
            .limit(_HISTORY)
        )
        return [run for snapshot in query.stream() if (run := _former_run(snapshot.to_dict() or {}))]


def _former_run(fields: Mapping[str, Any]) -> FormerRun | None:
    scheduled_for, finished_at, due = fields.get("scheduled_for"), fields.get("finished_at"), fields.get("due")
    if not isinstance(scheduled_for, datetime) or not isinstance(finished_at, datetime) or not isinstance(due, int):
        return None
    return FormerRun(scheduled_for=scheduled_for, finished_at=finished_at, due=due)
