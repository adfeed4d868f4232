"""Tells people of a run that did not go as it should: overdue reports, errors, or no run for hours before it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from google.api_core.exceptions import GoogleAPIError
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dispatcher.figures import FIGURES
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.ids import run_id
from functions.shared.system_alert import AlertKind, SystemAlert

NO_RUN_AFTER = timedelta(hours=2)
"""How long after a run the next one is missed; Cloud Scheduler makes one every hour. A pipeline that makes none at all
cannot tell: that is Cloud Monitoring's part, deployment/alert_policies/no-run.json."""

_READ_SECONDS = 5.0

_log = structlog.get_logger()


def alerts_of(
    *, run_time: datetime, figures: Mapping[str, int], failure: str, run_before: datetime | None, now: datetime
) -> list[SystemAlert]:
    """What there is to tell of a run. Pure.

    Args:
        run_time: the time that it was for.
        figures: the run in numbers.
        failure: what ended it early; empty where nothing did.
        run_before: the time that the run before was for, None where there was none.
        now: the present.
    """

    def alert(kind: AlertKind, detail: str) -> SystemAlert:
        return SystemAlert(alert=kind, run_id=run_id(run_time), at=now, detail=detail, figures=dict(figures))

    overdue, errors = figures.get("overdue", 0), figures.get("errors", 0)
    found = []
    if overdue:
        found.append(alert(AlertKind.OVERDUE_REPORTS, f"reports whose tasks ended without a trace: {overdue}"))
    if failure:
        found.append(alert(AlertKind.RUN_ERRORS, f"the run failed: {failure}"))
    elif errors:
        found.append(alert(AlertKind.RUN_ERRORS, f"what failed, and may go well when the run is repeated: {errors}"))
    if run_before is not None and run_time - run_before > NO_RUN_AFTER:
        hours = (run_time - run_before) / timedelta(hours=1)
        found.append(alert(AlertKind.NO_RUN, f"the run before, {run_id(run_before)}, was {hours:.1f} hours earlier"))
    return found


class RunAlerts:
    """Publishes them. The DLQ handler tells people once for each kind and run, however often the run is repeated.

    Args:
        client: the Firestore client.
        topic: where dead letters and alerts go.
    """

    def __init__(self, client: firestore.Client, topic: DeadLetterTopic) -> None:
        self._client = client
        self._topic = topic

    def tell(self, run_time: datetime, *, now: datetime, failure: str = "") -> None:
        """Tell of a run that has come to its end. No error leaves here: the run is what it is, and the log has it.

        Args:
            run_time: the time that it was for.
            now: the present.
            failure: what ended it early.
        """
        run, run_before = self._latest(run_time)
        figures = {name: number for name in FIGURES if isinstance(number := run.get(name), int)}
        for alert in alerts_of(run_time=run_time, figures=figures, failure=failure, run_before=run_before, now=now):
            try:
                self._topic.tell(alert)
            except (GoogleAPIError, TimeoutError) as error:
                # The field that deployment/alert_policies/needs-a-person.json watches for.
                _log.error(
                    "An alert cannot be published.",
                    alert=alert.alert.value,
                    run_id=alert.run_id,
                    detail=alert.detail,
                    error=type(error).__name__,
                )
            else:
                _log.warning("People are told of the run.", kind=alert.alert.value, run_id=alert.run_id)

    def _latest(self, run_time: datetime) -> tuple[Mapping[str, Any], datetime | None]:
        """The run's document, which has the figures of all its parts, and the time of the run before."""
        query = (
            self._client.collection("runs")
            .where(filter=FieldFilter("scheduled_for", "<=", run_time))
            .order_by("scheduled_for", direction=firestore.Query.DESCENDING)
            .limit(2)
        )
        try:
            found = [snapshot.to_dict() or {} for snapshot in query.stream(retry=None, timeout=_READ_SECONDS)]
        except GoogleAPIError as error:
            _log.warning("The run cannot be looked at for alerts.", error=type(error).__name__)
            return {}, None
        run = next((fields for fields in found if fields["scheduled_for"] == run_time), {})
        return run, next((fields["scheduled_for"] for fields in found if fields["scheduled_for"] < run_time), None)
