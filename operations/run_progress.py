"""How far a run's reports are, and whether its counters add up. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.shared.delivery import DeliveryState
from functions.shared.run import RunCounter, RunState

_AT_MOST = timedelta(days=1)
"""How long a run's reports are watched: after that they are lost, or wait for an operator."""

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
        rate: how many became final a second, from the start of the run; None where that cannot be told.
        seconds_left: how long the others take at this rate; None where that cannot be told.
    """

    total: int
    final: int
    rate: float | None
    seconds_left: float | None


def progress_of(run: Mapping[str, Any], *, now: datetime) -> RunProgress | None:
    """How far a run is; None where it is over, or too long ago for its rate to say anything.

    Args:
        run: as `operations.runs.Runs.show` shows it.
        now: the present, in UTC.
    """
    by_state = run["deliveries"]
    final = sum(by_state.get(state.value, 0) for state in DeliveryState if state.is_final)
    # A delivery has no document before a worker claims it.
    total = max(run[RunCounter.DISPATCHED], sum(by_state.values()))
    started = run["started_at"]
    goes_on = final < total or run["state"] == RunState.RUNNING
    if not goes_on or started is None or now - started > _AT_MOST:
        return None
    seconds = (now - started).total_seconds()
    rate = final / seconds if final and seconds > 0 else None
    return RunProgress(total=total, final=final, rate=rate, seconds_left=(total - final) / rate if rate else None)


@dataclass(frozen=True, kw_only=True)
class DueSum:
    """The counters of a run that add up to what was due.

    Attributes:
        parts: each counter that is not zero.
        due: how many reports were due.
        missing: how many of them no counter has, which a part of the run that still goes on or was killed may have.
    """

    parts: Mapping[str, int]
    due: int
    missing: int


def due_sum(run: Mapping[str, Any]) -> DueSum:
    """What became of the reports that a run found due.

    Args:
        run: as `operations.runs.Runs` shows it.
    """
    parts = {part.value: run[part] for part in PARTS_OF_DUE if run[part]}
    return DueSum(parts=parts, due=run[RunCounter.DUE], missing=run[RunCounter.DUE] - sum(parts.values()))
