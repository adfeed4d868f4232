"""The stored dead letter: what a document says, and what each change writes."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.dead_letter import (
    DEAD_LETTER_FIELDS,
    DeadLetterState,
    StoredDeadLetter,
    dismissed_fields,
    reopened_fields,
    replay_begun_fields,
    replayed_fields,
)
from functions.shared.records.report_task import ReportTask

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
PAYLOAD = {
    "user_id": "u1",
    "subscription_id": "weekly",
    "delivery_id": "u1:weekly:20261124T1300Z",
    "due_at": "2026-11-24T13:00:00Z",
    "run_id": "20261124T1300Z",
    "kind": "activity",
}
ALERTABLE: dict[str, Any] = {
    "state": "open",
    "cause": "c" * 32,
    "failed_at": NOW,
    "received_at": NOW,
    "alerted_at": None,
    "alerts": {},
}


def read(document: Mapping[str, Any] | None) -> StoredDeadLetter | None:
    fields = None if document is None else dict(document)
    return StoredDeadLetter.from_snapshot(FoundDocument("dead_letters/x", fields, NOW))


def letter(**fields: Any) -> StoredDeadLetter:
    found = read(ALERTABLE | fields)
    assert found is not None
    return found


def test_no_document_is_no_dead_letter() -> None:
    assert read(None) is None


def test_every_field_is_read() -> None:
    others = {
        "state": "replayed",
        "cause": "various",
        "payload": PAYLOAD,
        "alerts": {"slack": NOW},
        "attempts": 8,
        "replays": 2,
        "in_replay": True,
    }
    document = {name: others.get(name, NOW if name.endswith("_at") else f"the {name}") for name in DEAD_LETTER_FIELDS}
    found = read(document)
    assert found is not None
    assert {name: getattr(found, name) for name in DEAD_LETTER_FIELDS} == document
    assert (found.id, found.problem, found.version) == ("x", "", NOW)


_values = st.none() | st.booleans() | st.integers() | st.text() | st.datetimes() | st.lists(st.text(), max_size=1)


@given(
    document=st.dictionaries(
        st.sampled_from(DEAD_LETTER_FIELDS), _values | st.dictionaries(st.sampled_from([*PAYLOAD, "slack"]), _values)
    )
)
def test_any_document_can_be_read(document: dict[str, Any]) -> None:
    found = read(document)
    assert found is not None
    assert found.task is None


def test_a_malformed_field_has_its_default() -> None:
    found = letter(state=7, reason=None, replays="two", attempts=True, received_at="now", alerts={"slack": "once"})
    assert (found.state, found.reason, found.replays, found.attempts) == (DeadLetterState.OPEN, "", 0, 0)
    assert (found.received_at, found.alerts) == (None, {})


@pytest.mark.parametrize(
    "malformed",
    [
        {"failed_at": "by hand"},
        {"received_at": None},
        {"state": "opened"},
        {"state": ["open"]},
        {"cause": "a/b"},
        {"alerted_at": False},
        {"alerted_at": datetime(1, 1, 1, tzinfo=UTC)},
        {"alerts": None},
    ],
)
def test_a_document_that_no_alert_would_find_says_so(malformed: dict[str, Any]) -> None:
    [name] = malformed
    assert letter(**malformed).problem == f"dead_letters/x: absent or malformed: {name}"


def test_alerts_depend_on_fields_that_are_there() -> None:
    found = read({})
    assert found is not None
    assert found.problem.endswith("state, cause, failed_at, received_at, alerted_at, alerts")


def test_the_task_is_what_the_payload_says() -> None:
    assert letter(payload=PAYLOAD).task == ReportTask.model_validate(PAYLOAD)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "text",
        {},
        {"text": "garbage", "bytes": 7},
        {**PAYLOAD, "due_at": "soon"},
        {**PAYLOAD, "user_id": "a/b"},
        {**PAYLOAD, "user_id": "u2"},
        {**PAYLOAD, "subscription_id": "daily"},
        {name: value for name, value in PAYLOAD.items() if name != "subscription_id"},
    ],
)
def test_what_names_no_report_has_no_task(payload: object) -> None:
    assert letter(payload=payload).task is None


@pytest.mark.parametrize(
    ("fields", "needs_alert", "opens_again"),
    [
        ({}, True, False),
        ({"alerted_at": NOW}, False, False),
        ({"alerted_at": NOW, "in_replay": True}, False, True),
        ({"state": "replayed"}, False, True),
        ({"state": "dismissed"}, False, True),
    ],
)
def test_what_needs_an_alert_and_what_opens_again(fields: dict[str, Any], needs_alert: bool, opens_again: bool) -> None:
    assert (letter(**fields).needs_alert, letter(**fields).opens_again) == (needs_alert, opens_again)


def test_a_later_failure_is_another_one() -> None:
    first, later = letter(), letter(failed_at=NOW + timedelta(hours=1))
    assert first.tells_of_same_failure(letter(note="seen"))
    assert not first.tells_of_same_failure(later)


@pytest.mark.parametrize(
    "written",
    [
        replay_begun_fields(replays=2),
        replayed_fields(now=NOW),
        dismissed_fields(note="a test account", now=NOW),
        reopened_fields(now=NOW),
    ],
)
def test_every_field_that_is_written_is_read_again(written: dict[str, Any]) -> None:
    found = letter(**written)
    assert {name: getattr(found, name) for name in written} == written


def test_a_closed_dead_letter_is_kept_for_90_days_and_an_open_one_for_400() -> None:
    assert replayed_fields(now=NOW)["expire_at"] == NOW + timedelta(days=90)
    assert dismissed_fields(note="", now=NOW)["expire_at"] == NOW + timedelta(days=90)
    assert reopened_fields(now=NOW)["expire_at"] == NOW + timedelta(days=400)
