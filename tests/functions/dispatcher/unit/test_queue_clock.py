"""Time in which the queues could work."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.dispatcher.rescue.queue_clock import QueueClock, QueueReading
from functions.shared.run import QueueCondition

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def clock(conditions: str) -> QueueClock:
    """Of a run an hour from noon on: `.` found the queues at work, `p` paused, `b` behind; `s` was stopped."""
    names = {".": None, "p": QueueCondition.PAUSED, "b": QueueCondition.BEHIND}
    looks = [
        QueueReading(NOON + hour * HOUR, names.get(condition), is_stopped=condition == "s")
        for hour, condition in enumerate(conditions)
    ]
    return QueueClock(reversed(looks))


@pytest.mark.parametrize(
    ("conditions", "begin", "end", "worked"),
    [
        pytest.param("", 0, 5, 5, id="no run"),
        pytest.param("......", 0, 5, 5, id="always at work"),
        pytest.param("..pp..", 0, 5, 2, id="from the run before the pause to the one after"),
        pytest.param("..pp..", 1, 4, 0, id="in the pause"),
        pytest.param("..pp..", 0, 2.5, 1, id="begun before the pause"),
        pytest.param("..pp..", 2.5, 5, 1, id="begun in the pause"),
        pytest.param("...bb.", 0, 5, 3, id="behind: from then on"),
        pytest.param("..sss.", 0, 5, 2, id="stopped: from then until a run is not"),
        pytest.param(".s.s..", 1.5, 4.5, 1.5, id="stopped twice, begun while it was"),
        pytest.param("p", -3, 2, 5, id="a single run, paused since an unknown time"),
        pytest.param(".p.p.", 0, 4, 0, id="paused again and again"),
        pytest.param(".p..p.", 0, 5, 1, id="an hour between two pauses"),
        pytest.param(".p.", -5, 7, 10, id="before the first run and after the last"),
    ],
)
def test_between(conditions: str, begin: float, end: float, worked: float) -> None:
    assert clock(conditions).between(NOON + begin * HOUR, NOON + end * HOUR) == worked * HOUR


@given(
    conditions=st.text(".pbs", max_size=12),
    moments=st.lists(st.integers(-120, 900), min_size=2, max_size=8).map(sorted),
)
def test_it_never_goes_back_and_never_faster_than_time(conditions: str, moments: list[int]) -> None:
    found = clock(conditions)
    times = [NOON + timedelta(minutes=minute) for minute in moments]
    for before, after in pairwise(times):
        assert timedelta(0) <= found.between(before, after) <= after - before
