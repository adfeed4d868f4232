"""How late reports are: what the service level objective counts (docs/reference/metrics.md says how). Pure.

Each report is counted once: by the worker that makes it final, or, where it is not final an hour after its time, by the
run of the dispatcher that finds that out.
"""

from datetime import UTC, datetime, timedelta

RUN_INTERVAL = timedelta(hours=1)
"""How long lies between two runs of the schedule (scheduler.yaml)."""

COUNTED_BY_RUN_AFTER = RUN_INTERVAL
"""How late a report is when the dispatcher counts it, and no longer the worker."""

_EPOCH = datetime.fromtimestamp(0, UTC)


def report_time(due_at: datetime) -> datetime:
    """The time at which a report should go out: that of the first run of the schedule at or after its due time.

    Args:
        due_at: when it falls due.
    """
    return due_at + (_EPOCH - due_at) % RUN_INTERVAL


def lateness_seconds(due_at: datetime, *, now: datetime) -> int:
    """How many seconds ago a report should have gone out; 0 before that time.

    Args:
        due_at: when it fell due.
        now: the present, in UTC.
    """
    return max(int((now - report_time(due_at)).total_seconds()), 0)


def latest_counted_by_run(run_time: datetime) -> datetime:
    """The latest due time of the reports that are so late at a run's time that the dispatcher counts them.

    Args:
        run_time: the time that the run is for.
    """
    late = run_time - COUNTED_BY_RUN_AFTER
    return late - (late - _EPOCH) % RUN_INTERVAL
