"""Alerts people about a run that did not go as it should: overdue reports, errors, queues that do not follow the ramp,
users that it did not enroll, or no run for hours before it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.dispatcher.run_dependencies import RunDependencies
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.records.ids import run_id
from functions.shared.records.run import RUNS, RunCounter, StoredRun
from functions.shared.records.system_alert import AlertKind, SystemAlert

NO_RUN_AFTER = timedelta(hours=2)
"""How long after a run the next one counts as missed; Cloud Scheduler makes one every hour. A pipeline that makes no
run at all cannot raise an alert; Cloud Monitoring does, by deployment/alert_policies/no-run.json."""

_READ_SECONDS = 5.0

_logger = structlog.get_logger()


def alerts_of(
    *,
    run_time: datetime,
    counters: Mapping[str, int],
    failure: str,
    ramp_failure: str,
    held_back: int,
    run_before: datetime | None,
    now: datetime,
) -> list[SystemAlert]:
    """The alerts about a run. Pure.

    Args:
        run_time: the time that it was for.
        counters: what it counted, by the names in RUN_COUNTERS.
        failure: what ended it early; empty where nothing did.
        ramp_failure: why the queues do not have the rate of the ramp's day; empty where they have.
        held_back: how many new users wait for a person.
        run_before: the time that the run before was for, None where there was none.
        now: the present.
    """

    def alert(kind: AlertKind, detail: str) -> SystemAlert:
        return SystemAlert(alert=kind, run_id=run_id(run_time), at=now, detail=detail, figures=dict(counters))

    overdue, errors = counters.get(RunCounter.OVERDUE, 0), counters.get(RunCounter.ERRORS, 0)
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
    # In the name of the day: people get these once a day, and not with every run.
    day = run_id(run_time.replace(hour=0, minute=0, second=0, microsecond=0))
    if ramp_failure:
        detail = f"{ramp_failure} (run {run_id(run_time)})"
        found.append(SystemAlert(alert=AlertKind.RAMP_RATE, run_id=day, at=now, detail=detail))
    if held_back:
        detail = f"users who wait to be enrolled, more than a run enrolls at once: {held_back} (run {run_id(run_time)})"
        figures = {"held_back": held_back}
        found.append(SystemAlert(alert=AlertKind.USERS_HELD_BACK, run_id=day, at=now, detail=detail, figures=figures))
    return found


def tell(topic: DeadLetterTopic, alert: SystemAlert) -> bool:
    """Publish an alert, and log it. Raises nothing.

    Returns:
        whether Pub/Sub has it.
    """
    is_told = topic.tell(alert)
    if is_told:
        _logger.warning("alert_published", kind=alert.alert.value, run_id=alert.run_id)
    return is_told


def publish_alerts(
    dependencies: RunDependencies,
    run_time: datetime,
    *,
    now: datetime,
    failure: str = "",
    ramp_failure: str = "",
    held_back: int = 0,
) -> None:
    """Publish the alerts about a run that has ended. The DLQ handler tells people once for each kind and run, even if a
    run is repeated. Raises nothing: an error here is logged and does not change the run.

    Args:
        dependencies: what the run worked with.
        run_time: the time that it was for.
        now: the present.
        failure: what ended it early.
        ramp_failure: why the queues do not have the rate of the ramp's day.
        held_back: how many new users wait for a person.
    """
    counters, run_before = _latest(dependencies.firestore, run_time)
    for alert in alerts_of(
        run_time=run_time,
        counters=counters,
        failure=failure,
        ramp_failure=ramp_failure,
        held_back=held_back,
        run_before=run_before,
        now=now,
    ):
        tell(dependencies.dead_letters, alert)


def _latest(database: Database, run_time: datetime) -> tuple[Mapping[str, int], datetime | None]:
    """The counters of all parts of the run together, and the time of the run before."""
    query = Query.of(RUNS).where("scheduled_for", "<=", run_time).order_by("scheduled_for", descending=True).limit(2)
    try:
        found = list(map(StoredRun.from_snapshot, database.stream(query, seconds=_READ_SECONDS)))
    except GoogleAPIError as error:
        _logger.warning("runs_unreadable", error=type(error).__name__)
        return {}, None
    counters = next((run.latest.counters for run in found if run.scheduled_for == run_time), {})
    times = [run.scheduled_for for run in found if run.scheduled_for and run.scheduled_for < run_time]
    return counters, times[0] if times else None
