"""When a channel takes the next message."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from functions.dlq_handler.channels.channel_state import (
    MAX_TURN_WAIT,
    TURN_INTERVAL,
    ChannelState,
    alert_taken,
    channel_failed,
    failure_pause,
    pause_requested,
    turn_reserved,
)

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTES = timedelta(minutes=5)


@given(st.lists(st.integers(0, 3000), max_size=50))
def test_turns_are_at_least_a_second_apart_whenever_messages_come(gaps: list[int]) -> None:
    state, now, turns = ChannelState(), NOW, []
    for gap in gaps:
        now += timedelta(milliseconds=gap)
        if state.is_open(now):
            turns.append(state.turn(now))
            assert now <= turns[-1] <= now + MAX_TURN_WAIT
            state = turn_reserved(state, now=now)
    assert all(later - earlier >= TURN_INTERVAL for earlier, later in itertools.pairwise(turns))


def test_the_first_has_its_turn_at_once() -> None:
    assert ChannelState().turn(NOW) == NOW


def test_who_would_wait_too_long_has_no_turn() -> None:
    state = ChannelState()
    for _ in range(3):
        assert state.is_open(NOW)
        state = turn_reserved(state, now=NOW)
    assert not state.is_open(NOW)
    assert state.is_open(NOW + TURN_INTERVAL)


def test_what_the_channel_asks_for_is_kept_to_and_is_no_failure() -> None:
    state = pause_requested(turn_reserved(ChannelState(), now=NOW), retry_after=30 * SECOND, now=NOW)
    assert state.turn(NOW) == NOW + 30 * SECOND
    assert state.failures == 0
    assert pause_requested(state, retry_after=SECOND, now=NOW).turn(NOW) == NOW + 30 * SECOND, "the longer one holds"
    assert pause_requested(state, retry_after=timedelta(days=300), now=NOW).turn(NOW) == NOW + MINUTES


def test_a_channel_that_fails_is_tried_more_and_more_rarely() -> None:
    state, now, rests = ChannelState(), NOW, []
    for _ in range(9):
        now = state.turn(now)
        state = channel_failed(turn_reserved(state, now=now), begun=now, now=now)
        rests.append((state.turn(now) - now) // SECOND)
    assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_while_it_fails_only_one_message_tries_it_in_all_of_the_rest() -> None:
    state = channel_failed(ChannelState(), begun=NOW, now=NOW)
    state = channel_failed(state, begun=NOW + failure_pause(1), now=NOW + failure_pause(1))
    now = state.turn(NOW)
    state = turn_reserved(state, now=now)
    assert not state.is_open(now)
    assert state.turn(now) == now + failure_pause(2)


def test_messages_that_fail_together_count_once() -> None:
    state = channel_failed(ChannelState(), begun=NOW, now=NOW + 5 * SECOND)
    assert channel_failed(state, begun=NOW + SECOND, now=NOW + 6 * SECOND) == state


def test_one_that_is_taken_ends_the_rest() -> None:
    state = ChannelState(next_turn_at=NOW + MINUTES, failures=7, failed_at=NOW)
    assert alert_taken(state, now=NOW) == ChannelState(next_turn_at=NOW + TURN_INTERVAL)
    busy = ChannelState(next_turn_at=NOW + 3 * SECOND)
    assert alert_taken(busy, now=NOW) == busy, "others have their turns"


def test_the_state_survives_being_stored() -> None:
    state = ChannelState(next_turn_at=NOW, failures=3, failed_at=NOW)
    assert ChannelState.from_fields(state.to_fields(), now=NOW) == state
    assert ChannelState.from_fields(None, now=NOW) == ChannelState()


def test_what_nobody_can_have_stored_counts_as_absent() -> None:
    far = datetime(9999, 12, 31, tzinfo=UTC)
    for wrong in ({"next_turn_at": "x", "failures": -1, "failed_at": 5}, {"next_turn_at": far, "failed_at": far}):
        assert ChannelState.from_fields(wrong, now=NOW) == ChannelState()
    often = ChannelState.from_fields({"failures": 2**63 - 1}, now=NOW)
    assert channel_failed(often, begun=NOW, now=NOW).failures < 1000
