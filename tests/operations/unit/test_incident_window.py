"""The columns of an incident."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.incidents.window import LONGEST, Window

NOW = datetime(2026, 11, 24, 13, 7, tzinfo=UTC)


@given(st.timedeltas(timedelta(seconds=1), LONGEST), st.timedeltas(timedelta(0), timedelta(days=2_000)))
def test_columns_cover_the_time_and_are_few(length: timedelta, ago: timedelta) -> None:
    window = Window.of(NOW - ago - length, NOW - ago, now=NOW)
    columns = window.columns
    assert len(columns) <= 26
    assert columns[0] <= window.since < columns[0] + window.length
    assert columns[-1] <= window.until < columns[-1] + window.length
    assert {later - earlier for earlier, later in pairwise(columns)} <= {window.length}
    assert 0 <= window.percent(window.since) <= window.percent(window.until) < 100


def test_a_time_without_an_end_goes_on_and_one_without_a_beginning_has_a_day() -> None:
    hour = NOW.replace(minute=0)
    assert Window.of(None, None, now=NOW) == Window(hour - timedelta(days=1), NOW, goes_on=True)
    week = timedelta(days=7)
    assert Window.of(None, NOW - week, now=NOW) == Window(hour - timedelta(days=8), NOW - week)


@pytest.mark.parametrize("since", [NOW, NOW + timedelta(hours=1), NOW - LONGEST - timedelta(seconds=1)])
def test_a_time_that_is_none_or_too_long_is_refused(since: datetime) -> None:
    with pytest.raises(ValueError, match="An incident"):
        Window.of(since, NOW, now=NOW)


@pytest.mark.parametrize("until", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_a_time_at_an_end_of_the_calendar_is_refused(until: datetime) -> None:
    for since in (None, until):
        with pytest.raises(ValueError, match="An incident"):
            Window.of(since, until, now=NOW)
