"""Names of attached files."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from functions.shared.times.period import Period


def dated(name: str, period: Period, zone: ZoneInfo) -> str:
    """A name with the day on which a period begins, and the time of day where it is shorter than a day.

        >>> dated("orders", request.period, request.time_zone)
        'orders-2026-11-23'

    Args:
        name: such as `sales`.
        period: what the file is about.
        zone: whose day and time are meant.
    """
    start = period.start.astimezone(zone)
    # The day on which the clocks go forward has 23 hours.
    is_short = period.end - period.start < timedelta(hours=23)
    return f"{name}-{start:%Y-%m-%d-%H%M}" if is_short else f"{name}-{start:%Y-%m-%d}"


def with_suffix(filename: str, suffix: str) -> str:
    """The name with its suffix, which is added if it lacks it.

    Args:
        filename: such as `sales`.
        suffix: such as `.csv`.
    """
    return filename if filename.lower().endswith(suffix) else f"{filename}{suffix}"
