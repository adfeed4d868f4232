"""The schedule, against zoneinfo and against the calendar."""

import calendar
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared.times.cron import CronLine, InvalidCron
from functions.shared.times.days_off import DaysOff, OnDayOff
from functions.shared.times.period import Period, period_to_report, settled_period
from functions.shared.times.schedule import Cadence, Covers, Schedule, WorkingDay
from functions.shared.times.send_between import SendBetween

ZONES = [
    "UTC",
    "Asia/Tokyo",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # summer time of half an hour
    "Pacific/Apia",  # left out 30 December 2011
    "Africa/Casablanca",
    "America/Santiago",  # the clocks change at midnight
]

CRON_LINES = [
    "0 8 * * 1-5",
    "*/15 * * * *",
    "30 2 * * *",
    "0 */6 * * *",
    "0 8,16 * * mon,thu",
    "0 0 1 1 *",
    "15 9 29 2 *",
]

plain_schedules = st.sampled_from(Cadence).flatmap(
    lambda cadence: st.builds(
        Schedule,
        cadence=st.just(cadence),
        time_zone=st.sampled_from(ZONES).map(ZoneInfo),
        hour=st.integers(0, 23),
        minute=st.sampled_from([0, 0, 15, 30, 59]),
        weekday=st.integers(1, 7),
        day=st.integers(1, 31),
        cron=st.sampled_from(CRON_LINES).map(CronLine) if cadence is Cadence.CRON else st.none(),
        covers=st.sampled_from([None, *Covers]),
    )
)
runs_of_days = st.tuples(st.dates(date(2026, 9, 20), date(2027, 1, 31)), st.integers(1, 12))
days_off = st.builds(
    lambda runs, then: DaysOff(
        frozenset(day + timedelta(days=each) for day, number in runs for each in range(number)), then
    ),
    st.lists(runs_of_days, max_size=6),
    st.sampled_from(OnDayOff),
)
schedules = st.one_of(
    plain_schedules,
    st.builds(
        replace,
        plain_schedules,
        working_day=st.sampled_from([None, *WorkingDay]),
        days_off=days_off,
        send_between=st.sampled_from([None, "08:00-18:00", "22:15-06:00", "02:30-03:00", "07:00-06:30"]).map(
            lambda text: text and SendBetween.parse(text)
        ),
    ),
)
moments = st.one_of(
    st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  hypothesis wants them naive
    st.datetimes(datetime(2026, 9, 1), datetime(2027, 2, 28), timezones=st.just(UTC)),  # noqa: DTZ001
)


def reported(schedule: Schedule, **moments: Any) -> Period:
    period = period_to_report(schedule, **moments)
    assert period is not None
    return period


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def daily(zone: str, hour: int) -> Schedule:
    return Schedule(cadence=Cadence.DAILY, time_zone=ZoneInfo(zone), hour=hour)


@pytest.mark.parametrize(
    ("schedule", "moment", "expected"),
    [
        (daily("Asia/Tokyo", 8), utc("2026-11-24T00:00"), local("2026-11-25T08:00", "Asia/Tokyo")),
        (daily("Asia/Tokyo", 8), utc("2026-11-23T22:59"), local("2026-11-24T08:00", "Asia/Tokyo")),
        # Eight stays eight when the clocks change.
        (daily("Europe/Berlin", 8), utc("2026-03-28T08:00"), utc("2026-03-29T06:00")),
        (daily("Europe/Berlin", 8), utc("2026-10-24T08:00"), utc("2026-10-25T07:00")),
        # 02:00 does not exist on 29 March: the next moment that does is 03:00, which is 01:00 UTC.
        (daily("Europe/Berlin", 2), utc("2026-03-28T12:00"), utc("2026-03-29T01:00")),
        # 02:00 comes twice on 25 October: the first time counts, and only that.
        (daily("Europe/Berlin", 2), utc("2026-10-24T12:00"), utc("2026-10-25T00:00")),
        (daily("Europe/Berlin", 2), utc("2026-10-25T00:00"), utc("2026-10-26T01:00")),
        # Samoa left out 30 December 2011 as a whole: no report for a day that was not.
        (daily("Pacific/Apia", 1), utc("2011-12-29T11:00"), utc("2011-12-30T11:00")),
        # Midnight does not exist in Santiago when summer time begins.
        (daily("America/Santiago", 0), utc("2026-09-05T12:00"), utc("2026-09-06T04:00")),
        (
            Schedule(cadence=Cadence.WEEKLY, time_zone=ZoneInfo("UTC"), hour=9, weekday=1),
            utc("2026-11-24T10:00"),
            utc("2026-11-30T09:00"),
        ),
        # The 31st is the last day of a shorter month.
        (
            Schedule(cadence=Cadence.MONTHLY, time_zone=ZoneInfo("UTC"), hour=9, day=31),
            utc("2028-01-31T09:00"),
            utc("2028-02-29T09:00"),
        ),
        # Hours of a zone at 5:30 are whole there, not in UTC.
        (
            Schedule(cadence=Cadence.HOURLY, time_zone=ZoneInfo("Asia/Kolkata")),
            utc("2026-11-24T10:00"),
            utc("2026-11-24T10:30"),
        ),
        # Both of the hours called two.
        (
            Schedule(cadence=Cadence.HOURLY, time_zone=ZoneInfo("Europe/Berlin")),
            utc("2026-10-25T00:00"),
            utc("2026-10-25T01:00"),
        ),
    ],
)
def test_after(schedule: Schedule, moment: datetime, expected: datetime) -> None:
    assert schedule.after(moment) == expected


