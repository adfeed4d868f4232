"""When a report is due, and which time it covers."""

from enum import StrEnum


class Cadence(StrEnum):
    """How often a user is sent a report."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
