"""The body of a task, through JSON and validation."""

from datetime import UTC, datetime

import pytest

from functions.shared.records.contract import InvalidContract
from functions.shared.records.report_task import ReportTask

DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)


def test_a_task_survives_the_way_through_json() -> None:
    task = ReportTask(
        user_id="u42",
        subscription_id="weekly",
        delivery_id="u42:weekly:20261124T1300Z",
        due_at=DUE,
        run_id="20261124T1300Z",
        kind="activity",
    )
    assert b'"due_at":"2026-11-24T13:00:00Z"' in task.to_json()
    assert ReportTask.from_json(task.to_json()) == task
    assert task.names_its_delivery
    for other in ({"user_id": "u2"}, {"subscription_id": "daily"}, {"due_at": DUE.replace(hour=14)}):
        assert not task.model_copy(update=other).names_its_delivery


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"user_id": "u", "delivery_id": "d", "due_at": "0001-01-01T00:00:00+14:00", "run_id": "r"}', "due_at"),
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"not json", "body"),
        (b"[1]", "body"),
        (b"null", "body"),
        (b'"text"', "body"),
        (b"\xff\xfe", "body"),
        (b"{}", "user_id"),
        (b'{"user_id": 3}', "user_id"),
        (b'{"user_id": ""}', "user_id"),
        (b'{"user_id": "a/b", "delivery_id": "x"}', "user_id"),
        (b'{"user_id": "__a__"}', "user_id"),
        (b'{"user_id": "a", "delivery_id": "x"}', "subscription_id"),
        (b'{"user_id": "a", "subscription_id": "b/c"}', "subscription_id"),
        (b'{"user_id": "a", "subscription_id": "b"}', "kind"),
        (b'{"user_id": "a", "delivery_id": "x", "run_id": "r", "due_at": "2026-11-24T13:00:00"}', "due_at"),
        (b'{"user_id": "a", "delivery_id": "x", "run_id": "r", "due_at": "never"}', "due_at"),
        (b'{"user_id": "a", "delivery_id": "x", "run_id": "r", "due_at": "0001-01-01T00:00:00Z"}', "due_at"),
        (b'{"user_id": "a", "delivery_id": "x", "run_id": "r", "due_at": "9999-12-31T23:00:00Z"}', "due_at"),
        (b'{"user_id": "a", "delivery_id": "x", "due_at": "2026-11-24T13:00:00Z", "run_id": ""}', "run_id"),
        (
            b'{"user_id": "a", "delivery_id": "x", "due_at": "2026-11-24T13:00:00Z", "run_id": "r", "kind": "../x"}',
            "kind",
        ),
    ],
)
def test_a_bad_body_is_refused_by_naming_the_field_in_one_line(body: bytes, named: str) -> None:
    with pytest.raises(InvalidContract, match=named) as caught:
        ReportTask.from_json(body)
    assert "\n" not in str(caught.value)


def test_the_message_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(InvalidContract) as caught:
        ReportTask.from_json(b'{"user_id": "ada@example.com/x", "delivery_id": 5}')
    assert "ada" not in str(caught.value)
