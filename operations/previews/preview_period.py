"""Which time a preview covers. Pure."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from functions.shared.records.mark import due_period
from functions.shared.records.subscription import Subscription
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence, Schedule

_INSTANT = timedelta(microseconds=1)
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_HOUR = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2})")
_CADENCES = {
    _QUARTER: Cadence.QUARTERLY,
    _MONTH: Cadence.MONTHLY,
    _WEEK: Cadence.WEEKLY,
    _DAY: Cadence.DAILY,
    _HOUR: Cadence.HOURLY,
}


def next_period(subscription: Subscription, schedule: Schedule, now: datetime) -> Period:
    """What a subscription's next report covers if it is due, and else what the last one did.

    Args:
        subscription: which.
        schedule: the subscription's.
        now: the present, in UTC.
    """
    due_at = subscription.next_report_at
    if due_at is not None and due_at <= now:
        due = due_period(subscription, schedule, due_at=due_at, run_time=now, now=now)
        if due is not None:
            return due
    return _covered_until(schedule, schedule.covered_until(schedule.at_or_before(now)))


def report_about(schedule: Schedule, asked: Period) -> Period:
    """What the report of a subscription covers that is about a time: the whole of what would have been sent.

    Args:
        schedule: the subscription's.
        asked: the time, such as a day.

    Returns:
        The period of the report that covers the end of the time asked for. Where no single report covers so much, it is
        that time itself, as when one report catches up on missed runs.
    """
    due_at = schedule.next_due(asked.end - _INSTANT)
    period = _covered_until(schedule, schedule.covered_until(due_at))
    return period if period.end - period.start >= asked.end - asked.start else asked


def _covered_until(schedule: Schedule, end: datetime) -> Period:
    """What a report covers that ends at a moment, from where the one before it ended."""
    return Period(start=schedule.covered_until(schedule.before(end)), end=end)


def parse_period(text: str, zone: ZoneInfo) -> Period:
    """Read a period of a time zone: a quarter (2026-Q4), a month (2026-11), a week (2026-W48), a day (2026-11-24) or an
    hour (2026-11-24T13).

    Raises:
        ValueError: it is none of them.
    """
    try:
        return _parse(text.strip().upper(), zone)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a period: 2026-Q4, 2026-11, 2026-W48, 2026-11-24 or 2026-11-24T13") from None


def cadence_of(text: str) -> Cadence | None:
    """How often a report comes that covers such a period; None where the text is none."""
    return next((cadence for form, cadence in _CADENCES.items() if form.fullmatch(text.strip().upper())), None)


def _parse(text: str, zone: ZoneInfo) -> Period:
    if match := _QUARTER.fullmatch(text):
        first = date(int(match[1]), 3 * int(match[2]) - 2, 1)
        # The longest quarter has 92 days, and the shortest 90.
        return _days(first, (first + timedelta(days=92)).replace(day=1), zone)
    if match := _MONTH.fullmatch(text):
        first = _date(f"{text}-01")
        return _days(first, (first + timedelta(days=32)).replace(day=1), zone)
    if match := _WEEK.fullmatch(text):
        monday = date.fromisocalendar(int(match[1]), int(match[2]), 1)
        return _days(monday, monday + timedelta(days=7), zone)
    if _DAY.fullmatch(text):
        return _days(_date(text), _date(text) + timedelta(days=1), zone)
    if match := _HOUR.fullmatch(text):
        start = datetime.combine(_date(match[1]), time(int(match[2])), zone).astimezone(UTC)
        return Period(start=start, end=start + timedelta(hours=1))
    raise ValueError(text)


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _days(first: date, behind: date, zone: ZoneInfo) -> Period:
    start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, behind))
    return Period(start=start, end=end)
