"""The queue's commands."""

import pytest
from google.cloud import tasks_v2

from functions.shared.queues.task_queue import cloud_tasks_client
from tests.operations.integration.conftest import LOCATION, Project

QUEUE_KEYS = {
    *("queue", "state", "tasks", "more_tasks", "failing", "waiting_since", "rate", "burst", "concurrent"),
    *("max_attempts", "min_backoff_seconds", "max_backoff_seconds", "max_doublings", "max_retry_duration_seconds"),
    "ramp",
}
RAMP = {"RAMP_START": "2126-12-01", "RAMP_FIRST_DAY": "864", "QUEUE_RATE": "10"}
"""Before a ramp starts, its first day holds."""
RAMP_OVER = {**RAMP, "RAMP_START": "2020-01-01"}
TASK_KEYS = {
    *("task", "queue", "scheduled_for", "created_at", "attempts", "responses", "last_attempt_at", "last_status"),
    "last_message",
}
BOTH = {"REPORT_QUEUES": "reports,more"}


def test_a_queue_is_shown(project: Project) -> None:
    project.dead_letter()
    project.reports("dead-letters", "replay", "--all", "--yes")
    [row] = project.reports("queue", "show", "--json").json
    assert row.keys() == QUEUE_KEYS
    assert (row["queue"], row["state"], row["tasks"], row["more_tasks"]) == ("reports", "paused", 1, False)
    assert (row["rate"], row["concurrent"], row["max_attempts"]) == (10, 100, 8)
    assert (row["min_backoff_seconds"], row["max_backoff_seconds"]) == (10, 300)
    heading, shown = project.reports("queue", "show").out.splitlines()
    assert "max_backoff_seconds" in heading
    assert "300.0" in shown


def test_a_ramp_is_shown_with_what_waits(project: Project) -> None:
    assert project.reports("queue", "show", "--json").json[0]["ramp"] is None
    project.dead_letter()
    project.reports("dead-letters", "replay", "--all", "--yes")

    row = project.reports("queue", "show", "--json", **RAMP).json[0]
    assert row["ramp"].keys() == {"day", "days", "allowance", "rate", "sent_by"}
    assert (row["ramp"]["day"], row["ramp"]["days"], row["ramp"]["allowance"]) == (1, 18, 864)
    shown = project.reports("queue", "show", **RAMP).out
    assert "A new domain is ramped up: day 1 of 18 allows 864 reports." in shown
    assert "Tasks that wait: 1. At the ramp's rate they are sent by" in shown
    assert "reports has 10 reports a second, and the ramp 0.01" in shown

    project.reports("queue", "set", "--rate", "0.01")
    assert "and the ramp" not in project.reports("queue", "show", **RAMP).out
    assert "The ramp is over: take RAMP_START out" in project.reports("queue", "show", **RAMP_OVER).out


def test_a_rate_that_is_set_during_a_ramp_does_not_last(project: Project) -> None:
    assert "ramped up" in project.reports("queue", "set", "--rate", "5", **RAMP).err
    assert "ramped up" not in project.reports("queue", "set", "--rate", "4").err


def test_a_malformed_ramp_is_said_in_one_line(project: Project) -> None:
    answer = project.reports("queue", "show", **{**RAMP, "RAMP_GROWTH": "0.5"})
    assert answer.status == 3
    assert answer.err.startswith("RAMP_GROWTH: ")


def test_all_queues_or_one(project: Project) -> None:
    project.make_queue("more")
    assert [row["queue"] for row in project.reports("queue", "show", "--json", **BOTH).json] == ["reports", "more"]
    one = project.reports("queue", "show", "--json", "--queue", "more", **BOTH).json
    assert [row["queue"] for row in one] == ["more"]


def test_paused_and_resumed(project: Project) -> None:
    project.make_queue("more")
    for command, state in (("resume", "running"), ("pause", "paused")):
        assert project.reports("queue", command, **BOTH).status == 0
        assert {row["state"] for row in project.reports("queue", "show", "--json", **BOTH).json} == {state}


def test_tasks_are_listed(project: Project) -> None:
    assert project.reports("queue", "tasks").out == "The queue is empty.\n"
    for user in ("u1", "u2"):
        project.dead_letter(user)
    project.reports("dead-letters", "replay", "--all", "--yes")
    rows = project.reports("queue", "tasks", "--json").json
    assert {row["task"].partition("-")[2] for row in rows} == {
        f"{user}_default_20261124T1300Z-replay1" for user in ("u1", "u2")
    }
    assert rows[0].keys() == TASK_KEYS
    assert (rows[0]["attempts"], rows[0]["last_status"]) == (0, None)
    assert rows[0]["scheduled_for"].endswith("Z")
    assert len(project.reports("queue", "tasks", "--json", "--limit", "1").json) == 1


