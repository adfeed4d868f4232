"""What is read of a user, whatever the application wrote."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud.firestore_v1.types import Document

from functions.dispatcher.due_user import DueUser, has_no_due_time, read_due_user, read_stray

PATH = "projects/p/databases/(default)/documents/users/"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NO_KIND = "report.kind: must be the name of a report, such as activity"


def document(user_id: str = "u1", **fields: Any) -> Any:
    return Document.pb(Document(name=PATH + user_id, fields=fields))


def kind(value: dict[str, Any]) -> dict[str, Any]:
    return {"map_value": {"fields": {"kind": value}}}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(None, ("activity", ""), id="no report"),
        pytest.param({"map_value": {}}, ("activity", ""), id="no kind"),
        pytest.param({"string_value": "daily"}, ("activity", ""), id="not a map: the worker's to tell"),
        pytest.param(kind({"null_value": 0}), ("activity", ""), id="null"),
        pytest.param(kind({"string_value": "sales"}), ("sales", ""), id="another kind"),
        pytest.param(kind({"string_value": ""}), ("activity", NO_KIND), id="empty"),
        pytest.param(kind({"string_value": "Sales!"}), ("activity", NO_KIND), id="not a name"),
        pytest.param(kind({"string_value": "sales\n"}), ("activity", NO_KIND), id="a line break"),
        pytest.param(kind({"integer_value": 7}), ("activity", NO_KIND), id="a number"),
    ],
)
def test_kind(report: dict[str, Any] | None, expected: tuple[str, str]) -> None:
    fields: dict[str, Any] = {} if report is None else {"report": report}
    user = read_due_user(document(next_report_at={"timestamp_value": NOON}, **fields))
    assert user == DueUser("u1", NOON, *expected)


@pytest.mark.parametrize(
    "moment",
    [NOON, NOON.replace(microsecond=123456), datetime(1970, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC)],
)
def test_due_time(moment: datetime) -> None:
    assert read_due_user(document(next_report_at={"timestamp_value": moment})).due_at == moment


def test_a_due_time_that_is_none_is_named() -> None:
    stray = read_stray(document(next_report_at={"string_value": "noon"}), NOON)
    assert stray == DueUser("u1", NOON, problem="next_report_at: must be a timestamp between 1970 and 2200")


def test_when_it_was_written() -> None:
    written = Document(name=PATH + "u1", fields={"next_report_at": {"timestamp_value": NOON}}, update_time=NOON)
    assert read_due_user(Document.pb(written)).updated_at == NOON


def test_a_new_user_is_due_when_it_is_told() -> None:
    assert read_due_user(document("名前"), NOON) == DueUser("名前", NOON)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"next_report_at": {"null_value": 0}}, True),
        ({"next_report_at": {"timestamp_value": NOON}}, False),
        ({"next_report_at": {"string_value": ""}}, False),
        ({"next_report_at": {"boolean_value": False}}, False),
    ],
)
def test_who_is_a_new_user(fields: dict[str, Any], expected: bool) -> None:
    assert has_no_due_time(document(**fields)) is expected
