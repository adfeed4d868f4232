"""What a message changes of the stored dead letter."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.dlq_handler.intake.pubsub_message import PubSubMessage
from functions.dlq_handler.intake.received_dead_letter import ReceivedDeadLetter, read_dead_letter
from functions.dlq_handler.store.dead_letter_store import dead_letter_changes
from functions.shared.records.dead_letter import CLOSED_LETTER_RETENTION, OPEN_LETTER_RETENTION, StoredDeadLetter

DIED = datetime(2026, 11, 24, 13, tzinfo=UTC)
NOW = DIED + timedelta(minutes=1)
MINUTE = timedelta(minutes=1)


def received(failed_at: datetime = DIED, error: str = "e") -> ReceivedDeadLetter:
    return ReceivedDeadLetter(
        id="d",
        payload={},
        reason="lost",
        error=error,
        attempts=1,
        task_name="",
        failed_at=failed_at,
        message_id="1",
        cause="c" * 32,
    )


def changes_of(existing: dict[str, Any] | None, brought: ReceivedDeadLetter, *, now: datetime) -> dict[str, Any]:
    stored = None if existing is None else StoredDeadLetter.from_fields("d", existing)
    return dead_letter_changes(stored, brought, now=now)


def record(**fields: Any) -> dict[str, Any]:
    return changes_of(None, received(), now=NOW) | fields


def test_a_first_message_opens_a_dead_letter() -> None:
    fields = changes_of(None, received(), now=NOW)
    assert fields["state"] == "open"
    assert fields["received_at"] == NOW
    assert fields["alerted_at"] is None


@pytest.mark.parametrize("state", ["open", "replayed", "dismissed", "settled"])
@pytest.mark.parametrize("earlier", [timedelta(), MINUTE])
def test_nothing_newer_changes_nothing(state: str, earlier: timedelta) -> None:
    assert changes_of(record(state=state, alerted_at=NOW), received(DIED - earlier), now=NOW + MINUTE) == {}


def test_a_later_failure_renews_an_open_letter_and_keeps_what_channels_know() -> None:
    changes = changes_of(record(alerted_at=NOW), received(DIED + MINUTE, "other"), now=NOW + MINUTE)
    assert changes["error"] == "other"
    assert not changes.keys() & {"state", "received_at", "alerted_at", "alerts"}


@pytest.mark.parametrize("state", ["replayed", "dismissed", "settled", None, 5])
def test_a_later_failure_opens_a_closed_letter_again(state: object) -> None:
    changes = changes_of(record(state=state, alerted_at=NOW), received(DIED + MINUTE), now=NOW + MINUTE)
    assert changes["state"] == "open"
    assert changes["received_at"] == NOW + MINUTE
    assert changes["alerted_at"] is None
    assert changes["alerts"] == {}


def test_what_was_sent_after_all_is_never_open() -> None:
    fields = dead_letter_changes(None, received(), now=NOW, was_sent=True)
    assert (fields["state"], fields["settled_at"], fields["received_at"]) == ("settled", NOW, NOW)
    assert fields["expire_at"] == NOW + CLOSED_LETTER_RETENTION
    closed = StoredDeadLetter.from_fields("d", fields)
    assert not closed.needs_alert
    again = dead_letter_changes(closed, received(DIED + MINUTE), now=NOW + MINUTE, was_sent=True)
    assert again["state"] == "settled"


def test_a_later_failure_of_a_letter_in_replay_alerts_once() -> None:
    replayed = record(alerted_at=NOW, in_replay=True)
    changes = changes_of(replayed, received(DIED + MINUTE), now=NOW + MINUTE)
    assert (changes["state"], changes["received_at"], changes["alerted_at"]) == ("open", NOW + MINUTE, None)
    told = replayed | changes | {"alerted_at": NOW + MINUTE}
    assert "alerted_at" not in changes_of(told, received(DIED + 2 * MINUTE), now=NOW + 2 * MINUTE)


@pytest.mark.parametrize(
    "by_hand",
    [
        {"failed_at": "by hand"},
        {"received_at": None},
        {"state": "opened"},
        {"state": ["open"]},
        {"cause": "a/b"},
        {"cause": 5},
        {"alerted_at": "by hand"},
        {"alerts": None},
    ],
)
def test_a_letter_that_no_alert_would_find_is_written_anew(by_hand: dict[str, Any]) -> None:
    assert changes_of(record(**by_hand), received(), now=NOW + MINUTE) == record(received_at=NOW + MINUTE) | {
        "expire_at": NOW + MINUTE + OPEN_LETTER_RETENTION
    }


def test_an_open_letter_is_kept_for_more_than_a_year_after_its_latest_failure() -> None:
    assert record()["expire_at"] == NOW + OPEN_LETTER_RETENTION
    changes = changes_of(record(), received(DIED + MINUTE), now=NOW + MINUTE)
    assert changes["expire_at"] == NOW + MINUTE + OPEN_LETTER_RETENTION


@given(st.binary(max_size=200), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_any_message_becomes_a_dead_letter(data: bytes, attributes: dict[str, str]) -> None:
    message = PubSubMessage(data=data, attributes=attributes, message_id="1", published_at=DIED)
    read = read_dead_letter(message)
    assert read.failed_at == DIED
    assert read == read_dead_letter(message)
    assert 1 <= len(read.id.encode()) <= 1500
