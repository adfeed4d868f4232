"""A run that would take too long hands what is left to itself."""

from typing import Any

from tests.functions.dispatcher.integration.conftest import DISPATCHER_URL, HOUR, NOON, SCHEDULER, TASKS, Answer, Cloud

NO_TIME = {"DISPATCH_TIME_LIMIT": "0.000001"}
"""Each part of the run handles one report, or one page of what is new."""


def carry_on(cloud: Cloud, body: bytes, *, invoker: str = TASKS, variables: dict[str, str] | None = None) -> Answer:
    """Call the dispatcher as the queue does."""
    return cloud.call(
        None,
        token=cloud.identity.mint(invoker, DISPATCHER_URL),
        path="/dispatch",
        headers={"X-CloudTasks-QueueName": "reports", "X-CloudTasks-TaskName": "part"},
        body=body,
        variables=variables,
    )


def parts(cloud: Cloud) -> list[Any]:
    """The parts of a run that wait in the queue."""
    return [task for task in cloud.tasks() if task.http_request.url == f"{DISPATCHER_URL}/dispatch"]


def take_parts(cloud: Cloud) -> list[bytes]:
    """The bodies of the parts that wait in the queue, which they are taken out of."""
    tasks = parts(cloud)
    for task in tasks:
        cloud.queues.delete_task(name=task.name)
    return [task.http_request.body for task in tasks]


def finish(cloud: Cloud, answer: Answer, *, variables: dict[str, str] | None = None) -> list[Answer]:
    """Carry a run on to its end. Returns what the parts answered."""
    answers = [answer]
    while answers[-1].body["continued"]:
        assert cloud.record("21261124T1200Z")["state"] == "running"
        (body,) = take_parts(cloud)
        answers.append(carry_on(cloud, body, variables=variables))
        assert answers[-1].status == 200
    return answers


def test_the_parts_of_a_run_add_up(cloud: Cloud) -> None:
    users = {cloud.subscribed_user(next_report_at=NOON - HOUR * (number % 2)) for number in range(5)}
    new_users = {cloud.user(enrolled_at=None if number % 2 else ...) for number in range(5)}
    scheduled = {cloud.subscribed_user(next_report_at=..., shard=None if number % 2 else ...) for number in range(5)}

    first = cloud.call(variables=NO_TIME)
    (part,) = parts(cloud)
    assert part.http_request.oidc_token.service_account_email == TASKS
    assert part.http_request.oidc_token.audience == DISPATCHER_URL
    answers = finish(cloud, first, variables=NO_TIME)

    # One report each, then two pages of subscriptions and two of users: by the index, and by the sweep.
    assert len(answers) == 5 + 1 + 4
    figures = {"due": 15, "dispatched": 15, "already_dispatched": 0, "scheduled": 5, "enrolled": 5, "errors": 0}
    assert {name: answers[-1].body[name] for name in figures} == figures
    record = cloud.record("21261124T1200Z")
    assert {name: record[name] for name in figures} == figures
    assert record["state"] == "finished"
    assert {report.user_id for report in cloud.reports()} == users | new_users | scheduled


def test_only_the_tasks_account_carries_on(cloud: Cloud) -> None:
    cloud.subscribed_user()
    cloud.subscribed_user()
    cloud.call(variables=NO_TIME)
    (body,) = take_parts(cloud)
    assert carry_on(cloud, body, invoker=SCHEDULER).status == 403


def test_a_part_that_is_none_is_refused_by_field(cloud: Cloud) -> None:
    answer = carry_on(cloud, b'{"run_id": "r"}')
    assert answer.status == 400
    assert "scheduled_for" in answer.body["error"]


def test_a_part_that_comes_again_after_the_run_has_ended_changes_nothing(cloud: Cloud) -> None:
    users = [cloud.subscribed_user() for _ in range(3)]
    first = cloud.call(variables=NO_TIME)
    (part,) = take_parts(cloud)
    finish(cloud, carry_on(cloud, part, variables=NO_TIME), variables=NO_TIME)
    assert first.body["continued"]
    before = cloud.record("21261124T1200Z")
    assert (before["state"], before["due"]) == ("finished", 3)
    carry_on(cloud, part, variables=NO_TIME)
    assert cloud.record("21261124T1200Z") == before
    assert sorted(report.user_id for report in cloud.reports()) == users


def test_an_attempt_that_was_overtaken_changes_nothing_but_its_own_record(cloud: Cloud) -> None:
    users = [cloud.subscribed_user() for _ in range(3)]
    cloud.call(variables=NO_TIME)
    (overtaken,) = take_parts(cloud)
    cloud.call()
    before = cloud.record("21261124T1200Z")
    assert (before["state"], before["dispatched"], before["already_dispatched"]) == ("finished", 2, 1)
    assert carry_on(cloud, overtaken).status == 200
    after = cloud.record("21261124T1200Z")
    (kept,) = after.pop("earlier_attempts")
    del before["earlier_attempts"]
    assert after == before
    assert (kept["state"], kept["due"], kept["dispatched"], kept["already_dispatched"]) == ("finished", 3, 1, 2)
    assert sorted(report.user_id for report in cloud.reports()) == users


def test_a_part_that_cannot_be_handed_over_fails_the_run(cloud: Cloud) -> None:
    users = [cloud.subscribed_user() for _ in range(3)]
    answer = cloud.call(variables={**NO_TIME, "CONTINUATION_QUEUE": "no-such-queue"})
    assert (answer.status, answer.body["errors"]) == (500, 1)
    assert cloud.record("21261124T1200Z")["state"] == "failed"
    assert cloud.call().body["due"] == 3
    assert sorted(report.user_id for report in cloud.reports()) == users
