"""The ramp of a new domain."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.queues.ramp import Ramp

MONDAY = date(2026, 11, 30)
RAMP = Ramp(start=MONDAY, first_day=200, growth=1.5, full_rate=10)
DAY = timedelta(days=1)

ramps = st.builds(
    Ramp,
    start=st.just(MONDAY),
    first_day=st.integers(1, 100_000),
    growth=st.floats(1.01, 10),
    full_rate=st.floats(0.001, 500),
    queues=st.integers(1, 5),
)


def test_the_days_of_the_default() -> None:
    assert [RAMP.allowance(day) for day in (1, 2, 3, 4, 7, 14, 21)] == [200, 300, 450, 675, 2278, 38923, 665_051]
    assert RAMP.days == 21
    assert not RAMP.is_over(MONDAY + 20 * DAY)
    assert RAMP.is_over(MONDAY + 21 * DAY)


def test_a_day_is_spread_over_the_day_and_over_the_queues() -> None:
    assert RAMP.rate(MONDAY) == pytest.approx(200 / 86_400)
    assert RAMP._replace(queues=4).rate(MONDAY) == pytest.approx(50 / 86_400)
    assert RAMP.rate(MONDAY + 21 * DAY) == 10


def test_before_it_starts_the_first_day_holds() -> None:
    assert (RAMP.day(MONDAY - 9 * DAY), RAMP.rate(MONDAY - 9 * DAY)) == (1, RAMP.rate(MONDAY))


def test_a_first_day_above_the_full_rate_is_no_ramp() -> None:
    fast = RAMP._replace(first_day=1_000_000)
    assert (fast.days, fast.is_over(MONDAY), fast.rate(MONDAY)) == (0, True, 10)


THURSDAY = MONDAY + 3 * DAY
AFTER = MONDAY + 21 * DAY

CHANGES = [
    pytest.param(10, THURSDAY, RAMP.rate(THURSDAY), id="a queue at its full rate is slowed down"),
    pytest.param(RAMP.rate(THURSDAY), THURSDAY, None, id="it has today's rate"),
    pytest.param(RAMP.rate(THURSDAY) * (1 + 1e-9), THURSDAY, None, id="it has today's rate but for rounding"),
    pytest.param(RAMP.rate(MONDAY + 2 * DAY), THURSDAY, RAMP.rate(THURSDAY), id="it has yesterday's"),
    pytest.param(RAMP.rate(MONDAY), THURSDAY, RAMP.rate(THURSDAY), id="no run set it for days"),
    pytest.param(0.001, THURSDAY, None, id="an operator has slowed it down"),
    pytest.param(1, THURSDAY, RAMP.rate(THURSDAY), id="an operator has made it faster than the day allows"),
    pytest.param(RAMP.rate(MONDAY + 20 * DAY), AFTER, 10, id="the full rate after the last day"),
    pytest.param(RAMP.rate(MONDAY + 20 * DAY), AFTER + 900 * DAY, 10, id="and years later, if no run was there"),
    pytest.param(10, AFTER, None, id="it has its full rate"),
    pytest.param(5, AFTER, None, id="an operator slows it down after the ramp"),
    pytest.param(50, AFTER, None, id="and makes it faster than queue.yaml says"),
]


@pytest.mark.parametrize(("current", "today", "expected"), CHANGES)
def test_the_rate_to_set(current: float, today: date, expected: float | None) -> None:
    assert RAMP.rate_to_set(current, today) == expected


@given(ramps, st.integers(-5, 1000), st.integers(0, 1000))
def test_a_queue_that_the_ramp_alone_sets_always_gets_the_rate_of_the_day(ramp: Ramp, day: int, later: int) -> None:
    before, today = MONDAY + day * DAY, MONDAY + (day + later) * DAY
    rate = ramp.rate_to_set(ramp.rate(before), today)
    assert rate in {None, ramp.rate(today)}
    assert (rate or ramp.rate(before)) == pytest.approx(ramp.rate(today), rel=1e-6)
    assert 0 < ramp.rate(before) <= ramp.rate(today) <= ramp.full_rate


NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("tasks", "now", "expected"),
    [
        pytest.param(0, NOON, NOON, id="none"),
        pytest.param(100, NOON, NOON + 12 * HOUR, id="what half a day allows"),
        pytest.param(400, NOON, NOON + 36 * HOUR, id="the next day, too"),
        pytest.param(550, NOON, NOON + 44 * HOUR, id="a third of the day after"),
        pytest.param(200, NOON - 3 * DAY, NOON - 2 * DAY, id="before it starts"),
        pytest.param(864_000, NOON + 21 * DAY, NOON + 22 * DAY, id="at the full rate"),
    ],
)
@pytest.mark.parametrize("queues", [1, 3])
def test_when_what_waits_is_sent(tasks: int, now: datetime, expected: datetime, queues: int) -> None:
    ramp = RAMP._replace(queues=queues, full_rate=RAMP.full_rate / queues)
    assert abs(ramp.sent_by(tasks, now) - expected) < timedelta(seconds=1)
