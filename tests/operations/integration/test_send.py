"""Sending a report of one subscription now."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.needs import Needs, NextVersion
from functions.shared.records.ids import delivery_id
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from operations.previews import preview
from tests.operations.integration.conftest import DUE, Project
from tests.seeding import seed, subscription_reference, user_document, user_reference

LATER = datetime(2100, 1, 1, tzinfo=UTC)
DELIVERY = delivery_id("u1", DEFAULT_SUBSCRIPTION, DUE)


def test_a_report_of_now_is_a_delivery_of_its_own(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER, kind="custom")
    answer = project.reports("send", "u1", "--json")
    assert answer.status == 0
    assert answer.json.keys() == {"user_id", "subscription_id", "delivery_id", "due_at", "queue", "task", "was_due"}
    [task] = project.queued()
    assert task.name.rpartition("/")[2] == answer.json["task"]
    body = ReportTask.from_json(task.http_request.body)
    assert body.delivery_id == answer.json["delivery_id"] == delivery_id("u1", DEFAULT_SUBSCRIPTION, body.due_at)
    assert body.subscription_id == answer.json["subscription_id"] == DEFAULT_SUBSCRIPTION
    assert body.kind == "custom"
    assert answer.json["was_due"] is False
    # The subscription is due for it, and then for what its schedule says.
    assert subscription_reference(project.database, "u1").get().get("next_report_at") == body.due_at
    # Should the task die without a trace, the dispatcher finds the report by its delivery.
    record = project.database.collection("deliveries").document(body.delivery_id).get().to_dict()
    assert (record["task"], record["state"], record["attempts"]) == (answer.json["task"], "pending", 0)
    assert (record["user_id"], record["subscription_id"]) == ("u1", DEFAULT_SUBSCRIPTION)
    assert record["updated_at"] == record["created_at"] == record["due_at"] == body.due_at


def test_a_report_of_now_covers_the_time_since_the_last_one(project: Project) -> None:
    reported_until = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=40)
    seed(project.database, "u1", next_report_at=LATER, reported_until=reported_until)
    delivery = project.reports("send", "u1", "--json").json["delivery_id"]
    record = project.database.collection("deliveries").document(delivery).get().to_dict()
    assert (record["period_start"], record["period_end"]) == (reported_until, record["due_at"])


def test_a_second_report_of_now_is_the_first_while_that_waits(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER)
    first, second = (project.reports("send", "u1", "--json").json for _ in range(2))
    assert (second["delivery_id"], second["was_due"]) == (first["delivery_id"], True)


def test_a_report_that_no_queue_takes_leaves_nothing_behind(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER)
    answer = project.reports("send", "u1", REPORT_QUEUES="nowhere")
    assert (answer.status, "nowhere" in answer.err) == (1, True)
    assert list(project.database.collection("deliveries").stream()) == []
    assert subscription_reference(project.database, "u1").get().get("next_report_at") == LATER


def test_the_report_that_is_due_is_the_one_that_is_sent(project: Project) -> None:
    seed(project.database, "u1", next_report_at=DUE)
    answer = project.reports("send", "u1", "--json")
    assert (answer.json["was_due"], answer.json["delivery_id"]) == (True, DELIVERY)
    assert json.loads(project.queued()[0].http_request.body)["due_at"] == "2026-11-24T13:00:00Z"
    record = project.database.collection("deliveries").document(DELIVERY).get().to_dict()
    assert (record["state"], record["task"]) == ("pending", answer.json["task"])
    assert "by_hand" not in record


@pytest.fixture
def with_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind `activity` has a next version."""
    monkeypatch.setattr(preview, "known_needs", lambda: {"activity": Needs(next=NextVersion())})


@pytest.mark.usefixtures("with_next")
@pytest.mark.parametrize("due", [LATER, DUE])
@pytest.mark.parametrize("waits", [False, True])
def test_the_next_version_makes_a_report_if_the_operator_says_so(
    project: Project, due: datetime, *, waits: bool
) -> None:
    seed(project.database, "u1", next_report_at=due)
    if waits:
        project.reports("send", "u1")
    answer = project.reports("send", "u1", "--next", "--json")
    assert answer.status == 0
    record = project.database.collection("deliveries").document(answer.json["delivery_id"]).get().to_dict()
    assert (record["task"], record["by_next"]) == (answer.json["task"], True)


