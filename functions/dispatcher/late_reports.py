"""Counts the reports that are not final an hour after their time, for the service level objective: a worker counts only
what becomes final (functions.shared.times.lateness)."""

from datetime import UTC, datetime

import structlog

from functions.dispatcher.due_subscription import DueSubscription
from functions.shared.records.kind_pauses import KindPauses
from functions.shared.times.lateness import lateness_seconds, latest_counted_by_run

_BEGINNING = datetime.min.replace(tzinfo=UTC)

_logger = structlog.get_logger()


class LateReports:
    """Logs each report once that is not final an hour after its time: the first run that meets it so does that.

    If a run is repeated, it logs its reports again, and so does a run after one that was killed.

    Args:
        run_id: the id of the run.
        run_time: the time that the run is for.
        last_run: the time of the latest run that came to its end; None where there was none.
        pauses: of the kinds. A report that has waited for its kind to be resumed is not late.
    """

    def __init__(self, *, run_id: str, run_time: datetime, last_run: datetime | None, pauses: KindPauses) -> None:
        self._run_id = run_id
        self._run_time = run_time
        self._pauses = pauses
        self._latest = latest_counted_by_run(run_time)
        self._counted_until = latest_counted_by_run(last_run) if last_run else _BEGINNING

    def note(self, due: DueSubscription) -> None:
        """Log a report if it is late, and no run before this one has logged it.

        Args:
            due: its subscription. A malformed one gets a dead letter from the dispatcher.
        """
        has_waited = due.problem or self._pauses.has_waited(due.kind, due.due_at)
        if self._counted_until < due.due_at <= self._latest and not has_waited:
            _logger.warning(
                "report_late",
                run_id=self._run_id,
                user_id=due.user_id,
                subscription_id=due.subscription_id,
                delivery_id=due.delivery_id,
                kind=due.kind,
                lateness_seconds=lateness_seconds(due.due_at, now=self._run_time),
            )
