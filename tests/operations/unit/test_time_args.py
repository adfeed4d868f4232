"""Times and durations as the operator writes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from operations.time_args import format_duration, parse_duration, parse_moment, to_json_time

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", datetime(2026, 11, 24, 13, 30, tzinfo=UTC)),
        ("90s", datetime(2026, 11, 24, 15, 28, 30, tzinfo=UTC)),
        ("1w", datetime(2026, 11, 17, 15, 30, tzinfo=UTC)),
        ("2026-11-24", datetime(2026, 11, 24, tzinfo=UTC)),
        ("2026-11-24T13:00Z", datetime(2026, 11, 24, 13, tzinfo=UTC)),
        ("2026-11-24 13:00", datetime(2026, 11, 24, 13, tzinfo=UTC)),
        ("2026-11-24T22:00+09:00", datetime(2026, 11, 24, 13, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_time_ago_or_a_date(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "2", "h", "-2h", "yesterday", "2026-13-01", "999999w", "0001-01-01T00:00+14:00"])
def test_what_is_no_moment_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_moment(text, NOW)


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("0.5s", 0.5), ("5m", 300), ("1h30m", 5400), ("2d", 172_800), ("0s", 0)]
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "-5s", "5x", "1m1h"])
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_durations_are_written_in_seconds() -> None:
    assert format_duration(timedelta(seconds=10)) == "10s"
    assert format_duration(timedelta(milliseconds=100)) == "0.1s"
    assert format_duration(timedelta(days=30)) == "2592000s"


def test_json_has_utc_with_a_z() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert to_json_time(datetime(2026, 11, 24, 22, tzinfo=tokyo)) == "2026-11-24T13:00:00Z"
    assert to_json_time(None) is None
