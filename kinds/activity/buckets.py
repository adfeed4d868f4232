"""The slices of a period that the chart has a bar for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from zoneinfo import ZoneInfo

from report_kit import Language, Period, starts_of_days

_SHORT = (
    (timedelta(hours=2), timedelta(minutes=5)),
    (timedelta(hours=6), timedelta(minutes=15)),
    (timedelta(hours=12), timedelta(minutes=30)),
    (timedelta(hours=50), timedelta(hours=1)),
)
"""Up to which length a period is cut into slices of which length."""

_LONGEST_BY_DAY = timedelta(days=93)


class BucketUnit(Enum):
    """What slices are."""

    MINUTES = auto()
    """Some minutes each."""
    HOUR = auto()
    DAY = auto()
    MONTH = auto()
    """One each, or several where the period is years long."""


@dataclass(frozen=True)
class Bucket:
    """One slice.

    Attributes:
        start: its first moment, in UTC.
        unit: what it is one of.
        label: how it is called under the chart.
        name: how it is called in a sentence.
    """

    start: datetime
    unit: BucketUnit
    label: str
    name: str


def buckets(period: Period, zone: ZoneInfo, language: Language) -> list[Bucket]:
    """Cut a period into minutes, hours, days or months, so that there are some dozens of slices at most.

    Days and months are those of the time zone, so that a day on which the clocks change is one day. The first and the
    last may be cut short by the period.

    Args:
        period: what to cut.
        zone: whose days are meant.
        language: of the names.
    """
    length = period.end - period.start
    for longest, step in _SHORT:
        if length <= longest:
            unit = BucketUnit.HOUR if step == timedelta(hours=1) else BucketUnit.MINUTES
            return [_hour(moment, unit, zone, language) for moment in _steps(period, step)]
    days = list(starts_of_days(period, zone))
    if length <= _LONGEST_BY_DAY:
        return [_day(moment, zone, language) for moment in days]
    months = [moment for moment in days if _is_first(moment, zone) or moment == period.start]
    every = len(months) // 48 + 1
    return [_month(moment, zone, language) for moment in months[::every]]


def _hour(moment: datetime, unit: BucketUnit, zone: ZoneInfo, language: Language) -> Bucket:
    time = language.time(moment.astimezone(zone))
    return Bucket(moment, unit, time, time)


def _day(moment: datetime, zone: ZoneInfo, language: Language) -> Bucket:
    day = moment.astimezone(zone).date()
    return Bucket(moment, BucketUnit.DAY, language.axis_day(day), language.day(day))


def _month(moment: datetime, zone: ZoneInfo, language: Language) -> Bucket:
    day = moment.astimezone(zone).date()
    return Bucket(moment, BucketUnit.MONTH, language.axis_month(day), language.month(day))


def _steps(period: Period, step: timedelta) -> Iterator[datetime]:
    moment = period.start
    while moment < period.end:
        yield moment
        moment += step


def _is_first(moment: datetime, zone: ZoneInfo) -> bool:
    return moment.astimezone(zone).day == 1
