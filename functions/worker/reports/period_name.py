"""Periods, named as people say them: "Tuesday 24 November 2026", "16 – 22 November 2026"."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime

from functions.shared.schedule import Period


def period_name(period: Period, zone: ZoneInfo, locale: str = "en") -> str:
    """Name a period by the calendar and clock of a time zone.

    Args:
        period: what to name.
        zone: whose days and hours are meant.
        locale: the language, as Babel knows it.
    """
    start, end = period.start.astimezone(zone), period.end.astimezone(zone)
    if start.time() == time() == end.time():
        return _name_of_days(start, end, locale)
    if start.date() == (end - timedelta(microseconds=1)).date():
        day = format_date(start, "EEEE d MMMM y", locale)
        return f"{day}, {_clock(start, end, locale)} – {_clock(end, start, locale)}"
    return f"{_moment(start, end, locale)} – {_moment(end, start, locale)}"


def _name_of_days(start: datetime, end: datetime, locale: str) -> str:
    last = (end - timedelta(days=1)).date()
    first = start.date()
    if first == last:
        return format_date(first, "EEEE d MMMM y", locale)
    if first.day == 1 and end.day == 1 and (first.year, first.month) == (last.year, last.month):
        return format_date(first, "LLLL y", locale)
    until = format_date(last, "d MMMM y", locale)
    if (first.year, first.month) == (last.year, last.month):
        return f"{format_date(first, 'd', locale)} – {until}"
    pattern = "d MMMM" if first.year == last.year else "d MMMM y"
    return f"{format_date(first, pattern, locale)} – {until}"


def _moment(moment: datetime, other: datetime, locale: str) -> str:
    pattern = "EEE d MMMM" if moment.year == other.year and moment < other else "EEE d MMMM y"
    return f"{format_datetime(moment, pattern, locale=locale)}, {_clock(moment, other, locale)}"


def _clock(moment: datetime, other: datetime, locale: str) -> str:
    """The time of day; with its offset where the two ends of the period have different ones."""
    pattern = "HH:mm" if moment.utcoffset() == other.utcoffset() else "HH:mm ZZZZ"
    return format_datetime(moment, pattern, locale=locale)
