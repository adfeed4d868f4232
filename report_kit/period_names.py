"""Periods, named as people say them: "Tuesday 24 November", "16–22 Nov", 「11月24日(火)」."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_gmt

from functions.shared.times.period import Period
from report_kit.language import Language


def period_name(period: Period, zone: ZoneInfo, language: Language) -> str:
    """Name a period by the calendar and clock of a time zone.

        >>> period_name(request.period, request.time_zone, language)
        'Monday 23 November'

    The year is left out, as people do, except of a month and where a period lies in two of them.

    Args:
        period: what to name.
        zone: whose days and hours are meant.
        language: in which to name it.
    """
    start, end = period.start.astimezone(zone), period.end.astimezone(zone)
    if start.time() == time() == end.time():
        return _name_of_days(start, end, language)
    start_time, end_time = _clock(start, end, language), _clock(end, start, language)
    if start.date() == (end - timedelta(microseconds=1)).date():
        return language.gettext("{day}, {start}–{end}").format(
            day=language.day(start.date()), start=start_time, end=end_time
        )
    fields = "MMMEd" if start.year == end.year else "yMMMEd"
    return language.gettext("{first_day}, {start} – {last_day}, {end}").format(
        first_day=language.skeleton(start.date(), fields),
        start=start_time,
        last_day=language.skeleton(end.date(), fields),
        end=end_time,
    )


def _name_of_days(start: datetime, end: datetime, language: Language) -> str:
    first, last = start.date(), (end - timedelta(days=1)).date()
    if first == last:
        return language.day(first)
    if first.day == 1 and end.day == 1 and (first.year, first.month) == (last.year, last.month):
        return language.month(first)
    if first.day == 1 and end.day == 1 and first.month % 3 == 1 and _months(first, end.date()) == 3:
        return language.quarter(first)
    return language.days(first, last)


def _months(first: date, after: date) -> int:
    return (after.year - first.year) * 12 + after.month - first.month


def _clock(moment: datetime, other: datetime, language: Language) -> str:
    """The time of day; with its offset where the two ends of the period have different ones."""
    text = language.time(moment)
    if moment.utcoffset() == other.utcoffset():
        return text
    return f"{text} {get_timezone_gmt(moment, 'long', locale=language.locale)}"
