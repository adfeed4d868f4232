"""Enrolling users, and sending one a report now."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.ids import delivery_id
from functions.shared.report_task import ReportTask
from tests.operations.integration.conftest import Project


def put_user(project: Project, user: str, **fields: Any) -> None:
    data = {"email": f"{user}@customer.example", "active": True, **fields}
    project.database.collection("users").document(user).set(data)


def next_report_at(project: Project, user: str) -> Any:
    return project.database.collection("users").document(user).get().to_dict().get("next_report_at")


def test_everybody_who_is_new_becomes_due(project: Project) -> None:
    later = datetime(2100, 1, 1, tzinfo=UTC)
    put_user(project, "new")
    put_user(project, "null", next_report_at=None)
    put_user(project, "text", next_report_at="tomorrow")
    put_user(project, "enrolled", next_report_at=later)
    put_user(project, "inactive", active=False)
    put_user(project, "almost", active="true")
    begun = datetime.now(UTC)
    answer = project.reports("enroll", "--all", "--json")
    ended = datetime.now(UTC)
    assert answer.status == 0
    assert answer.json.keys() == {"active", "enrolled", "dry_run", "due_at"}
    assert (answer.json["active"], answer.json["enrolled"]) == (4, 3)
    for user in ("new", "null", "text"):
        due_at = next_report_at(project, user)
        # A run by hand is for its minute: within that minute it must find them.
        assert (due_at.second, due_at.microsecond) == (0, 0)
        assert begun - timedelta(minutes=1) < due_at <= ended
    assert next_report_at(project, "enrolled") == later
    assert next_report_at(project, "inactive") is None
    assert next_report_at(project, "almost") is None
    assert project.reports("enroll", "--all", "--json").json["enrolled"] == 0


def test_a_dry_run_of_enrolling_changes_nothing(project: Project) -> None:
    put_user(project, "new")
    before = project.everything()
    assert project.reports("enroll", "--all", "--dry-run", "--json").json["enrolled"] == 1
    assert project.everything() == before


def test_users_are_enrolled_by_name(project: Project) -> None:
    put_user(project, "new")
    put_user(project, "enrolled", next_report_at=datetime(2100, 1, 1, tzinfo=UTC))
    put_user(project, "inactive", active=False)
    answer = project.reports("enroll", "new", "enrolled", "inactive", "nobody", "--json")
    assert answer.status == 1
    assert {row["user_id"]: row["outcome"] for row in answer.json} == {
        "new": "enrolled",
        "enrolled": "already-enrolled",
        "inactive": "not-active",
        "nobody": "not-found",
    }
    assert isinstance(next_report_at(project, "new"), datetime)
    assert project.reports("enroll", "new").status == 0


@pytest.mark.parametrize("arguments", [[], ["--all", "u1"], ["u1", "--dry-run"]])
def test_enrolling_is_by_name_or_all(project: Project, arguments: list[str]) -> None:
    assert project.reports("enroll", *arguments).status == 2


def test_a_report_of_now_is_a_delivery_of_its_own(project: Project) -> None:
    put_user(project, "u1", next_report_at=datetime(2100, 1, 1, tzinfo=UTC), report={"kind": "custom"})
    answer = project.reports("send", "u1", "--json")
    assert answer.status == 0
    assert answer.json.keys() == {"user_id", "delivery_id", "due_at", "queue", "task", "was_due"}
    [task] = project.queued()
    assert task.name.rpartition("/")[2] == answer.json["task"]
    body = ReportTask.from_json(task.http_request.body)
    assert body.delivery_id == answer.json["delivery_id"] == delivery_id("u1", body.due_at)
    assert body.kind == "custom"
    assert answer.json["was_due"] is False
    assert next_report_at(project, "u1") == datetime(2100, 1, 1, tzinfo=UTC)


def test_a_report_of_now_is_in_the_ledger_before_its_task(project: Project) -> None:
    """Should the task die without a trace, the dispatcher finds the report there."""
    put_user(project, "u1", next_report_at=datetime(2100, 1, 1, tzinfo=UTC))
    answer = project.reports("send", "u1", "--json").json
    record = project.database.collection("deliveries").document(answer["delivery_id"]).get().to_dict()
    assert record["task"] == answer["task"]
    assert (record["state"], record["user_id"], record["attempts"]) == ("pending", "u1", 0)
    assert record["by_hand"] is True
    assert record["updated_at"] == record["created_at"] == record["due_at"]


def test_a_report_that_no_queue_takes_is_not_in_the_ledger(project: Project) -> None:
    put_user(project, "u1", next_report_at=datetime(2100, 1, 1, tzinfo=UTC))
    answer = project.reports("send", "u1", REPORT_QUEUES="nowhere")
    assert (answer.status, "nowhere" in answer.err) == (1, True)
    assert list(project.database.collection("deliveries").stream()) == []


def test_the_report_that_is_due_is_the_one_that_is_sent(project: Project) -> None:
    due_at = datetime(2026, 11, 24, 13, tzinfo=UTC)
    put_user(project, "u1", next_report_at=due_at)
    answer = project.reports("send", "u1", "--json")
    assert (answer.json["was_due"], answer.json["delivery_id"]) == (True, delivery_id("u1", due_at))
    assert json.loads(project.queued()[0].http_request.body)["due_at"] == "2026-11-24T13:00:00Z"
    record = project.database.collection("deliveries").document(delivery_id("u1", due_at)).get().to_dict()
    assert (record["state"], record["task"]) == ("pending", answer.json["task"])
    assert "by_hand" not in record


@pytest.mark.parametrize(("state", "is_noted"), [("pending", True), ("sending", False)])
def test_the_task_of_a_report_that_was_due_is_noted_unless_a_worker_is_at_it(
    project: Project, state: str, is_noted: bool
) -> None:
    """A worker's next write is conditional on what it has written: it would take the note for another worker's."""
    due_at = datetime(2026, 11, 24, 13, tzinfo=UTC)
    put_user(project, "u1", next_report_at=due_at)
    project.set_delivery(delivery_id("u1", due_at), state=state)
    document = project.database.collection("deliveries").document(delivery_id("u1", due_at))
    before = document.get()
    answer = project.reports("send", "u1", "--json")
    after = document.get()
    assert after.to_dict() == {**before.to_dict(), **({"task": answer.json["task"]} if is_noted else {})}
    assert (after.update_time == before.update_time) is not is_noted


def test_a_report_that_was_due_and_has_ended_is_not_the_one(project: Project) -> None:
    due_at = datetime(2026, 11, 24, 13, tzinfo=UTC)
    put_user(project, "u1", next_report_at=due_at)
    project.set_delivery(delivery_id("u1", due_at), state="sent")
    answer = project.reports("send", "u1", "--json")
    assert answer.json["was_due"] is False
    assert answer.json["delivery_id"] != delivery_id("u1", due_at)


def test_it_says_where_to_follow_it(project: Project) -> None:
    put_user(project, "u1")
    assert "reports deliveries --user u1" in project.reports("send", "u1").out


@pytest.mark.parametrize(
    ("fields", "word"),
    [({"active": False}, "active is false"), ({"active": "yes"}, "active"), ({"time_zone": "Mars/Base"}, "time_zone")],
)
def test_who_gets_no_report_is_told_why(project: Project, fields: dict[str, Any], word: str) -> None:
    put_user(project, "u1", **fields)
    answer = project.reports("send", "u1")
    assert answer.status == 1
    assert word in answer.err
    assert answer.err.count("\n") == 1
    assert project.queued() == []


def test_a_user_who_does_not_exist_is_named(project: Project) -> None:
    answer = project.reports("send", "nobody")
    assert (answer.status, "nobody" in answer.err) == (1, True)
    assert project.queued() == []


def test_what_a_task_needs_is_asked_for_by_name(project: Project) -> None:
    put_user(project, "u1")
    answer = project.reports("send", "u1", WORKER_URL=None)
    assert answer.status == 3
    assert answer.err.startswith("WORKER_URL is not set")
    answer = project.reports("send", "u1", DEFAULT_CADENCE="often")
    assert answer.status == 3
    assert "DEFAULT_CADENCE" in answer.err
