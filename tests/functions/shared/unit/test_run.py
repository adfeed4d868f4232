"""The run record: whatever a document holds, and what its shares come to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.run import (
    RUN_COUNTERS,
    SWEPT_WITH_EVERY_RUN,
    QueueCondition,
    RunAttempt,
    RunShare,
    RunState,
    StoredRun,
    Sweep,
    state_of_shares,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

ATTEMPT = RunAttempt(
    attempt="a1",
    state=RunState.RUNNING,
    started_at=NOON,
    counters={"due": 3, "errors": 1},
    shares={0: RunShare(state=RunState.FINISHED, counters={"due": 3}), 1: RunShare(state=RunState.RUNNING)},
)


def stored(fields: dict[str, Any] | None) -> StoredRun:
    return StoredRun.from_snapshot(FoundDocument("runs/20261124T1200Z", fields))


def test_an_attempt_is_read_as_it_was_written() -> None:
    read = RunAttempt.from_fields(ATTEMPT.to_fields())
    assert read.to_fields() == ATTEMPT.to_fields()
    assert read.shares == ATTEMPT.shares


def test_a_run_that_was_never_called_has_no_attempt() -> None:
    run = stored(None)
    assert (run.attempts, run.latest.attempt, run.earlier_attempts) == (0, "", ())


@given(st.dictionaries(st.sampled_from(["attempt", "attempts", "state", "shares", "queues", "due"]), st.none()))
def test_what_is_null_has_the_default(fields: dict[str, None]) -> None:
    assert stored(dict(fields)) == stored({})


@pytest.mark.parametrize(
    "strange",
    [
        {"attempt": 7, "attempts": "two", "state": "over", "started_at": "noon", "due": "many", "queues": 1},
        {"attempt": "a" * 65, "attempts": -1, "shares": [1], "earlier_attempts": "none"},
        {
            "shares": {"x": {"state": "running"}, "1": {"state": "over"}, "2": 5},
            "earlier_attempts": [3, {}, {"due": 1}],
        },
        {"scheduled_for": datetime(1, 1, 1, tzinfo=UTC), "finished_at": datetime(9999, 1, 1, tzinfo=UTC), "due": -1},
        {"due": True, "errors": 1.5},
        {"sweeps": {"enrollment": 7, "scheduling": {"swept_at": NOON}, "x": {"swept_at": "noon", "documents": 1}}},
        {"sweeps": {"enrollment": {"swept_at": datetime(9999, 1, 1, tzinfo=UTC), "documents": 1}}},
        {"sweeps": {"enrollment": {"swept_at": NOON, "documents": -1}}},
        {"sweeps": [{"swept_at": NOON, "documents": 1}]},
    ],
)
def test_what_no_dispatcher_wrote_is_left_out(strange: dict[str, Any]) -> None:
    assert stored(strange) == stored({})


def test_what_is_sound_is_kept() -> None:
    fields = {
        **ATTEMPT.to_fields(),
        "scheduled_for": NOON,
        "attempts": 2,
        "queues": "behind",
        "earlier_attempts": [{"attempt": "a0", "state": "failed", "due": 5}],
    }
    run = stored(fields)
    assert (run.scheduled_for, run.attempts, run.queues) == (NOON, 2, QueueCondition.BEHIND)
    (earlier,) = run.earlier_attempts
    assert (earlier.attempt, earlier.state, earlier.counters) == ("a0", RunState.FAILED, {"due": 5})


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        (["running"], RunState.RUNNING),
        (["finished", "running", "failed"], RunState.RUNNING),
        (["finished", "failed"], RunState.FAILED),
        (["finished", "finished"], RunState.FINISHED),
    ],
)
def test_a_run_stands_as_its_shares_do(states: list[str], whole: RunState) -> None:
    assert state_of_shares({number: RunShare(state=RunState(state)) for number, state in enumerate(states)}) is whole


def test_the_counters_of_a_run_are_those_of_its_shares_together() -> None:
    running = RunShare(state=RunState.RUNNING)
    attempt = RunAttempt(attempt="a", shares={0: running, 1: running})
    attempt = attempt.with_share(0, RunShare(state=RunState.FINISHED, counters={"due": 2, "errors": 1}), now=NOON)
    assert (attempt.state, attempt.finished_at, attempt.counters["due"]) == (RunState.RUNNING, None, 2)
    attempt = attempt.with_share(1, RunShare(state=RunState.FINISHED, counters={"due": 5}), now=NOON)
    assert (attempt.state, attempt.finished_at) == (RunState.FINISHED, NOON)
    written = attempt.progress_fields()
    assert {name: written[name] for name in RUN_COUNTERS if written[name]} == {"due": 7, "errors": 1}


def test_a_sweep_is_read_as_it_was_written() -> None:
    sweep = Sweep(swept_at=NOON, documents=7)
    run = stored({"sweeps": {"enrollment": sweep.to_fields()}})
    assert run.sweeps == {"enrollment": sweep}


@pytest.mark.parametrize(
    ("documents", "later", "is_due"),
    [
        (SWEPT_WITH_EVERY_RUN, timedelta(minutes=15), True),
        (SWEPT_WITH_EVERY_RUN + 1, timedelta(hours=23), False),
        (SWEPT_WITH_EVERY_RUN + 1, timedelta(hours=24), True),
    ],
)
def test_a_large_collection_is_swept_once_a_day(documents: int, later: timedelta, is_due: bool) -> None:
    assert Sweep(swept_at=NOON, documents=documents).is_due_again(NOON + later) is is_due
