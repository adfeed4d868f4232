"""The days of a user's own calendar."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from functions.shared.times.period import Period


def starts_of_days(period: Period, zone: ZoneInfo) -> Iterator[datetime]:
    """The moments at which the days of a period begin, in UTC and in order; the first is the period's own start.

        >>> [day.isoformat() for day in starts_of_days(request.period, ZoneInfo("Europe/Berlin"))]
        ['2026-11-23T00:00:00+00:00', '2026-11-23T23:00:00+00:00']

    A day that the zone left out, as Samoa did 30 December 2011 to cross the date line, is none.

    Args:
        period: whose days.
        zone: whose midnight is meant.
    """
    last = period.start
    yield last
    day = period.start.astimezone(zone).date()
    while True:
        day += timedelta(days=1)
        midnight = datetime.combine(day, time(), zone).astimezone(UTC)
        if midnight >= period.end:
            return
        if midnight > last:
            yield midnight
            last = midnight
