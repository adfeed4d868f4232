"""How far a run's reports are, and whether its counters add up. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.shared.records.delivery import DeliveryState
from functions.shared.records.run import RunCounter, RunState

_WATCHED = timedelta(days=1)
"""How long a run's reports are watched: after that they are lost, or wait for an operator."""

_LONGEST_CALL = timedelta(minutes=30)
"""How long Cloud Scheduler waits for a run: `--attempt-deadline` in scheduler.yaml."""

_FAILING_SHARE = 0.5
"""If so many of the tasks in the queues have failed, the rate since the start says nothing about the rest."""

_TOO_SLOW = "At this rate the others are not final within 24 hours, after which the runs give reports up."

PARTS_OF_DUE = (
    RunCounter.DISPATCHED,
    RunCounter.ALREADY_DISPATCHED,
    RunCounter.LOST,
    RunCounter.MALFORMED,
    RunCounter.ERRORS,
)
"""Each due report is counted as one of these."""


@dataclass(frozen=True, kw_only=True)
class RunProgress:
    """How far the reports of a run are.

    Attributes:
        total: how many reports it has made tasks for.
        final: how many of them are sent, skipped or dead.
        rate: how many became final a second, from the start of the run; None where that cannot be told, or says
            nothing about the others.
        seconds_left: how long the others take at this rate; None where that cannot be told.
        held_up: why the others do not become final at this rate, in sentences; empty where nothing is known to hold
            them up.
    """

    total: int
    final: int
    rate: float | None
    seconds_left: float | None
    held_up: str = ""


def progress_of(
    run: Mapping[str, Any], *, queues: Sequence[Mapping[str, Any]] = (), now: datetime
) -> RunProgress | None:
    """How far a run is; None where it is over, or too long ago for its rate to say anything.

    Args:
        run: as `operations.runs.runs.Runs.show` shows it.
        queues: the report queues, as `operations.console.queue_rows.read_queues` shows them; none where they are not
            read.
    """
    by_state = run["deliveries"]
    final = sum(by_state.get(state.value, 0) for state in DeliveryState if state.is_final)
    # A delivery has no document before a worker claims it.
    total = max(run[RunCounter.DISPATCHED], sum(by_state.values()))
    started = run["started_at"]
    goes_on = final < total or run["state"] == RunState.RUNNING
    if not goes_on or started is None or now - started > _WATCHED:
        return None
    if held_up := _of_run(run, now - started) or _of_queues(queues, run):
        return RunProgress(total=total, final=final, rate=None, seconds_left=None, held_up=held_up)
    seconds = (now - started).total_seconds()
    rate = final / seconds if final and seconds > 0 else None
    seconds_left = (total - final) / rate if rate else None
    if seconds_left is not None and seconds + seconds_left > _WATCHED.total_seconds():
        return RunProgress(total=total, final=final, rate=rate, seconds_left=None, held_up=_TOO_SLOW)
    return RunProgress(total=total, final=final, rate=rate, seconds_left=seconds_left)


def _of_run(run: Mapping[str, Any], age: timedelta) -> str:
    if run["state"] == RunState.FAILED:
        return "The run has failed, and some reports may have no task. The next call of the dispatcher finds them."
    if run["state"] == RunState.STOPPED:
        return "The breaker has stopped the run: it makes no more tasks."
    if run["state"] == RunState.RUNNING and age > _LONGEST_CALL:
        return (
            "The run says that it goes on, but began more than half an hour ago: it was killed, or a part of it waits."
        )
    return ""


def _of_queues(queues: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> str:
    """What the queues say about why their tasks do not end: empty where one of them cannot be read."""
    if not queues or any("error" in queue for queue in queues):
        return ""
    held = [queue for queue in queues if queue["state"] != "running"]
    if held:
        return " ".join(
            f"Queue {queue['queue']} is {queue['state']}: its tasks wait until it is resumed." for queue in held
        )
    tasks, failing = (sum(queue[name] for queue in queues) for name in ("tasks", "failing"))
    if not tasks and run["state"] != RunState.RUNNING:
        return "No queue holds a task any more: the next runs try the other reports again, or give them up."
    if failing and failing >= tasks * _FAILING_SHARE:
        return f"{failing:,} of {tasks:,} tasks in the queues have failed, and wait to be tried again."
    return ""


@dataclass(frozen=True, kw_only=True)
class DueSum:
    """The counters of a run that add up to what was due.

    Attributes:
        parts: each counter that is not zero.
        missing: how many of them no counter has, which a part of the run that still goes on or was killed may have.
    """

    parts: Mapping[str, int]
    due: int
    missing: int


def due_sum(run: Mapping[str, Any]) -> DueSum:
    """What became of the reports that a run found due.

    Args:
        run: as `operations.runs.runs.Runs` shows it.
    """
    parts = {part.value: run[part] for part in PARTS_OF_DUE if run[part]}
    return DueSum(parts=parts, due=run[RunCounter.DUE], missing=run[RunCounter.DUE] - sum(parts.values()))
