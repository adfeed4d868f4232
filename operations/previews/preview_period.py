"""Which time a preview covers. Pure."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from functions.shared.records.mark import due_period
from functions.shared.records.subscription import Subscription
from functions.shared.times.period import Period
from functions.shared.times.plausible_time import plausible
from functions.shared.times.schedule import Cadence, Schedule

_INSTANT = timedelta(microseconds=1)

PERIODS = {
    Cadence.QUARTERLY: "2026-Q4",
    Cadence.MONTHLY: "2026-11",
    Cadence.BIWEEKLY: "2026-W48/W49",
    Cadence.WEEKLY: "2026-W48",
    Cadence.DAILY: "2026-11-24",
    Cadence.HOURLY: "2026-11-24T13",
}
"""By cadence, an example of how people write what its report covers."""

_FORMS = {cadence: re.compile(re.sub(r"\d", r"\\d", example)) for cadence, example in PERIODS.items()}


def next_period(subscription: Subscription, schedule: Schedule, now: datetime) -> Period:
    """What a subscription's next report covers if it is due, and else what the last one did."""
    due_at = subscription.next_report_at
    if due_at is not None and due_at <= now:
        due = due_period(subscription, schedule, due_at=due_at, run_time=now, now=now)
        if due is not None:
            return due
    return _covered_by(schedule, schedule.at_or_before(now))


def report_about(schedule: Schedule, asked: Period) -> Period:
    """What the report of a subscription covers that is about a time: the whole of what would have been sent.

    Returns:
        The period of the report that covers the end of the time asked for. Where no single report covers so much, it is
        that time itself, as when one report catches up on missed runs.
    """
    due_at = schedule.next_due(asked.end - _INSTANT)
    period = _covered_by(schedule, due_at)
    return period if period.end - period.start >= asked.end - asked.start else asked


def _covered_by(schedule: Schedule, due_at: datetime) -> Period:
    """What the report of a due time covers, from where the one before it ended."""
    start = end = schedule.covered_until(due_at)
    while start == end:
        due_at = schedule.before(due_at)
        start = schedule.covered_until(due_at)
    return Period(start, end)


def parse_period(text: str, zone: ZoneInfo) -> Period:
    """Read a period of a time zone, as PERIODS has them.

    Raises:
        ValueError: it is none of them.
    """
    cadence = cadence_of(text)
    refused = ValueError(f"{text!r} is not a period: {', '.join(PERIODS.values())}")
    if cadence is None:
        raise refused
    try:
        first, _, last = text.strip().upper().partition("/")
        start = datetime.fromisoformat(_first(first)).replace(tzinfo=zone).astimezone(UTC)
        period = Period(start, Schedule(cadence=cadence, time_zone=zone).unit_end(start))
    except (ValueError, OverflowError):
        raise refused from None
    if not plausible(start):
        raise refused
    if last and last != f"{(period.end - _INSTANT).astimezone(zone):W%V}":
        raise refused
    return period


def cadence_of(text: str) -> Cadence | None:
    """How often a report comes that covers such a period; None where the text is none."""
    return next((cadence for cadence, form in _FORMS.items() if form.fullmatch(text.strip().upper())), None)


def _first(text: str) -> str:
    """The first day or hour of a period, as ISO 8601 has it."""
    year, _, rest = text.partition("-")
    if rest.startswith("Q"):
        return f"{year}-{3 * int(rest[1:]) - 2:02}-01"
    return f"{text}-01" if rest.isdigit() else text
