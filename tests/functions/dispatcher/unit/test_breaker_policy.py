"""When complaints and bounces alert people, and when they stop the runs."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from functions.dispatcher.breaker_policy import BreakerLimits, decide, first_day
from functions.shared.records.mail_breaker import BreakerState, MailFigures
from functions.shared.records.system_alert import AlertKind

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TODAY = NOON.date()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIMITS = BreakerLimits(
    complaint_alert=Decimal("0.1"),
    complaint_stop=Decimal("0.3"),
    bounce_alert=Decimal(2),
    bounce_stop=Decimal(5),
    least_mails=1000,
)
FRESH = BreakerState()

COMPLAINTS, BOUNCES, STOPPED = AlertKind.COMPLAINTS_HIGH, AlertKind.BOUNCES_HIGH, AlertKind.SENDING_STOPPED


def figures(delivered: int, complaints: int = 0, bounces: int = 0) -> MailFigures:
    return MailFigures(delivered=delivered, complaints=complaints, bounces=bounces)


@pytest.mark.parametrize(
    ("today", "kinds"),
    [
        (figures(0), []),
        (figures(1000), []),
        # Complaints, of what was delivered.
        (figures(1001, complaints=1), []),
        (figures(1000, complaints=1), [COMPLAINTS]),
        (figures(1001, complaints=3), [COMPLAINTS]),
        (figures(1000, complaints=3), [STOPPED]),
        (figures(700_000, complaints=2100), [STOPPED]),
        (figures(700_000, complaints=2099), [COMPLAINTS]),
        # Of fewer emails a percentage says nothing.
        (figures(999, complaints=999), []),
        # Bounces, of what was delivered or bounced.
        (figures(981, bounces=19), []),
        (figures(980, bounces=20), [BOUNCES]),
        (figures(951, bounces=49), [BOUNCES]),
        (figures(950, bounces=50), [STOPPED]),
        (figures(949, bounces=50), []),
        (figures(0, bounces=1000), [STOPPED]),
        # Both.
        (figures(1000, complaints=1, bounces=21), [COMPLAINTS, BOUNCES]),
        (figures(1000, complaints=3, bounces=21), [STOPPED]),
    ],
)
def test_the_limits_at_their_edges(today: MailFigures, kinds: list[AlertKind]) -> None:
    decision = decide(FRESH, {TODAY: today}, LIMITS, run_time=NOON)
    assert list(decision.alerts) == kinds
    assert decision.state.is_stopped is (STOPPED in kinds)
    assert decision.state.figures == today


def test_a_stop_says_why_with_the_numbers() -> None:
    decision = decide(FRESH, {TODAY: figures(20_000, complaints=70, bounces=2000)}, LIMITS, run_time=NOON)
    (detail,) = decision.alerts.values()
    assert (
        detail
        == decision.state.because
        == (
            "complaints: 0.35 % (70 of 20,000 delivered emails in 7 days), and the limit is 0.3 %; "
            "permanent bounces: 9.09 % (2,000 of 22,000 emails in 7 days), and the limit is 5 %"
        )
    )
    assert decision.state.stopped_at == NOON


def test_the_days_of_a_week_count_together_and_no_day_before_them() -> None:
    first = first_day(NOON)
    assert first == date(2026, 11, 18)
    week = {first + number * DAY: figures(200, complaints=number == 0) for number in range(7)}
    before = {first - DAY: figures(50_000, complaints=5_000)}
    decision = decide(FRESH, before | week, LIMITS, run_time=NOON)
    assert decision.state.figures == figures(1400, complaints=1)
    assert not decision.alerts


def test_days_to_come_neither_count_nor_are_kept() -> None:
    tomorrow, later = TODAY + DAY, TODAY + 2 * DAY
    days = {TODAY: figures(10), tomorrow: figures(100), later: figures(50_000, complaints=5_000), date.max: figures(1)}
    assert decide(FRESH, days, LIMITS, run_time=NOON).state.figures == figures(110)
    resumed = BreakerState(resumed_at=NOON - HOUR)
    assert decide(resumed, days, LIMITS, run_time=NOON).state.baseline == {TODAY: figures(10), tomorrow: figures(100)}


@pytest.mark.parametrize("name", ["complaint_alert", "complaint_stop", "bounce_stop"])
def test_a_limit_that_is_off_never_counts(name: str) -> None:
    every = figures(1000, complaints=1000, bounces=1000)
    off = Decimal(0)
    limits = LIMITS._replace(bounce_stop=off)
    match name:
        case "complaint_alert":
            limits = limits._replace(complaint_alert=off)
        case "complaint_stop":
            limits = limits._replace(complaint_stop=off)
    assert limits.is_on
    assert decide(FRESH, {TODAY: every}, limits, run_time=NOON).state.is_stopped is (name != "complaint_stop")


def test_without_any_limit_it_is_off() -> None:
    off = Decimal(0)
    none = BreakerLimits(complaint_alert=off, complaint_stop=off, bounce_alert=off, bounce_stop=off, least_mails=1)
    assert not none.is_on
    every = figures(1000, complaints=1000, bounces=1000)
    assert decide(FRESH, {TODAY: every}, none, run_time=NOON).alerts == {}


def told(state: BreakerState, *kinds: AlertKind, at: datetime) -> BreakerState:
    return state._replace(told={**state.told, **dict.fromkeys((kind.value for kind in kinds), at)})


def test_each_alert_comes_once_a_day() -> None:
    high = {TODAY: figures(1000, complaints=1), TODAY + DAY: figures(0)}
    first = decide(FRESH, high, LIMITS, run_time=NOON)
    assert list(first.alerts) == [COMPLAINTS]
    # An alert that could not be published is not noted, and comes again.
    assert decide(first.state, high, LIMITS, run_time=NOON + HOUR).alerts == first.alerts
    state = told(first.state, COMPLAINTS, at=NOON)
    assert decide(state, high, LIMITS, run_time=NOON + 11 * HOUR).alerts == {}
    assert list(decide(state, high, LIMITS, run_time=NOON + 12 * HOUR).alerts) == [COMPLAINTS]
    # Another level is another alert.
    worse = {TODAY: figures(1000, complaints=3)}
    assert list(decide(state, worse, LIMITS, run_time=NOON + HOUR).alerts) == [STOPPED]


def stopped() -> BreakerState:
    state = decide(FRESH, {TODAY: figures(1000, complaints=3)}, LIMITS, run_time=NOON).state
    return told(state, STOPPED, at=NOON)


def test_stopped_stays_stopped_and_is_told_once_a_day() -> None:
    state = stopped()
    for days in (None, {TODAY: figures(50_000)}):
        assert decide(state, days, LIMITS, run_time=NOON + HOUR).state == state
        assert decide(state, days, LIMITS, run_time=NOON + HOUR).alerts == {}
    reminder = decide(state, None, LIMITS, run_time=NOON + DAY).alerts
    assert reminder == {STOPPED: state.because}


def test_without_statistics_nothing_is_stopped_and_the_figures_stay() -> None:
    state = decide(FRESH, {TODAY: figures(1000, complaints=1)}, LIMITS, run_time=NOON).state
    decision = decide(state, None, LIMITS, run_time=NOON + DAY)
    assert (decision.state, decision.alerts) == (state, {})


def test_after_it_is_resumed_only_what_is_added_counts() -> None:
    state = stopped().resumed(at=NOON + HOUR, by="ann", note="wrong list")
    assert (state.is_stopped, state.because, state.resumed_by, state.note) == (False, "", "ann", "wrong list")

    yesterday, today = TODAY - DAY, TODAY
    before = {yesterday: figures(500, complaints=10), today: figures(1000, complaints=3, bounces=7)}
    first = decide(state, before, LIMITS, run_time=NOON + 2 * HOUR)
    assert (first.state.figures, first.alerts, first.state.is_stopped) == (figures(0), {}, False)

    # Added to the day of the resumption, and on the day after it.
    added = {**before, today: figures(1500, complaints=3, bounces=7), TODAY + DAY: figures(501, complaints=1)}
    second = decide(first.state, added, LIMITS, run_time=NOON + DAY)
    assert second.state.figures == figures(1001, complaints=1)
    assert second.alerts == {}

    # A new stop on the same day is told again.
    worse = {**before, today: figures(2000, complaints=6)}
    third = decide(first.state, worse, LIMITS, run_time=NOON + 3 * HOUR)
    assert list(third.alerts) == [STOPPED]


def test_an_alert_comes_again_on_the_day_of_a_resumption() -> None:
    state = told(stopped(), COMPLAINTS, at=NOON - HOUR).resumed(at=NOON + HOUR, by="", note="")
    state = decide(state, {TODAY: figures(1000, complaints=3)}, LIMITS, run_time=NOON + 2 * HOUR).state
    decision = decide(state, {TODAY: figures(2000, complaints=4)}, LIMITS, run_time=NOON + 3 * HOUR)
    assert list(decision.alerts) == [COMPLAINTS]


def test_statistics_that_shrink_count_as_nothing_added() -> None:
    """A provider may correct its figures."""
    state = stopped().resumed(at=NOON, by="", note="")._replace(baseline={TODAY: figures(1000, complaints=9)})
    decision = decide(state, {TODAY: figures(900, complaints=8)}, LIMITS, run_time=NOON + HOUR)
    assert decision.state.figures == figures(0)
