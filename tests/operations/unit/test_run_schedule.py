"""When runs are due, in the zone of scheduler.yaml."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from functions.shared.times.cron import CronLine
from operations.runs.run_schedule import RunSchedule


@pytest.mark.parametrize(
    ("line", "zone", "now", "preceding", "following"),
    [
        ("0 * * * *", "Etc/UTC", "2026-11-24T13:20", "2026-11-24T13:00", "2026-11-24T14:00"),
        ("0 8 * * *", "Europe/Berlin", "2026-11-24T13:20", "2026-11-24T07:00", "2026-11-25T07:00"),
        ("0 8 * * *", "Europe/Berlin", "2026-07-24T05:20", "2026-07-23T06:00", "2026-07-24T06:00"),
        ("30 6 * * 1", "Asia/Tokyo", "2026-11-24T13:20", "2026-11-22T21:30", "2026-11-29T21:30"),
    ],
)
def test_runs_are_due_by_the_wall_clock_of_the_zone(
    line: str, zone: str, now: str, preceding: str, following: str
) -> None:
    schedule = RunSchedule(CronLine(line), ZoneInfo(zone))
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    found = (schedule.preceding(moment), schedule.following(moment))
    assert [f"{each:%Y-%m-%dT%H:%M}" for each in found] == [preceding, following]


def test_the_schedule_is_that_of_the_file() -> None:
    schedule = RunSchedule.read()
    assert (schedule.line.text, schedule.zone.key) == ("0 * * * *", "Etc/UTC")
