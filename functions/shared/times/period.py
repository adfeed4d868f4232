"""Which time a report covers. Pure.

Reports from daily up cover whole units of the recipient's calendar: 08:00 to 08:00 has no name that people use.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from functions.shared.times.plausible_time import plausible
from functions.shared.times.schedule import Schedule

_INSTANT = timedelta(microseconds=1)


class Period(NamedTuple):
    """The time that a report covers: from `start`, up to and without `end`, both in UTC.

    >>> start, end = Period(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
    >>> (end - start).days
    1
    """

    start: datetime
    end: datetime


def settled_period(start: Any, end: Any, *, latest: datetime) -> Period | None:
    """The period that a delivery's first attempt settled on; None where there was none.

    A record may hold anything, and the subscription moves on by the end of the period: an end in the future would stop
    the user's reports until then.

    Args:
        start: what the record has in `period_start`.
        end: and in `period_end`.
        latest: the latest moment at which an attempt can have ended it.
    """
    first, last = plausible(start), plausible(end)
    return Period(first, last) if first and last and first < last <= latest else None


def period_to_report(
    schedule: Schedule, *, due_at: datetime, run_time: datetime, reported_until: datetime | None = None
) -> Period | None:
    """The time that a report covers, given its due time and the time of the run that sends it, which may be much later.
    None where nothing is left to report: the due time was set back.

    It begins where the last report ended, so that no time is reported twice or left out even if the schedule has
    changed. Without a last report it begins one unit or cadence before its end. It ends with the last due time that the
    run has reached, so that one report catches up on missed runs. The next report is due at
    `schedule.next_due(period.end)`.

    Args:
        schedule: the subscription's, as it is now.
        due_at: when the report fell due. Not a time of the schedule if the user is newly enrolled or the schedule has
            changed since.
        run_time: the time of the dispatcher's run.
        reported_until: the end of the last period that was reported or given up, where there was one.
    """
    start = plausible(reported_until) or unit_before(schedule, schedule.covered_until(due_at)).start
    promised = max(due_at, schedule.at_or_before(run_time)) if run_time > due_at else due_at
    end = schedule.covered_until(promised)
    if start < end:
        return Period(start, end)
    if promised <= start:
        return None
    # The schedule has changed, and no period of the new one ends before `promised`: report up to the last midnight
    # before it, or up to it.
    midnight = schedule.day_start(promised)
    return Period(start, midnight if schedule.covers_calendar and start < midnight else promised)


def unit_before(schedule: Schedule, end: datetime) -> Period:
    """The last whole unit of the calendar, or time between two due times, before a moment at which one ends."""
    before = schedule.unit_start(end - _INSTANT) if schedule.covers_calendar else schedule.before(end)
    return Period(before, end)


def is_regular(schedule: Schedule, period: Period) -> bool:
    """Whether a period is one unit or cadence: it catches up on nothing, and the schedule has not changed."""
    return period == unit_before(schedule, period.end)
