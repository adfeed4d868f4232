"""Times and durations as the operator types and reads them. Pure."""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d{1,9})?)s)?", re.ASCII)


def parse_moment(text: str, now: datetime) -> datetime:
    """Read a moment: how long ago (`90s`, `30m`, `2h`, `3d`, `1w`), or a date or time of ISO 8601.

    A date alone is its midnight; without an offset, UTC is meant, as in everything that the command prints.

    Raises:
        ValueError: the text is neither.
    """
    text = text.strip()
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time: write 2h, 3d, 2026-11-24 or 2026-11-24T13:00Z") from None


def parse_duration(text: str) -> timedelta:
    """Read a duration as gcloud takes it: `10s`, `0.5s`, `5m`, `1h30m`, `2d`.

    Raises:
        ValueError: the text is not a duration. Nor is a bare number, since its unit would be a guess.
    """
    match = _DURATION.fullmatch(text.strip())
    if not match or not any(match.groups()):
        raise ValueError(f"{text!r} is not a duration: write it with its unit, as in 10s, 5m or 1h30m")
    days, hours, minutes, seconds = (float(number or 0) for number in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError(f"{text!r} is too long") from None


def format_duration(duration: timedelta) -> str:
    """Write a duration in seconds, as queue.yaml has it: `10s`, `0.5s`."""
    return f"{duration.total_seconds():g}s" if duration < timedelta(days=10) else f"{duration // timedelta(seconds=1)}s"


def to_json_time(moment: datetime | None) -> str | None:
    """Write a moment as JSON has it: ISO 8601 in UTC with a Z."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_table_time(moment: datetime | None) -> str:
    """Write a moment as JSON has it, to the second."""
    return to_json_time(moment.replace(microsecond=0)) or "" if moment else ""
