"""The bars of a chart: how high they are, and how they are called. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from functions.shared.sanitize import sanitize
from functions.shared.times.period import Period
from report_kit.calendar_days import starts_of_days
from report_kit.language import Language
from report_kit.sql.values import day_of, moment_of

_SHORT, _LONG = 12, 60
"""How many characters of a label that is text are shown below a bar, and in a sentence."""

_BY_TIME = timedelta(days=2)
"""In a period of up to this length a moment is called by its time, and else by its day."""

_EVERY_DAY = timedelta(days=93)
"""In a period of up to this length a day without a row has a bar, too, of no height."""


@dataclass(frozen=True, kw_only=True)
class Bars:
    """The bars from left to right.

    Attributes:
        values: how high they are.
        labels: what stands below them.
        names: what they are called in a sentence.
    """

    values: Sequence[float]
    labels: Sequence[str]
    names: Sequence[str]


def bars(labels: Sequence[Any], values: Sequence[float], *, period: Period, zone: ZoneInfo, language: Language) -> Bars:
    """The bars of a query's rows.

    Days that lie one by one in the period get the days between them that have no row. Without them a week with two days
    of orders would look like two days.

    Args:
        labels: as the driver returns them: days, moments or anything else.
        values: one for each.
        period: of the report.
        zone: whose days and hours are meant.
        language: of the report.
    """
    days = [day_of(label) for label in labels]
    if days and all(days):
        called = [day for day in days if day]
        called, values = _every_day(called, values, period, zone)
        return Bars(
            values=values,
            labels=[language.axis_day(day) for day in called],
            names=[language.day(day) for day in called],
        )
    moments = [_moment(label, zone) for label in labels]
    if moments and all(moments):
        by_time = period.end - period.start <= _BY_TIME
        told = [language.time(moment) if by_time else language.axis_day(moment) for moment in moments if moment]
        return Bars(values=values, labels=told, names=told)
    texts = ["–" if label is None else sanitize(str(label), _LONG) or "–" for label in labels]
    return Bars(values=values, labels=[_cut(text) for text in texts], names=texts)


def _every_day(
    days: list[date], values: Sequence[float], period: Period, zone: ZoneInfo
) -> tuple[list[date], Sequence[float]]:
    if period.end - period.start > _EVERY_DAY:
        return days, values
    calendar = [start.astimezone(zone).date() for start in starts_of_days(period, zone)]
    found = dict(zip(days, values, strict=True))
    if len(found) < len(days) or not found.keys() <= set(calendar):
        return days, values
    return calendar, [found.get(day, 0.0) for day in calendar]


def _moment(label: Any, zone: ZoneInfo) -> datetime | None:
    is_short = isinstance(label, str) and len(label) < len("2026-11-24 10:00")
    return None if is_short else moment_of(label, zone)


def _cut(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1].rstrip()}…"