@given(schedule=schedules, moment=moments)
def test_due_times_follow_one_another(schedule: Schedule, moment: datetime) -> None:
    following = schedule.after(moment)
    last = schedule.at_or_before(moment)
    assert last <= moment < following
    assert schedule.after(last) == following
    assert schedule.before(following) == last
    assert schedule.at_or_before(following) == following
    assert schedule.before(last) < last


@given(schedule=plain_schedules.filter(lambda schedule: schedule.cadence is not Cadence.CRON), moment=moments)
def test_a_due_time_is_the_time_that_was_asked_for_unless_the_clocks_leap_over_it(
    schedule: Schedule, moment: datetime
) -> None:
    due = schedule.after(moment).astimezone(schedule.time_zone)
    just_before = (due.astimezone(UTC) - timedelta(microseconds=1)).astimezone(schedule.time_zone)
    is_as_asked = due.minute == schedule.minute and (schedule.cadence is Cadence.HOURLY or due.hour == schedule.hour)
    if not is_as_asked:
        assert just_before.utcoffset() != due.utcoffset()
        return
    if weeks := schedule.cadence.weeks:
        assert due.isoweekday() == schedule.weekday
        assert (due.date() - date(1970, 1, 5)).days // 7 % weeks == 0
    if months := schedule.cadence.months:
        assert due.day == schedule.day or (due + timedelta(days=1)).day == 1
        assert (due.month - 1) % months == 0


