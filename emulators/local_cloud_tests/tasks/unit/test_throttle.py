"""Slowing down, speeding up, and what Retry-After says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.tasks.moments import SECOND
from local_cloud.tasks.throttle import Throttle, retry_after

NOW = 1_800_000_000 * SECOND


def test_it_runs_at_full_rate_until_somebody_complains() -> None:
    throttle = Throttle()
    throttle.succeeded(NOW)

    assert throttle.share == 1


def test_many_complaints_at_once_are_one() -> None:
    throttle = Throttle()
    for _ in range(100):
        throttle.overloaded(NOW)

    assert throttle.share == 1 / 2


def test_it_slows_down_further_each_second_but_never_stops() -> None:
    throttle = Throttle()
    shares = []
    for second in range(10):
        throttle.overloaded(NOW + second * SECOND)
        shares.append(throttle.share)

    assert shares[:4] == [1 / 2, 1 / 4, 1 / 8, 1 / 16]
    assert shares[-1] == 1 / 64


def test_it_speeds_up_again_when_a_second_passed_without_complaint() -> None:
    throttle = Throttle()
    throttle.overloaded(NOW)
    throttle.overloaded(NOW + SECOND)

    throttle.succeeded(NOW + SECOND)
    assert throttle.share == 1 / 4
    throttle.succeeded(NOW + 2 * SECOND)
    assert throttle.share == 1 / 2
    throttle.succeeded(NOW + 2 * SECOND)
    assert throttle.share == 1 / 2
    throttle.succeeded(NOW + 3 * SECOND)
    assert throttle.share == 1


def test_successes_among_complaints_do_not_speed_it_up() -> None:
    throttle = Throttle()
    for tenth in range(100):
        throttle.overloaded(NOW + tenth * SECOND // 10)
        throttle.succeeded(NOW + tenth * SECOND // 10)

    assert throttle.share == 1 / 64


def test_the_longest_hold_counts() -> None:
    throttle = Throttle()
    throttle.hold(NOW + 10)
    throttle.hold(NOW + 5)

    assert throttle.held_until == NOW + 10


@pytest.mark.parametrize(
    ("header", "moment"),
    [
        ("120", NOW + 120 * SECOND),
        (" 0 ", NOW),
        ("Fri, 15 Jan 2027 08:02:00 GMT", NOW + 120 * SECOND),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        pytest.param("9" * 5000, None, id="too-many-digits"),
        ("Fri, 15 Jan 99999999999999999999 08:02:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, moment: int | None) -> None:
    assert retry_after(header, NOW) == moment


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ (GMT|[+-]\d+)"))
def test_whatever_a_worker_sends_as_retry_after_is_a_moment_or_nothing(header: str) -> None:
    moment = retry_after(header, NOW)

    assert moment is None or isinstance(moment, int)
