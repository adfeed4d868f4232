"""Days off, working days and hours of the day, beside a walk of the wall clock: none of it is the schedule's code."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared.times.cron import CronLine
from functions.shared.times.days_off import DaysOff, OnDayOff
from functions.shared.times.period import Period, period_to_report
from functions.shared.times.schedule import Cadence, Covers, Schedule, WorkingDay
from functions.shared.times.send_between import SendBetween

BERLIN = ZoneInfo("Europe/Berlin")
CHRISTMAS = frozenset({date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 1)})
STEP = timedelta(minutes=30)
DAY = timedelta(days=1)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def schedule(
    cadence: str = "daily", *, then: str = "move", dates: frozenset[date] = CHRISTMAS, **fields: object
) -> Schedule:
    return Schedule(cadence=Cadence(cadence), time_zone=BERLIN, days_off=DaysOff(dates, OnDayOff(then)), **fields)  # type: ignore[arg-type]


def reports(of: Schedule, since: str, until: str) -> list[tuple[str, str, str]]:
    """The due times between two, each with what its report covers, as the wall clock shows them."""
    found, reported_until, end = [], of.covered_until(of.before(local(since))), local(until)
    while (due_at := of.next_due(reported_until)) < end:
        period = period_to_report(of, due_at=due_at, run_time=due_at, reported_until=reported_until)
        assert period is not None
        shown = (each.astimezone(BERLIN).strftime("%m-%dT%H:%M") for each in (due_at, *period))
        found.append(tuple(shown))
        reported_until = period.end
    return found  # type: ignore[return-value]


def test_a_daily_report_comes_not_on_days_off_and_the_next_one_covers_them() -> None:
    # The 26th is a Saturday, and the day after is not off. What is moved comes with Monday's.
    assert reports(schedule(), "2026-12-23T00:00", "2026-12-29T00:00") == [
        ("12-23T08:00", "12-22T00:00", "12-23T00:00"),
        ("12-27T08:00", "12-23T00:00", "12-27T00:00"),
        ("12-28T08:00", "12-27T00:00", "12-28T00:00"),
    ]


@pytest.mark.parametrize(
    ("then", "due", "start", "end"),
    [("move", "12-28T08:00", "12-14T00:00", "12-21T00:00"), ("skip", "01-08T08:00", "12-14T00:00", "01-04T00:00")],
)
def test_a_weekly_report_moves_to_the_next_working_day_or_is_left_out(
    then: str, due: str, start: str, end: str
) -> None:
    fridays = schedule("weekly", weekday=5, then=then)
    assert reports(fridays, "2026-12-19T00:00", "2027-01-20T00:00")[0] == (due, start, end)


def test_what_moves_past_the_end_of_its_week_covers_what_it_would_have() -> None:
    sundays = schedule("weekly", weekday=7, dates=frozenset({date(2026, 11, 29)}))
    assert reports(sundays, "2026-11-23T00:00", "2026-12-14T00:00") == [
        ("11-30T08:00", "11-16T00:00", "11-23T00:00"),
        ("12-06T08:00", "11-23T00:00", "11-30T00:00"),
        ("12-13T08:00", "11-30T00:00", "12-07T00:00"),
    ]


@pytest.mark.parametrize(
    ("working_day", "dates", "dues"),
    [
        ("first", frozenset(), ["10-01", "11-02", "12-01", "01-01"]),
        ("first", CHRISTMAS, ["10-01", "11-02", "12-01", "01-04"]),
        ("last", frozenset(), ["10-30", "11-30", "12-31", "01-29"]),
        ("last", CHRISTMAS | {date(2026, 12, 31)}, ["10-30", "11-30", "12-30", "01-29"]),
        # A month without a working day.
        ("last", frozenset(date(2026, 11, 1) + each * DAY for each in range(30)), ["10-30", "12-01", "12-31", "01-29"]),
    ],
)
def test_the_first_and_the_last_working_day_of_a_month(
    working_day: str, dates: frozenset[date], dues: list[str]
) -> None:
    monthly = schedule("monthly", working_day=WorkingDay(working_day), dates=dates)
    moment, found = local("2026-10-01T00:00"), []
    for _ in dues:
        moment = monthly.after(moment)
        found.append(f"{moment.astimezone(BERLIN):%m-%d}")
    assert found == dues


def test_reports_outside_the_hours_wait_and_one_covers_all_the_time() -> None:
    hourly = schedule("hourly", dates=frozenset(), send_between=SendBetween.parse("08:00-18:00"))
    assert reports(hourly, "2026-11-23T16:30", "2026-11-24T09:30") == [
        ("11-23T17:00", "11-23T16:00", "11-23T17:00"),
        ("11-24T08:00", "11-23T17:00", "11-24T08:00"),
        ("11-24T09:00", "11-24T08:00", "11-24T09:00"),
    ]


def test_hours_may_go_across_midnight() -> None:
    nights = schedule(dates=frozenset(), hour=12, send_between=SendBetween.parse("22:00-06:00"))
    assert reports(nights, "2026-11-23T06:00", "2026-11-24T23:00") == [
        ("11-23T22:00", "11-22T00:00", "11-23T00:00"),
        ("11-24T22:00", "11-23T00:00", "11-24T00:00"),
    ]


def test_what_waits_for_a_day_off_moves_on() -> None:
    evenings = schedule(hour=20, send_between=SendBetween.parse("08:00-18:00"))
    # Wednesday's waits until Thursday, the 24th.
    assert reports(evenings, "2026-12-23T09:00", "2026-12-27T09:00")[0][0] == "12-27T08:00"


@pytest.mark.parametrize(
    "text", ["", "8-18", "08:00-24:00", "08:00-08:00", "25:00-08:00", "08:00–18:00", "08:00-18:00 "]
)
def test_what_are_no_hours(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        SendBetween.parse(text)


CRONS = ["0 8 * * 1-5", "30 6,20 * * *", "0 */3 * * *", "*/30 * * * 5", "0 8 1,15 * *"]
DATES = st.frozensets(st.dates(date(2026, 10, 10), date(2026, 11, 30)), max_size=12)
HOURS = [None, ("08:00", "18:00"), ("21:30", "06:00"), ("12:00", "11:30"), ("00:00", "23:30")]


def is_due(of: Schedule, shown: datetime) -> bool:
    """Whether the cadence has a due time when the wall clock shows a time. It is never near a leap of the clocks."""
    if of.cadence is Cadence.HOURLY:
        return shown.minute == of.minute
    if (shown.hour, shown.minute) != (of.hour, of.minute):
        return False
    match of.cadence:
        case Cadence.WEEKLY:
            return shown.isoweekday() == of.weekday
        case Cadence.MONTHLY if of.working_day:
            days = [each for each in month_of(shown.date()) if each.weekday() < 5 and each not in of.days_off.dates]
            days = days or month_of(shown.date())
            return shown.date() == (days[0] if of.working_day is WorkingDay.FIRST else days[-1])
        case Cadence.MONTHLY:
            return shown.day == min(of.day, month_of(shown.date())[-1].day)
    return True


def month_of(day: date) -> list[date]:
    days = [day.replace(day=1) + each * DAY for each in range(31)]
    return [each for each in days if each.month == day.month]


def walked(of: Schedule, begin: datetime, end: datetime, hours: tuple[str, str] | None) -> Iterator[datetime]:
    """When reports come, on the wall clock."""
    shown = begin
    by_cron = set(of.cron.following(begin, 5000)) if of.cron else set()
    while shown < end:
        if shown in by_cron if of.cron else is_due(of, shown):
            comes = shown
            while hours and not is_within(comes.time(), *map(time.fromisoformat, hours)):
                comes += STEP
            off = comes.date() in of.days_off.dates
            if not off or of.days_off.then is OnDayOff.MOVE:
                if off:
                    comes += DAY
                    while comes.weekday() > 4 or comes.date() in of.days_off.dates:
                        comes += DAY
                yield comes
        shown += STEP


def is_within(shown: time, opens: time, closes: time) -> bool:
    return opens <= shown < closes if opens < closes else shown >= opens or shown < closes


@settings(max_examples=50, deadline=None)
@given(
    cadence=st.sampled_from([Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY, Cadence.CRON]),
    hour=st.integers(0, 23),
    minute=st.sampled_from([0, 30]),
    weekday=st.integers(1, 7),
    day=st.integers(1, 31),
    cron=st.sampled_from(CRONS),
    covers=st.sampled_from([None, *Covers]),
    working_day=st.sampled_from([None, None, *WorkingDay]),
    dates=DATES,
    then=st.sampled_from(OnDayOff),
    hours=st.sampled_from(HOURS),
    zone=st.sampled_from(["UTC", "Asia/Tokyo", "Asia/Kolkata"]),
)
def test_due_times_are_those_of_a_wall_clock(
    cadence: Cadence,
    hour: int,
    minute: int,
    weekday: int,
    day: int,
    cron: str,
    covers: Covers | None,
    working_day: WorkingDay | None,
    dates: frozenset[date],
    then: OnDayOff,
    hours: tuple[str, str] | None,
    zone: str,
) -> None:
    of = Schedule(
        cadence=cadence,
        time_zone=ZoneInfo(zone),
        hour=hour,
        minute=minute,
        weekday=weekday,
        day=day,
        cron=CronLine(cron) if cadence is Cadence.CRON else None,
        covers=covers,
        working_day=working_day,
        days_off=DaysOff(dates, then),
        send_between=SendBetween.parse("-".join(hours)) if hours else None,
    )
    begin, end = datetime(2026, 9, 1), datetime(2026, 12, 10)  # noqa: DTZ001  on the wall clock
    expected = sorted({each for each in walked(of, begin, end, hours) if each < end})
    assert list(forward(of, begin, end)) == [each for each in expected if each >= begin + 33 * DAY]
    assert list(backward(of, begin, end)) == [each for each in reversed(expected) if each >= begin + 33 * DAY]


def forward(of: Schedule, begin: datetime, end: datetime) -> Iterator[datetime]:
    moment = (begin + 33 * DAY).replace(tzinfo=of.time_zone).astimezone(UTC) - timedelta(microseconds=1)
    while (shown := (moment := of.after(moment)).astimezone(of.time_zone).replace(tzinfo=None)) < end:
        yield shown


def backward(of: Schedule, begin: datetime, end: datetime) -> Iterator[datetime]:
    moment = end.replace(tzinfo=of.time_zone).astimezone(UTC)
    while (shown := (moment := of.before(moment)).astimezone(of.time_zone).replace(tzinfo=None)) >= begin + 33 * DAY:
        yield shown


def test_a_period_before_the_first_report_is_one_unit() -> None:
    monthly = schedule("monthly", dates=frozenset({date(2026, 11, 1)}))
    due_at = monthly.after(local("2026-10-20T00:00"))
    assert due_at == local("2026-11-02T08:00")
    period = period_to_report(monthly, due_at=due_at, run_time=due_at)
    assert period == Period(local("2026-10-01T00:00"), local("2026-11-01T00:00"))
