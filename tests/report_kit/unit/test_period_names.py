"""Periods as people call them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from functions.shared.times.period import Period, unit_before
from functions.shared.times.schedule import Cadence, Schedule
from report_kit.language import language_for
from report_kit.period_names import period_name


@pytest.mark.parametrize(
    ("locale", "zone", "start", "end", "name"),
    [
        ("en", "UTC", "2026-11-24T13:00", "2026-11-24T14:00", "Tuesday 24 November, 13:00–14:00"),
        ("en", "Asia/Tokyo", "2026-11-24T13:00", "2026-11-24T14:00", "Tuesday 24 November, 22:00–23:00"),
        ("en", "Asia/Kolkata", "2026-11-24T13:30", "2026-11-24T14:30", "Tuesday 24 November, 19:00–20:00"),
        ("en", "UTC", "2026-11-24T23:00", "2026-11-25T00:00", "Tuesday 24 November, 23:00–00:00"),
        ("en", "Asia/Tokyo", "2026-11-23T15:00", "2026-11-24T15:00", "Tuesday 24 November"),
        ("en", "UTC", "2026-11-23T08:00", "2026-11-24T08:00", "Mon 23 Nov, 08:00 – Tue 24 Nov, 08:00"),
        ("en", "UTC", "2026-12-31T08:00", "2027-01-01T08:00", "Thu, 31 Dec 2026, 08:00 – Fri, 1 Jan 2027, 08:00"),
        ("en", "UTC", "2026-11-16T00:00", "2026-11-23T00:00", "16–22 Nov"),
        ("en", "UTC", "2026-11-30T00:00", "2026-12-07T00:00", "30 Nov – 6 Dec"),
        ("en", "UTC", "2026-12-28T00:00", "2027-01-04T00:00", "28 Dec 2026 – 3 Jan 2027"),
        ("en", "UTC", "2026-11-01T00:00", "2026-12-01T00:00", "November 2026"),
        ("en", "UTC", "2026-10-01T00:00", "2026-12-01T00:00", "1 Oct – 30 Nov"),
        ("en", "UTC", "2026-07-01T00:00", "2026-10-01T00:00", "3rd quarter 2026"),
        ("en", "UTC", "2026-10-01T00:00", "2027-01-01T00:00", "4th quarter 2026"),
        ("en", "UTC", "2026-08-01T00:00", "2026-11-01T00:00", "1 Aug – 31 Oct"),
        ("ja", "UTC", "2026-07-01T00:00", "2026-10-01T00:00", "2026年第3四半期"),
        # The clocks went forward that day, and back on the other: a day all the same.
        ("en", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00", "Sunday 29 March"),
        ("en", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00", "Sunday 25 October"),
        # The hour that comes twice.
        (
            "en",
            "Europe/Berlin",
            "2026-10-25T00:00",
            "2026-10-25T01:00",
            "Sunday 25 October, 02:00 GMT+02:00–02:00 GMT+01:00",
        ),
        ("en-US", "UTC", "2026-11-24T13:00", "2026-11-24T14:00", "Tue, Nov 24, 1:00 PM–2:00 PM"),
        ("ja", "Asia/Tokyo", "2026-11-23T15:00", "2026-11-24T15:00", "11月24日(火)"),
        ("ja", "Asia/Tokyo", "2026-11-24T13:00", "2026-11-24T14:00", "11月24日(火) 22:00~23:00"),
        ("ja", "UTC", "2026-11-23T08:00", "2026-11-24T08:00", "11月23日(月) 8:00~11月24日(火) 8:00"),
        ("ja", "UTC", "2026-11-16T00:00", "2026-11-23T00:00", "11月16日~22日"),
        ("ja", "UTC", "2026-11-01T00:00", "2026-12-01T00:00", "2026年11月"),
    ],
)
def test_period_name(locale: str, zone: str, start: str, end: str, name: str) -> None:
    period = Period(*(datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in (start, end)))
    # CLDR sets ranges with thin spaces and full-width waves, which look alike in an editor.
    said = period_name(period, ZoneInfo(zone), language_for(locale))
    assert said.replace("\u2009", " ").replace("\u202f", " ").replace("～", "~") == name


# An hour has two ends, and people call weeks by their days.
@pytest.mark.parametrize(
    "cadence", sorted(set(Cadence) - {Cadence.HOURLY, Cadence.WEEKLY, Cadence.BIWEEKLY, Cadence.CRON})
)
@pytest.mark.parametrize("locale", ["en", "ja"])
def test_what_a_cadence_covers_has_a_name_of_its_own(cadence: Cadence, locale: str) -> None:
    zone, language = ZoneInfo("UTC"), language_for(locale)
    schedule = Schedule(cadence=cadence, time_zone=zone)
    unit = unit_before(schedule, schedule.unit_start(datetime(2026, 11, 24, tzinfo=UTC)))
    last = unit.end.date() - timedelta(days=1)
    assert period_name(unit, zone, language) != language.days(unit.start.date(), last)
