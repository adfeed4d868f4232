"""Which moments are to be reported: by walking the wall clock. It shares no code with the pipeline."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

STEP = timedelta(minutes=30)
"""All due times of the sequences lie on a whole or a half hour."""

Interval = tuple[datetime, datetime]

CALENDARS = {
    "moves": (("2026-11-25", "2026-11-26", "2026-11-27", "2026-12-01", "2027-01-01", "2027-02-01"), "move"),
    "leaves-out": (("2026-11-25", "2026-11-30", "2026-12-01", "2026-12-07", "2027-01-01"), "skip"),
}
"""Days off, and what becomes of the reports that are due on one."""

_FROM, _TO = datetime(2026, 8, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)
"""Between these two all sequences are played."""


class Promise(NamedTuple):
    """A schedule, in words that the walk needs."""

    cadence: str
    zone: str = "UTC"
    hour: int = 8
    minute: int = 0
    calendar: str = ""
    hours: tuple[str, str] | None = None

    def is_due(self, moment: datetime) -> bool:
        """Whether a report is due at a moment."""
        if self.calendar or self.hours:
            return moment in _meant_by_due(self)
        return self.is_meant(_shown(self.zone, moment))

    def is_meant(self, shown: datetime) -> bool:
        """Whether one would be when the wall clock shows a time, if it never waited."""
        if shown.minute != self.minute:
            return False
        match self.cadence:
            case "hourly":
                return True
            case "daily":
                return shown.hour == self.hour
            case "weekly":
                return shown.hour == self.hour and shown.isoweekday() == 1
            case _:
                return shown.hour == self.hour and shown.day == 1

    def end_of(self, due_at: datetime) -> datetime:
        """The end of what the report of a due time covers."""
        if self.cadence == "hourly":
            return due_at
        if self.calendar or self.hours:
            due_at = _meant_by_due(self)[due_at]
        local = due_at.astimezone(ZoneInfo(self.zone))
        day = local.date()
        if self.cadence == "weekly":
            day -= timedelta(days=day.isoweekday() - 1)
        elif self.cadence == "monthly":
            day = day.replace(day=1)
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)


@functools.lru_cache(maxsize=200)
def _meant_by_due(promise: Promise) -> dict[datetime, datetime]:
    """When reports come that may wait, and when the latest one by then was meant to come."""
    moments = (moment for moment, shown in _clock(promise.zone) if promise.is_meant(shown))
    found = [(due_at, moment) for moment in moments if (due_at := _waited(promise, moment))]
    by_due: dict[datetime, datetime] = {}
    latest = _FROM
    for due_at, meant in sorted(found):
        by_due[due_at] = latest = max(latest, meant)
    return by_due


def _waited(promise: Promise, meant: datetime) -> datetime | None:
    """When a report comes; None for never."""
    if promise.hours:
        meant = _within(promise.hours, promise.zone, meant)
    dates, then = CALENDARS.get(promise.calendar, ((), ""))
    shown = _shown(promise.zone, meant)
    if f"{shown:%Y-%m-%d}" not in dates:
        return meant
    while f"{shown:%Y-%m-%d}" in dates or f"{shown:%a}" in {"Sat", "Sun"}:
        shown += timedelta(days=1)
    return shown.replace(tzinfo=ZoneInfo(promise.zone)).astimezone(UTC) if then == "move" else None


@functools.cache
def _within(hours: tuple[str, str], zone: str, moment: datetime) -> datetime:
    """The first moment from this one on within some hours."""
    opens, closes = hours
    shown = f"{_shown(zone, moment):%H:%M}"
    is_within = opens <= shown < closes if opens < closes else shown >= opens or shown < closes
    return moment if is_within else _within(hours, zone, moment + STEP)


@functools.cache
def _clock(zone: str) -> list[tuple[datetime, datetime]]:
    """All moments at which a report can be due, and what the wall clock shows."""
    moments = (_FROM + step * STEP for step in range((_TO - _FROM) // STEP))
    return [(moment, _shown(zone, moment)) for moment in moments]


@functools.cache
def _shown(zone: str, moment: datetime) -> datetime:
    """What the wall clock shows."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@functools.lru_cache(maxsize=100_000)
def first_due(promise: Promise, moment: datetime) -> datetime:
    """The first due time at or after a moment."""
    walk = _on_grid(moment)
    if walk < moment:
        walk += STEP
    while not promise.is_due(walk):
        walk += STEP
    return walk


@functools.lru_cache(maxsize=100_000)
def last_due(promise: Promise, moment: datetime) -> datetime:
    """The last due time at or before a moment."""
    walk = _on_grid(moment)
    while not promise.is_due(walk):
        walk -= STEP
    return walk


class Pause(NamedTuple):
    """A pause, and the schedules by which it may be judged."""

    start: datetime
    end: datetime
    promises: tuple[Promise, ...]

    def skips(self) -> Iterator[Interval]:
        """What need not be reported: the periods of the reports that fell due within the pause."""
        for promise in self.promises:
            due_at = first_due(promise, self.start)
            while due_at < self.end:
                before = last_due(promise, due_at - STEP)
                yield promise.end_of(before), promise.end_of(due_at)
                due_at = first_due(promise, due_at + STEP)


def mistakes(start: datetime, end: datetime, reported: Sequence[Interval], skipped: Iterable[Interval]) -> list[str]:
    """What is wrong: moments that are in two reports, and moments in none that no pause has skipped.

    Args:
        start: from when on every moment is to be reported.
        end: until when.
        reported: the periods of the final reports.
        skipped: what need not be reported.
    """
    wrong, until = [], start
    gaps: list[Interval] = []
    for first, last in sorted(reported):
        if first < until:
            wrong.append(f"twice: {first:%m-%d %H:%M:%S} to {min(until, last):%m-%d %H:%M:%S}")
        elif first > until:
            gaps.append((until, first))
        until = max(until, last)
    if until < end:
        gaps.append((until, end))
    allowed = _joined(skipped)
    for first, last in gaps:
        if not any(begin <= first and last <= stop for begin, stop in allowed):
            wrong.append(f"never: {first:%m-%d %H:%M:%S} to {last:%m-%d %H:%M:%S}")
    return wrong


def without(interval: Interval, others: Iterable[Interval]) -> list[Interval]:
    """What is left of an interval beside others."""
    left, start = [], interval[0]
    for first, last in sorted(others):
        if start < min(first, interval[1]):
            left.append((start, min(first, interval[1])))
        start = max(start, last)
    return [*left, (start, interval[1])] if start < interval[1] else left


def _joined(intervals: Iterable[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for first, last in sorted(intervals):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def _on_grid(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)
