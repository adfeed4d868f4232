"""The time that a run is for."""

from datetime import UTC, datetime

import pytest

from functions.dispatcher.schedule_time import schedule_time

NOW = datetime(2026, 11, 24, 13, 5, 42, 123, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, datetime(2026, 11, 24, 13, 5, tzinfo=UTC)),
        ("2026-11-24T13:00:00Z", datetime(2026, 11, 24, 13, tzinfo=UTC)),
        (" 2026-11-24t13:00:00z ", datetime(2026, 11, 24, 13, tzinfo=UTC)),
        ("2026-11-24T22:00:00+09:00", datetime(2026, 11, 24, 13, tzinfo=UTC)),
        ("2026-11-24T13:00:00.5Z", datetime(2026, 11, 24, 13, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-24T13:00:00.123456789Z", datetime(2026, 11, 24, 13, 0, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_time(header: str | None, expected: datetime) -> None:
    assert schedule_time(header, now=NOW) == expected


@pytest.mark.parametrize(
    "header",
    [
        *("", "now", "13:00", "2026-11-24", "2026-11-24T13:00:00", "2026-11-24T25:00:00Z", "2026-13-24T13:00:00Z"),
        *("20261124T130000Z", "2026-11-24 13:00:00Z", "0001-01-01T00:00:00+14:00", "2026-11-24T13:00:00Z, 14"),
        *("0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2200-01-01T00:00:01Z", "9999-12-31T23:59:59Z"),
    ],
)
def test_what_is_no_time_is_refused_by_name(header: str) -> None:
    with pytest.raises(ValueError, match="X-CloudScheduler-ScheduleTime"):
        schedule_time(header, now=NOW)