@pytest.mark.usefixtures("with_next")
def test_no_worker_that_is_sending_already_takes_another_version(project: Project) -> None:
    seed(project.database, "u1", next_report_at=DUE)
    project.set_delivery(DELIVERY, state="sending")
    answer = project.reports("send", "u1", "--next")
    assert (answer.status, answer.err) == (1, f"A worker has begun to send this report already: {DELIVERY}.\n")
    assert project.queued() == []


def test_a_kind_that_has_no_next_version_is_named(project: Project) -> None:
    seed(project.database, "u1", next_report_at=DUE)
    answer = project.reports("send", "u1", "--next")
    assert (answer.status, answer.err.startswith("The kind activity has no next version")) == (1, True)
    assert project.queued() == []


@pytest.mark.parametrize(("state", "is_noted"), [("pending", True), ("sending", False)])
def test_the_task_of_a_report_that_was_due_is_noted_unless_a_worker_is_at_it(
    project: Project, state: str, is_noted: bool
) -> None:
    """A worker's next write is conditional on what it has written: it would take the note for another worker's."""
    seed(project.database, "u1", next_report_at=DUE)
    project.set_delivery(DELIVERY, state=state)
    document = project.database.collection("deliveries").document(DELIVERY)
    before = document.get()
    answer = project.reports("send", "u1", "--json")
    after = document.get()
    assert (after.get("state"), after.to_dict().get("task")) == (state, answer.json["task"] if is_noted else None)
    assert (after.update_time == before.update_time) is not is_noted


def test_a_report_that_was_due_and_has_ended_is_not_the_one(project: Project) -> None:
    seed(project.database, "u1", next_report_at=DUE)
    project.set_delivery(DELIVERY, state="sent")
    answer = project.reports("send", "u1", "--json")
    assert answer.json["was_due"] is False
    assert answer.json["delivery_id"] != DELIVERY


def test_it_says_where_to_follow_it(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER)
    assert "reports deliveries list --user u1 --subscription default" in project.reports("send", "u1").out


@pytest.mark.parametrize(
    ("user", "subscription", "word"),
    [
        ({"active": False}, {}, "active is false"),
        ({"active": "yes"}, {}, "users/u1: active"),
        ({"time_zone": "Mars/Base"}, {}, "users/u1: time_zone"),
        ({}, {"cadence": "often"}, "users/u1/report_subscriptions/default: cadence: must be hourly, daily"),
        ({}, {"active": False, "paused_because": "bounced"}, "default is paused (bounced), so"),
        ({}, {"active": False}, "default is paused, so"),
        ({}, {"paused_until": datetime.now(UTC) + timedelta(days=1)}, "is paused"),
    ],
)
def test_who_gets_no_report_is_told_why(
    project: Project, user: dict[str, Any], subscription: dict[str, Any], word: str
) -> None:
    seed(project.database, "u1", next_report_at=LATER, user=user, **subscription)
    answer = project.reports("send", "u1")
    assert answer.status == 1
    assert word in answer.err
    assert answer.err.count("\n") == 1
    assert project.queued() == []


def test_who_does_not_exist_is_named_with_what_to_do(project: Project) -> None:
    user_reference(project.database, "u1").set(user_document("u1"))
    for arguments, said in {
        ("nobody",): "There is no user nobody: reports users find EMAIL finds a user",
        ("nobody", "weekly"): "There is no user nobody: ",
        ("u1",): "u1 has no subscription: reports subscriptions add makes one.",
        ("u1", "weekly"): "u1 has no subscription weekly: reports subscriptions add",
    }.items():
        answer = project.reports("send", *arguments)
        assert (answer.status, answer.err.startswith(said)) == (1, True), answer
    assert project.queued() == []


def test_what_a_task_needs_is_asked_for_by_name(project: Project) -> None:
    seed(project.database, "u1", next_report_at=LATER)
    answer = project.reports("send", "u1", WORKER_URL=None)
    assert answer.status == 3
    assert answer.err.startswith("WORKER_URL is not set")
    for variable, value in {"DEFAULT_CADENCE": "often", "DEFAULT_KIND": "My report"}.items():
        answer = project.reports("send", "u1", **{variable: value})
        assert (answer.status, answer.err.startswith(f"{variable}: ")) == (3, True), answer
