"""Reading dead letters that may hold anything."""

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.shared.report_task import ReportTask
from operations.dead_letters import StoredLetter

PAYLOAD = {
    "user_id": "u1",
    "delivery_id": "u1-20261124T1300Z",
    "due_at": "2026-11-24T13:00:00Z",
    "run_id": "20261124T1300Z",
    "kind": "activity",
}


def test_the_task_is_what_the_payload_says() -> None:
    letter = StoredLetter.from_document("u1-20261124T1300Z", {"payload": PAYLOAD, "state": "open"})
    assert letter.task == ReportTask.model_validate(PAYLOAD)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"payload": None},
        {"payload": "text"},
        {"payload": {"text": "garbage", "bytes": 7}},
        {"payload": {**PAYLOAD, "due_at": "soon"}},
        {"payload": {**PAYLOAD, "user_id": "a/b"}},
        {"payload": {**PAYLOAD, "user_id": "u2"}},
    ],
)
def test_what_names_no_report_has_no_task(fields: dict[str, Any]) -> None:
    assert StoredLetter.from_document("x", fields).task is None


def test_any_document_can_be_shown() -> None:
    fields = {"state": 7, "reason": None, "replays": "two", "received_at": "now", "error": "to a@b.example:\x00"}
    row = StoredLetter.from_document("x", fields).to_row()
    assert row["state"] == "open"
    assert row["replays"] == 0
    assert row["received_at"] is None
    assert row["error"] == "to [address]:\x00"


def test_a_later_failure_is_another_one() -> None:
    first = {"failed_at": datetime(2026, 11, 24, 13, tzinfo=UTC), "received_at": datetime(2026, 11, 24, 13, tzinfo=UTC)}
    second = {**first, "failed_at": datetime(2026, 11, 24, 14, tzinfo=UTC)}
    assert StoredLetter.from_document("x", first).failure != StoredLetter.from_document("x", second).failure
