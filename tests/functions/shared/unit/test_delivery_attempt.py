"""What a delivery keeps of its attempts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.records.delivery_attempt import (
    MOST_ATTEMPTS,
    AttemptResult,
    DeliveryAttempt,
    history_fields,
    recorded,
    stored_history,
)

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CLAIMED = DeliveryAttempt(at=NOW, number=2, claimed_at=NOW + SECOND, result=AttemptResult.CLAIMED)
FAILED = DeliveryAttempt(at=NOW, number=2, seconds=1.5, result=AttemptResult.FAILED, error="e")
REPLAYED = DeliveryAttempt(at=NOW, result=AttemptResult.REPLAYED)

times = st.timedeltas(timedelta(0), timedelta(days=10_000)).map(lambda since: NOW + since)
attempts = st.builds(
    DeliveryAttempt,
    at=times,
    number=st.integers(0, 100),
    claimed_at=st.none() | times,
    seconds=st.none() | st.floats(0, 1800),
    result=st.sampled_from(AttemptResult),
    error=st.sampled_from(["", "SendGrid answered 503"]),
)


@given(st.lists(attempts, max_size=MOST_ATTEMPTS))
def test_what_is_written_is_read_again(history: list[DeliveryAttempt]) -> None:
    assert stored_history([entry.to_field() for entry in history]) == tuple(history)


def test_what_is_not_known_is_not_written() -> None:
    assert REPLAYED.to_field() == {"at": NOW, "result": "replayed"}


def test_an_attempt_has_one_entry_and_keeps_when_it_claimed() -> None:
    before = (REPLAYED, CLAIMED)
    [first, second] = recorded(before, FAILED)
    assert first == REPLAYED
    assert (second.result, second.claimed_at) == (AttemptResult.FAILED, CLAIMED.claimed_at)


@pytest.mark.parametrize("other", [{"number": 3}, {"at": NOW + SECOND}])
def test_another_attempt_has_an_entry_of_its_own(other: dict[str, Any]) -> None:
    entry = DeliveryAttempt(**{"at": NOW, "number": 2, "result": AttemptResult.SENT, **other})
    assert recorded((CLAIMED,), entry) == (CLAIMED, entry)


def test_the_newest_are_kept() -> None:
    history: tuple[DeliveryAttempt, ...] = ()
    for number in range(1, MOST_ATTEMPTS + 3):
        history = recorded(history, DeliveryAttempt(at=NOW, number=number, result=AttemptResult.FAILED))
    assert [entry.number for entry in history] == list(range(3, MOST_ATTEMPTS + 3))


def test_the_fields_of_an_attempt() -> None:
    assert history_fields([REPLAYED], CLAIMED) == {"history": [REPLAYED.to_field(), CLAIMED.to_field()]}
    assert history_fields([], REPLAYED) == {"history": [REPLAYED.to_field()]}


def test_an_error_is_one_short_line_without_addresses() -> None:
    error = "refused: ada@example.com\n" + "x" * 1_000
    entry = DeliveryAttempt(at=NOW, result=AttemptResult.FAILED, error=error).to_field()
    assert entry["error"].startswith("refused: [address] xxx")
    assert len(entry["error"]) == 300


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["at", "number", "claimed_at", "seconds", "result", "error"]), inner)
    ),
)


@given(values)
def test_any_value_can_be_read(value: Any) -> None:
    for entry in stored_history(value):
        assert entry.seconds is None or entry.seconds >= 0