def test_a_task_is_run_though_its_queue_is_paused(project: Project) -> None:
    project.make_queue("more")
    project.dead_letter()
    # No server listens there: the attempt fails at once.
    project.reports("dead-letters", "replay", "--all", "--yes", WORKER_URL="http://127.0.0.1:9")
    [task] = project.queued()
    name = task.name.rpartition("/")[2]
    for _ in range(2):  # by its id, and by its whole name
        answer = project.reports("queue", "run-task", name, "--json", REPORT_QUEUES="more,reports")
        assert answer.status == 0
        assert (answer.json["task"], answer.json["queue"]) == (task.name.rpartition("/")[2], "reports")
        name = task.name
    assert project.reports("queue", "run-task", "unheard-of").status == 1


def test_settings_are_changed_and_shown(project: Project) -> None:
    answer = project.reports(
        *("queue", "set", "--rate", "2.5", "--min-backoff", "0.5s", "--max-backoff", "10m"),
        "--json",
    )
    assert answer.status == 0
    assert answer.json == [
        {"queue": "reports", "setting": "rate", "before": 10.0, "after": 2.5},
        {"queue": "reports", "setting": "min_backoff", "before": "10s", "after": "0.5s"},
        {"queue": "reports", "setting": "max_backoff", "before": "300s", "after": "600s"},
    ]
    assert "queue.yaml" in answer.err
    queue = cloud_tasks_client().get_queue(name=project.queue)
    assert queue.rate_limits.max_dispatches_per_second == 2.5
    # What was not named is as it was.
    assert (queue.rate_limits.max_concurrent_dispatches, queue.retry_config.max_attempts) == (100, 8)
    assert queue.retry_config.max_doublings == 3
    assert queue.state is tasks_v2.Queue.State.PAUSED


def test_attempts_are_changed_with_a_warning_for_the_worker(project: Project) -> None:
    answer = project.reports("queue", "set", "--max-attempts", "5")
    assert answer.status == 0
    assert "MAX_ATTEMPTS (now 8) to 5" in answer.err
    assert "MAX_ATTEMPTS" not in project.reports("queue", "set", "--max-attempts", "6", MAX_ATTEMPTS="6").err


def test_all_queues_are_set_alike(project: Project) -> None:
    project.make_queue("more")
    assert len(project.reports("queue", "set", "--concurrent", "7", "--json", **BOTH).json) == 2
    assert {row["concurrent"] for row in project.reports("queue", "show", "--json", **BOTH).json} == {7}


def test_what_is_so_already_is_no_change(project: Project) -> None:
    answer = project.reports("queue", "set", "--rate", "10")
    assert (answer.status, answer.err) == (0, "")
    assert "so already" in answer.out


def test_a_dry_run_of_settings_changes_nothing(project: Project) -> None:
    answer = project.reports("queue", "set", "--rate", "20", "--dry-run", "--json")
    assert answer.json == [{"queue": "reports", "setting": "rate", "before": 10.0, "after": 20.0}]
    assert cloud_tasks_client().get_queue(name=project.queue).rate_limits.max_dispatches_per_second == 10


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--rate", "0"],
        ["--rate", "501"],
        ["--concurrent", "5001"],
        ["--max-attempts", "0"],
        ["--min-backoff", "10"],
        ["--max-doublings", "-1"],
    ],
)
def test_settings_out_of_bounds_are_a_usage_error(project: Project, arguments: list[str]) -> None:
    assert project.reports("queue", "set", *arguments).status == 2


def test_a_shortest_wait_above_the_longest_is_refused(project: Project) -> None:
    answer = project.reports("queue", "set", "--min-backoff", "10m")
    assert answer.status == 1
    assert "--min-backoff 600s is longer than --max-backoff 300s" in answer.err


def test_all_queues_are_set_or_none(project: Project) -> None:
    assert project.reports("queue", "set", "--rate", "5", REPORT_QUEUES="reports,nowhere").status == 1
    assert project.reports("queue", "show", "--json").json[0]["rate"] == 10


@pytest.mark.parametrize("command", [["show"], ["pause"], ["resume"], ["tasks"], ["set", "--rate", "1"]])
def test_a_queue_that_does_not_exist_is_named_and_not_made(project: Project, command: list[str]) -> None:
    answer = project.reports("queue", command[0], "--queue", "nowhere", *command[1:])
    assert answer.status == 1
    assert "no queue nowhere" in answer.err
    assert answer.err.count("\n") == 1
    parent = f"projects/{project.id}/locations/{LOCATION}"
    assert [queue.name.rpartition("/")[2] for queue in cloud_tasks_client().list_queues(parent=parent)] == ["reports"]
