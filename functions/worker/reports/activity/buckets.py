"""The slices of a period that the chart has a bar for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time

from functions.shared.schedule import Period

_SHORT = (
    (timedelta(hours=2), timedelta(minutes=5)),
    (timedelta(hours=6), timedelta(minutes=15)),
    (timedelta(hours=12), timedelta(minutes=30)),
    (timedelta(hours=50), timedelta(hours=1)),
)
"""Up to which length a period is cut into slices of which length."""

_LONGEST_BY_DAY = timedelta(days=93)


@dataclass(frozen=True)
class Bucket:
    """One slice.

    Attributes:
        start: its first moment, in UTC.
        label: how it is called under the chart.
        name: how it is called in a sentence.
    """

    start: datetime
    label: str
    name: str


def buckets(period: Period, zone: ZoneInfo, locale: str = "en") -> list[Bucket]:
    """Cut a period into minutes, hours, days or months, so that there are some dozens of slices at most.

    Days and months are those of the time zone, so that a day on which the clocks change is one day. The first and the
    last may be cut short by the period.

    Args:
        period: what to cut.
        zone: whose days are meant.
        locale: the language of the labels.
    """
    length = period.end - period.start
    for longest, step in _SHORT:
        if length <= longest:
            return [
                Bucket(moment, *(format_time(moment.astimezone(zone), "HH:mm", locale=locale),) * 2)
                for moment in _steps(period, step)
            ]
    if length <= _LONGEST_BY_DAY:
        day_label = "EEE d" if length <= timedelta(days=10) else "d MMM"
        return [
            Bucket(moment, _date(moment, zone, day_label, locale), _date(moment, zone, "EEEE d MMMM", locale))
            for moment in _days(period, zone)
        ]
    months = [moment for moment in _days(period, zone) if _is_first(moment, zone) or moment == period.start]
    every = len(months) // 48 + 1
    return [
        Bucket(moment, _date(moment, zone, "MMM y", locale), _date(moment, zone, "LLLL y", locale))
        for moment in months[::every]
    ]


def _steps(period: Period, step: timedelta) -> Iterator[datetime]:
    moment = period.start
    while moment < period.end:
        yield moment
        moment += step


def _days(period: Period, zone: ZoneInfo) -> Iterator[datetime]:
    yield period.start
    day = period.start.astimezone(zone).date()
    while True:
        day += timedelta(days=1)
        midnight = datetime.combine(day, time(), zone).astimezone(period.start.tzinfo)
        if midnight >= period.end:
            return
        yield midnight


def _is_first(moment: datetime, zone: ZoneInfo) -> bool:
    return moment.astimezone(zone).day == 1


def _date(moment: datetime, zone: ZoneInfo, pattern: str, locale: str) -> str:
    return format_date(moment.astimezone(zone), pattern, locale)