@settings(max_examples=300, deadline=None)
@given(
    schedules=st.lists(schedules, min_size=1, max_size=4),
    begin=moments,
    gaps=st.lists(st.integers(1, 200), min_size=1, max_size=60),
)
def test_no_time_is_reported_twice_or_left_out(schedules: list[Schedule], begin: datetime, gaps: list[int]) -> None:
    """Runs on time, late and missed, and a subscription of which zone, cadence, hour and `covers` change on the way."""
    run_time = begin.replace(minute=0, second=0, microsecond=0)
    next_report_at = run_time
    reported_until: datetime | None = None
    for number, hours in enumerate(gaps):
        schedule = schedules[number * len(schedules) // len(gaps)]
        if next_report_at <= run_time:
            period = reported(schedule, due_at=next_report_at, run_time=run_time, reported_until=reported_until)
            assert period.start < period.end <= run_time
            assert reported_until in (None, period.start)
            reported_until = period.end
            next_report_at = schedule.next_due(period.end)
            assert next_report_at > run_time
        run_time += timedelta(hours=hours)


def units(period: Period, zone: str) -> tuple[datetime, datetime]:
    """A period on the recipient's wall clock."""
    start, end = (moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in (period.start, period.end))
    return start, end


@settings(deadline=None)
@given(
    schedule=schedules.filter(lambda schedule: schedule.covers_calendar and schedule.cadence is not Cadence.HOURLY),
    moment=moments,
)
def test_calendar_reports_cover_whole_units_each_once(schedule: Schedule, moment: datetime) -> None:
    due_at = schedule.after(moment)
    period = reported(schedule, due_at=due_at, run_time=due_at)
    for _ in range(3):
        assert period.end <= due_at
        assert schedule.unit_start(period.start) == period.start
        assert schedule.unit_start(period.end) == period.end
        due_at = schedule.next_due(period.end)
        following = reported(schedule, due_at=due_at, run_time=due_at, reported_until=period.end)
        assert following.start == period.end
        period = following


@settings(deadline=None)
@given(schedule=schedules, reported_until=moments)
def test_the_next_due_time_is_the_first_with_something_to_report(schedule: Schedule, reported_until: datetime) -> None:
    due_at = schedule.next_due(reported_until)
    assert schedule.covered_until(due_at) > reported_until
    assert schedule.covered_until(schedule.before(due_at)) <= reported_until


CALENDAR = [
    # Sent at 8, each covers what has ended before: yesterday, last week, the last two weeks, last month, last quarter.
    ("daily", "2026-11-24T08:00", "2026-11-23T00:00", "2026-11-24T00:00"),
    ("weekly", "2026-11-23T08:00", "2026-11-16T00:00", "2026-11-23T00:00"),
    ("biweekly", "2026-11-23T08:00", "2026-11-09T00:00", "2026-11-23T00:00"),
    ("monthly", "2026-11-01T08:00", "2026-10-01T00:00", "2026-11-01T00:00"),
    ("quarterly", "2026-10-01T08:00", "2026-07-01T00:00", "2026-10-01T00:00"),
]


@pytest.mark.parametrize(("cadence", "due", "start", "end"), CALENDAR)
def test_calendar_reports_cover_what_people_call_the_last_one(cadence: str, due: str, start: str, end: str) -> None:
    zone = "America/New_York"
    schedule = Schedule(cadence=Cadence(cadence), time_zone=ZoneInfo(zone))
    due_at = local(due, zone)
    assert schedule.at_or_before(due_at) == due_at
    expected = Period(local(start, zone), local(end, zone))
    assert reported(schedule, due_at=due_at, run_time=due_at) == expected


def test_each_cadence_that_covers_the_calendar_has_its_example() -> None:
    assert {cadence for cadence, *_ in CALENDAR} == set(Cadence) - {Cadence.HOURLY, Cadence.CRON}


def test_a_report_on_working_days_covers_the_weekend_on_monday() -> None:
    schedule = Schedule(cadence=Cadence.CRON, time_zone=ZoneInfo("UTC"), cron=CronLine("0 8 * * 1-5"))
    friday = reported(schedule, due_at=utc("2026-11-20T08:00"), run_time=utc("2026-11-20T08:00"))
    assert friday == Period(utc("2026-11-19T00:00"), utc("2026-11-20T00:00"))
    monday = schedule.next_due(friday.end)
    assert monday == utc("2026-11-23T08:00")
    period = reported(schedule, due_at=monday, run_time=monday, reported_until=friday.end)
    assert period == Period(utc("2026-11-20T00:00"), utc("2026-11-23T00:00"))


def test_a_report_several_times_a_day_covers_the_time_since_the_last() -> None:
    schedule = Schedule(cadence=Cadence.CRON, time_zone=ZoneInfo("UTC"), cron=CronLine("0 8,16 * * *"))
    period = reported(schedule, due_at=utc("2026-11-24T16:00"), run_time=utc("2026-11-24T16:00"))
    assert period == Period(utc("2026-11-24T08:00"), utc("2026-11-24T16:00"))


def test_whole_hours_are_covered_by_an_hourly_report_that_is_to_cover_the_calendar() -> None:
    schedule = Schedule(cadence=Cadence.HOURLY, time_zone=ZoneInfo("UTC"), minute=15, covers=Covers.CALENDAR)
    period = reported(schedule, due_at=utc("2026-11-24T16:15"), run_time=utc("2026-11-24T16:30"))
    assert period == Period(utc("2026-11-24T15:00"), utc("2026-11-24T16:00"))
    assert schedule.next_due(period.end) == utc("2026-11-24T17:15")


def test_a_missed_time_is_caught_up_by_one_report() -> None:
    hourly = Schedule(cadence=Cadence.HOURLY, time_zone=ZoneInfo("UTC"))
    period = reported(hourly, due_at=utc("2026-11-24T10:00"), run_time=utc("2026-11-24T13:00"))
    assert (period.start, period.end) == (utc("2026-11-24T09:00"), utc("2026-11-24T13:00"))
    assert hourly.next_due(period.end) == utc("2026-11-24T14:00")


def test_missed_days_are_caught_up_by_one_report() -> None:
    day = daily("UTC", 8)
    period = reported(
        day, due_at=utc("2026-11-21T08:00"), run_time=utc("2026-11-24T09:00"), reported_until=utc("2026-11-20T00:00")
    )
    assert period == Period(utc("2026-11-20T00:00"), utc("2026-11-24T00:00"))
    assert day.next_due(period.end) == utc("2026-11-25T08:00")


def test_a_zero_time_means_that_nothing_has_been_reported() -> None:
    now, zero = utc("2026-11-24T08:00"), datetime(1, 1, 1, tzinfo=UTC)
    assert reported(daily("UTC", 8), due_at=now, run_time=now, reported_until=zero) == reported(
        daily("UTC", 8), due_at=now, run_time=now
    )


def test_a_new_user_is_told_of_the_last_whole_period() -> None:
    weekly = Schedule(cadence=Cadence.WEEKLY, time_zone=ZoneInfo("UTC"), hour=8, weekday=1)
    now = utc("2026-11-26T13:00")
    period = reported(weekly, due_at=now, run_time=now)
    assert period == Period(utc("2026-11-16T00:00"), utc("2026-11-23T00:00"))
    assert weekly.next_due(period.end) == utc("2026-11-30T08:00")


def test_a_due_time_that_was_set_back_gets_no_report_of_what_was_reported() -> None:
    day, until = daily("UTC", 8), utc("2026-11-24T00:00")
    due_at = utc("2026-11-20T08:00")
    assert period_to_report(day, due_at=due_at, run_time=due_at, reported_until=until) is None
    # A late run finds something that is left to report.
    period = reported(day, due_at=due_at, run_time=utc("2026-11-26T09:00"), reported_until=until)
    assert period == Period(until, utc("2026-11-26T00:00"))


CLOCKS_CHANGE = [
    ("Europe/Berlin", "2026-10-24T22:00"),
    ("America/New_York", "2026-11-01T03:00"),
    ("Australia/Lord_Howe", "2026-04-04T12:00"),
    ("Europe/Berlin", "2026-03-28T22:00"),
]
"""Zones, and a time some hours before."""


@pytest.mark.parametrize(
    ("line", "zone", "begin"),
    [
        *(
            (line, *change)
            for line in ("*/15 * * * *", "*/5 * * * *", "*/5 1-3 * * *", "0,30 1,2 * * *")
            for change in CLOCKS_CHANGE
        ),
        # It takes as long as all the others.
        pytest.param("* * * * *", *CLOCKS_CHANGE[0], marks=pytest.mark.thorough),
    ],
)
def test_a_cron_line_with_several_due_times_an_hour_has_all_of_them_when_the_clocks_change(
    line: str, zone: str, begin: str
) -> None:
    """Beside a walk of the wall clock, minute by minute. A line that names hours counts a repeated hour once, and times
    that are skipped at the end of the gap, once."""
    schedule = Schedule(cadence=Cadence.CRON, time_zone=ZoneInfo(zone), cron=CronLine(line))
    start, end = utc(begin), utc(begin) + timedelta(hours=7)
    expected = [moment for moment in due_by_the_clock(line, zone, start - timedelta(hours=3), end) if moment > start]
    moment, found = schedule.after(start), []
    while moment < end:
        found.append(moment)
        assert schedule.at_or_before(moment + timedelta(seconds=30)) == moment
        moment = schedule.after(moment)
    assert found == expected


def due_by_the_clock(line: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    is_by_hours_passed = line.split()[1].startswith("*")
    found, shown, moment = [], set(), start
    local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    while moment < end:
        before, local = local, moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        skipped = local - before - timedelta(minutes=1)
        # The moment at which the clocks leap stands for all that they leap over.
        names = [local, *(before + timedelta(minutes=1 + each) for each in range(int(skipped.total_seconds()) // 60))]
        if any(croniter.match(line, name) and (is_by_hours_passed or name not in shown) for name in names):
            found.append(moment)
        shown.update(names)
        moment += timedelta(minutes=1)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "daily",
        "0 8 * *",
        "0 8 * * * *",
        "60 8 * * *",
        "0 8 30 2 *",
        "@daily",
        "0 8 L * *",
        "0 8 * * 1#2",
        "R * * * *",
    ],
)
def test_what_is_no_cron_line_is_refused(text: str) -> None:
    with pytest.raises(InvalidCron):
        CronLine(text)


def test_a_cron_line_that_names_an_hour_is_due_once_when_clocks_go_back_and_one_that_counts_hours_twice() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    by_name = Schedule(cadence=Cadence.CRON, time_zone=berlin, cron=CronLine("30 2 * * *"))
    assert by_name.after(utc("2026-10-25T00:30")) == utc("2026-10-26T01:30")
    by_count = Schedule(cadence=Cadence.CRON, time_zone=berlin, cron=CronLine("30 * * * *"))
    assert by_count.after(utc("2026-10-25T00:30")) == utc("2026-10-25T01:30")


TRANSITIONS = {
    "Europe/Berlin": ["2026-03-29T01:00", "2026-10-25T01:00"],
    "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00"],
    "America/Santiago": ["2026-04-05T03:00", "2026-09-06T04:00"],
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],
    "Africa/Casablanca": ["2026-02-15T02:00", "2026-03-22T02:00"],
    "Pacific/Apia": ["2011-12-30T10:00", "2012-03-31T14:00"],
    "Asia/Kathmandu": ["2026-06-01T00:00"],
}


@st.composite
def around_a_change_of_the_clocks(draw: st.DrawFn) -> tuple[str, datetime]:
    zone = draw(st.sampled_from(sorted(TRANSITIONS)))
    change = utc(draw(st.sampled_from(TRANSITIONS[zone])))
    return zone, change + timedelta(minutes=draw(st.integers(-3 * 24 * 60, 3 * 24 * 60)))


def walked(schedule: Schedule, begin: datetime, days: int) -> Iterator[datetime]:
    """Due times, found as a person with a wall clock would: minute by minute, looking at the clock.

    A time of day is due when the clock first shows it, or has leaped over it, on a day that is meant.
    """
    previous = begin.astimezone(schedule.time_zone).replace(tzinfo=None)
    done: set[date] = set()
    for minute in range(1, days * 24 * 60):
        moment = begin + timedelta(minutes=minute)
        shown = moment.astimezone(schedule.time_zone).replace(tzinfo=None)
        if schedule.cadence is Cadence.HOURLY:
            if shown.minute == 0:
                yield moment
            elif previous.hour != shown.hour and shown > previous:
                # The clock has leaped over the full hour.
                yield moment
        else:
            for day in {previous.date(), shown.date()} - done:
                due = datetime.combine(day, datetime.min.time()).replace(hour=schedule.hour)
                if previous < due <= shown:
                    done.add(day)
                    yield moment
        previous = shown


@settings(max_examples=60, deadline=None)
@given(
    place=around_a_change_of_the_clocks(),
    cadence=st.sampled_from([Cadence.HOURLY, Cadence.DAILY]),
    hour=st.integers(0, 23),
)
def test_due_times_are_those_of_a_wall_clock_whatever_the_clocks_do(
    place: tuple[str, datetime], cadence: Cadence, hour: int
) -> None:
    zone, moment = place
    begin = moment.replace(second=0, microsecond=0) - timedelta(days=2)
    schedule = Schedule(cadence=cadence, time_zone=ZoneInfo(zone), hour=hour)
    seen = list(walked(schedule, begin, days=4))
    # The walk knows nothing of what was shown before it began.
    start = begin + timedelta(days=1)
    computed, last = [], start
    while (last := schedule.after(last)) <= begin + timedelta(days=4) - timedelta(minutes=1):
        computed.append(last)
    assert computed == [each for each in seen if each > start]


def test_hours_go_on_where_a_zone_leaves_a_whole_day_out() -> None:
    """Samoa went from 29 December 2011, 23:59, to 31 December."""
    hourly = Schedule(cadence=Cadence.HOURLY, time_zone=ZoneInfo("Pacific/Apia"))
    leap = utc("2011-12-30T10:00")
    assert hourly.before(leap) == leap - timedelta(hours=1)
    assert hourly.at_or_before(leap) == leap
    assert hourly.at_or_before(leap - timedelta(microseconds=1)) == leap - timedelta(hours=1)
    assert hourly.after(leap - timedelta(hours=1)) == leap
    assert hourly.after(leap) == leap + timedelta(hours=1)


@settings(max_examples=60, deadline=None)
@given(place=around_a_change_of_the_clocks(), cadence=st.sampled_from(Cadence), hour=st.integers(0, 23))
def test_due_times_follow_one_another_whatever_the_clocks_do(
    place: tuple[str, datetime], cadence: Cadence, hour: int
) -> None:
    zone, moment = place
    cron = CronLine(f"*/20 {hour} * * *") if cadence is Cadence.CRON else None
    schedule = Schedule(cadence=cadence, time_zone=ZoneInfo(zone), hour=hour, cron=cron)
    last, following = schedule.at_or_before(moment), schedule.after(moment)
    assert last <= moment < following
    assert schedule.before(following) == last
    assert schedule.after(last) == following
    assert schedule.before(last) < last


@pytest.mark.parametrize("year", [2026, 2028])
@pytest.mark.parametrize("day", range(1, 32))
def test_each_month_has_one_due_day_and_a_shorter_one_its_last(year: int, day: int) -> None:
    schedule = Schedule(cadence=Cadence.MONTHLY, time_zone=ZoneInfo("Asia/Kathmandu"), hour=9, day=day)
    moment = local(f"{year}-01-01T00:00", "Asia/Kathmandu") - timedelta(seconds=1)
    for month in range(1, 13):
        moment = schedule.after(moment)
        due = moment.astimezone(schedule.time_zone)
        expected = min(day, calendar.monthrange(year, month)[1])
        assert (due.year, due.month, due.day, due.hour, due.minute) == (year, month, expected, 9, 0)


@pytest.mark.parametrize("weekday", range(1, 8))
@pytest.mark.parametrize(("cadence", "days"), [(Cadence.WEEKLY, 7), (Cadence.BIWEEKLY, 14)])
def test_weeks_are_seven_days_of_the_users_own_calendar(weekday: int, cadence: Cadence, days: int) -> None:
    schedule = Schedule(cadence=cadence, time_zone=ZoneInfo("Europe/Berlin"), hour=8, weekday=weekday)
    moment = utc("2026-01-01T00:00")
    dues = []
    for _ in range(60):
        moment = schedule.after(moment)
        dues.append(moment.astimezone(schedule.time_zone))
    assert {(due.isoweekday(), due.hour) for due in dues} == {(weekday, 8)}
    assert {(after.date() - before.date()).days for before, after in pairwise(dues)} == {days}


def test_a_user_who_moves_east_in_the_middle_of_a_day_misses_no_hour() -> None:
    berlin, tokyo = daily("Europe/Berlin", 8), daily("Asia/Tokyo", 8)
    first = reported(berlin, due_at=utc("2026-11-24T07:00"), run_time=utc("2026-11-24T07:00"))
    assert first.end == local("2026-11-24T00:00", "Europe/Berlin")
    # The pipeline has set the next report by the old zone; the application then changes the zone.
    promised = berlin.next_due(first.end)
    second = reported(tokyo, due_at=promised, run_time=promised, reported_until=first.end)
    assert second == Period(first.end, local("2026-11-25T00:00", "Asia/Tokyo"))
    assert tokyo.next_due(second.end) == local("2026-11-26T08:00", "Asia/Tokyo")


def some_schedule(cadence: Cadence, zone: ZoneInfo, covers: Covers | None) -> Schedule:
    cron = CronLine("30 6 * * 2") if cadence is Cadence.CRON else None
    return Schedule(cadence=cadence, time_zone=zone, cron=cron, covers=covers)


@pytest.mark.parametrize("covers", [None, *Covers])
@pytest.mark.parametrize("after", list(Cadence))
@pytest.mark.parametrize("before", list(Cadence))
def test_a_user_who_changes_cadence_is_told_of_the_time_in_between_once(
    before: Cadence, after: Cadence, covers: Covers | None
) -> None:
    zone = ZoneInfo("America/New_York")
    old, new = some_schedule(before, zone, None), some_schedule(after, zone, covers)
    first_end = old.covered_until(utc("2026-11-20T15:00"))
    promised = old.next_due(first_end)
    second = reported(new, due_at=promised, run_time=promised, reported_until=first_end)
    assert second.start == first_end
    assert first_end < second.end <= promised
    following = new.next_due(second.end)
    third = reported(new, due_at=following, run_time=following, reported_until=second.end)
    assert third.start == second.end
    assert second.end < third.end <= following


HOUR_BEFORE, HOUR_AFTER = (datetime(2026, 11, 24, hour, tzinfo=UTC) for hour in (12, 14))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (None, None),
        (HOUR_BEFORE, None),
        (HOUR_BEFORE, "then"),
        (HOUR_AFTER, HOUR_BEFORE),
        (datetime(1, 1, 1, tzinfo=UTC), HOUR_BEFORE),
        (HOUR_BEFORE, datetime(2199, 1, 1, tzinfo=UTC)),
        (HOUR_BEFORE, datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_record_of_a_period_that_no_attempt_has_settled_on(start: Any, end: Any) -> None:
    assert settled_period(start, end, latest=HOUR_AFTER) is None


def test_a_period_that_an_attempt_has_settled_on() -> None:
    assert settled_period(HOUR_BEFORE, HOUR_AFTER, latest=HOUR_AFTER) == Period(HOUR_BEFORE, HOUR_AFTER)
