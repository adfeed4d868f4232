"""Reads the time that a run is for. Pure."""

import re
from datetime import datetime

from functions.shared.times.plausible_time import time_in

SCHEDULE_TIME_HEADER = "X-CloudScheduler-ScheduleTime"
"""Set by Cloud Scheduler. https://cloud.google.com/scheduler/docs/creating#http"""

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def schedule_time(header: str | None, *, now: datetime) -> datetime:
    """The time in Cloud Scheduler's header, or the present minute for a call without the header.

    A second call for the same time is the same run, so a second call by hand within one minute is the same run, too.

    Args:
        header: its value; None where the request has none.
        now: the present, in UTC.

    Raises:
        ValueError: it is not a time between 1970 and 2200, as RFC 3339 writes it. The message names the header.
    """
    if header is None:
        return now.replace(second=0, microsecond=0)
    text = header.strip().upper()
    if _RFC_3339.fullmatch(text) and (time := time_in(text)):
        return time
    raise ValueError(f"{SCHEDULE_TIME_HEADER}: not a time such as 2026-11-24T13:00:00Z")
