"""What a wall clock in a time zone shows, and when it shows a time first. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def is_shown(local: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock ever shows a local time."""
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    return moment.astimezone(zone).replace(tzinfo=None) == local


def first_shown(local: datetime, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """The moment, in UTC, at which the clock shows a local time, or leaps over it.

    Args:
        local: the time, without a zone.
        zone: where the clock hangs.
        fold: 1 for the second time that it shows it, where it does so twice.
    """
    moment = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local:
        return moment
    return _end_of_gap(local, zone)


def shown_at(moment: datetime, zone: ZoneInfo) -> datetime:
    """What the clock shows at a moment, without a zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, at which a day begins."""
    return first_shown(datetime.combine(day, time()), zone)


def _end_of_gap(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the clock leaped over a local time.

    With the offset from before the leap, a time in the gap comes after the leap; with the offset from afterward, it
    comes before the leap. The leap is the moment between the two at which the offset changes.
    """
    after = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    offset_before = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset_before:
            before = middle
        else:
            after = middle
    return after
