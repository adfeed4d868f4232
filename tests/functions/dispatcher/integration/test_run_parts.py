"""A run that would take too long hands its rest to itself."""

from typing import Any

from tests.functions.dispatcher.integration.conftest import DISPATCHER_URL, HOUR, NOON, SCHEDULER, TASKS, Answer, Cloud

NO_TIME = {"DISPATCH_TIME_LIMIT": "0.000001"}
"""Each part of the run handles one user."""


def carry_on(cloud: Cloud, body: bytes, *, invoker: str = TASKS, variables: dict[str, str] | None = None) -> Answer:
    """Call the dispatcher as the queue does."""
    return cloud.call(
        None,
        token=cloud.identity.mint(invoker, DISPATCHER_URL),
        path="/dispatch",
        headers={"X-CloudTasks-QueueName": "reports", "X-CloudTasks-TaskName": "rest"},
        body=body,
        variables=variables,
    )


def rests(cloud: Cloud) -> list[Any]:
    """The continuations that wait in the queue."""
    return [task for task in cloud.tasks() if task.http_request.url == f"{DISPATCHER_URL}/dispatch"]


def test_the_parts_of_a_run_add_up(cloud: Cloud) -> None:
    users = {cloud.user(next_report_at=NOON - HOUR * (number % 2)) for number in range(5)}
    new_users = {cloud.user(next_report_at=...) for _ in range(3)}

    answer = cloud.call(variables=NO_TIME)
    parts = 1
    while answer.body["continued"]:
        assert cloud.record("21261124T1200Z")["state"] == "running"
        (rest,) = rests(cloud)
        assert rest.http_request.oidc_token.service_account_email == TASKS
        assert rest.http_request.oidc_token.audience == DISPATCHER_URL
        cloud.queues.delete_task(name=rest.name)
        answer = carry_on(cloud, rest.http_request.body, variables=NO_TIME)
        assert answer.status == 200
        parts += 1

    assert parts > 5
    figures = {"due": 8, "dispatched": 8, "already_dispatched": 0, "enrolled": 3, "errors": 0}
    assert {name: answer.body[name] for name in figures} == figures
    record = cloud.record("21261124T1200Z")
    assert {name: record[name] for name in figures} == figures
    assert record["state"] == "finished"
    assert {report.user_id for report in cloud.reports()} == users | new_users


def test_a_part_that_is_repeated_counts_once(cloud: Cloud) -> None:
    for _ in range(3):
        cloud.user()
    cloud.call(variables=NO_TIME)
    (rest,) = rests(cloud)
    cloud.queues.delete_task(name=rest.name)
    carry_on(cloud, rest.http_request.body)
    answer = carry_on(cloud, rest.http_request.body)
    assert (answer.body["due"], answer.body["dispatched"] + answer.body["already_dispatched"]) == (3, 3)
    assert cloud.record("21261124T1200Z")["due"] == 3


def test_only_the_tasks_account_carries_on(cloud: Cloud) -> None:
    cloud.user()
    cloud.user()
    cloud.call(variables=NO_TIME)
    (rest,) = rests(cloud)
    assert carry_on(cloud, rest.http_request.body, invoker=SCHEDULER).status == 403


def test_a_rest_that_is_none_is_refused_by_field(cloud: Cloud) -> None:
    answer = carry_on(cloud, b'{"run_id": "r"}')
    assert answer.status == 400
    assert "scheduled_for" in answer.body["error"]
