"""What a worker gets, and when."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from local_cloud.tasks.dispatch import Answer, Delivery
from local_cloud_tests.tasks.integration.worker import QUEUE, Received, Tasks, until

SERVICE_ACCOUNT = "tasks@my-project.iam.gserviceaccount.com"


def test_the_request_is_the_tasks_own(tasks: Tasks) -> None:
    request = {
        "http_method": "PUT",
        "headers": {"Content-Type": "application/json", "X-Own": "1, 2"},
        "body": b'{"user_id": "u1"}',
    }
    tasks.create("t", path="/a%2Fb?c=d", http_request=request)
    (received,) = tasks.wait_for(1)

    assert (received.method, received.path, received.body) == ("PUT", "/a%2Fb?c=d", b'{"user_id": "u1"}')
    assert received.headers["content-type"] == "application/json"
    assert received.headers["x-own"] == "1, 2"
    assert received.headers["user-agent"] == "Google-Cloud-Tasks"
    assert received.headers["content-length"] == "17"
    assert received.headers["host"] == tasks.worker.url.removeprefix("http://")
    assert "authorization" not in received.headers


def test_a_url_is_encoded_where_it_must_be(tasks: Tasks) -> None:
    tasks.create("t", path="/größe und zahl?q=a b")

    assert tasks.wait_for(1)[0].path == "/gr%C3%B6%C3%9Fe%20und%20zahl?q=a+b"


@pytest.mark.parametrize("body", [b"x", b""])
def test_a_task_that_names_no_content_type_has_none(tasks: Tasks, body: bytes) -> None:
    tasks.create("t", http_request={"body": body})

    assert "content-type" not in tasks.wait_for(1)[0].headers


@pytest.mark.parametrize("method", ["POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_every_method(tasks: Tasks, method: str) -> None:
    tasks.create("t", http_request={"http_method": method})
    tasks.idle()

    assert [received.method for received in tasks.worker.received] == [method]


def test_the_services_headers_on_the_first_attempt(tasks: Tasks) -> None:
    due = datetime.now(UTC).replace(microsecond=120_000) + timedelta(seconds=30)
    tasks.create(
        "t", schedule_time=due, http_request={"headers": {"X-CloudTasks-TaskName": "forged", "Host": "forged"}}
    )
    tasks.advance(seconds=31)
    (received,) = tasks.wait_for(1)

    services = {name: value for name, value in received.headers.items() if name.startswith("x-cloudtasks-")}
    assert services == {
        "x-cloudtasks-queuename": "reports",
        "x-cloudtasks-taskname": "t",
        "x-cloudtasks-taskretrycount": "0",
        "x-cloudtasks-taskexecutioncount": "0",
        "x-cloudtasks-tasketa": f"{due.timestamp():.6f}",
    }


def test_a_task_waits_for_its_time(tasks: Tasks) -> None:
    tasks.create("later", schedule_time=datetime.now(UTC) + timedelta(days=29))
    tasks.create("now")
    tasks.idle(due_only=True)
    assert [received.task for received in tasks.worker.received] == ["now"]

    tasks.advance(days=29, seconds=1)
    tasks.idle()
    assert [received.task for received in tasks.worker.received] == ["now", "later"]


@pytest.mark.parametrize(
    ("token", "header"),
    [
        ({"oidc_token": {"service_account_email": SERVICE_ACCOUNT, "audience": "https://worker"}}, "https://worker"),
        ({"oidc_token": {"service_account_email": SERVICE_ACCOUNT}}, "{url}"),
    ],
)
def test_an_oidc_token_is_for_the_audience_asked_for_or_the_url(
    tasks: Tasks, token: dict[str, Any], header: str
) -> None:
    sent: list[str] = []

    async def note(delivery: Delivery, send: Callable[[], Awaitable[Answer]]) -> Answer:
        sent.extend(name for name in delivery.headers if name.lower() == "authorization")
        return await send()

    tasks.emulator.delivery_middleware.append(note)
    tasks.create("t", http_request={**token, "headers": {"authorization": "Basic forged"}})
    (received,) = tasks.wait_for(1)

    assert sent == ["Authorization"]
    audience = header.format(url=f"{tasks.worker.url}/tasks/send")
    assert received.headers["authorization"] == f"Bearer {SERVICE_ACCOUNT}|{audience}"


def test_an_oauth_token(tasks: Tasks) -> None:
    tasks.create("t", http_request={"oauth_token": {"service_account_email": SERVICE_ACCOUNT}})

    assert tasks.wait_for(1)[0].headers["authorization"].startswith("Bearer ya29.")


def test_a_queue_overrides_where_its_tasks_go(tasks: Tasks) -> None:
    host, port = tasks.worker.url.removeprefix("http://").split(":")
    override = {"scheme": "HTTP", "host": host, "port": int(port), "path_override": {"path": "/else"}}
    tasks.client.update_queue(
        queue={
            "name": QUEUE,
            "http_target": {
                "uri_override": override,
                "http_method": "PUT",
                "header_overrides": [{"header": {"key": "X-Queue", "value": "1"}}],
                "oidc_token": {"service_account_email": SERVICE_ACCOUNT, "audience": "a"},
            },
        },
        update_mask={"paths": ["http_target"]},
    )
    tasks.client.create_task(parent=QUEUE, task={"http_request": {"url": "https://nowhere.invalid/tasks?q=1"}})
    (received,) = tasks.wait_for(1)

    assert (received.method, received.path) == ("PUT", "/else?q=1")
    assert received.headers["x-queue"] == "1"
    assert received.headers["authorization"] == f"Bearer {SERVICE_ACCOUNT}|a"


def test_no_more_are_under_way_than_the_queue_allows(tasks: Tasks) -> None:
    tasks.make_queue(max_concurrent_dispatches=3)
    released = tasks.call(tasks.worker.hold)
    for _ in range(10):
        tasks.create()
    tasks.wait_for(3)
    assert (tasks.counts().running, tasks.counts().waiting) == (3, 7)

    tasks.call(released.set)
    tasks.idle()
    assert tasks.counts().done == 10


def test_a_burst_goes_out_at_once_and_the_rest_at_the_rate(tasks: Tasks) -> None:
    tasks.make_queue(max_dispatches_per_second=0.001)
    for _ in range(12):
        tasks.create()
    until(lambda: tasks.counts().done == 10)
    assert tasks.counts().waiting == 2

    tasks.advance(seconds=1000)
    until(lambda: tasks.counts().done == 11)
    assert tasks.counts().waiting == 1


def test_run_task_goes_out_over_the_rate(tasks: Tasks) -> None:
    tasks.make_queue(max_dispatches_per_second=0.001)
    for number in range(11):
        tasks.create(f"t{number}")
    until(lambda: tasks.counts().done == 10)
    tasks.client.run_task(name=f"{QUEUE}/tasks/t10")

    tasks.idle()
    assert tasks.counts().done == 11


def test_connections_are_used_again(tasks: Tasks) -> None:
    async def answer_at_length(_request: Received) -> web.Response:
        return web.Response(text="x" * 100_000)

    tasks.worker.answer = answer_at_length
    tasks.make_queue(max_concurrent_dispatches=1)
    for _ in range(20):
        tasks.create()
    tasks.idle()

    assert len(tasks.worker.connections) == 1


def test_several_thousand_tasks_all_arrive(tasks: Tasks) -> None:
    for _ in range(20):
        tasks.client.batch_create_tasks(
            {"parent": QUEUE, "requests": [{"parent": QUEUE, "task": tasks.task()} for _ in range(100)]}
        )

    def all_arrived() -> bool:
        counts = tasks.counts()
        # The next second's dispatches; not while some are under way, which would take too long then.
        if counts.waiting and not counts.running:
            tasks.advance(seconds=1)
        return not counts.depth

    until(all_arrived)

    assert len({received.task for received in tasks.worker.received}) == 2000
    assert tasks.counts().done == 2000


def running_coroutines(tasks: Tasks) -> list[str]:
    """The coroutines of the emulator that run on its loop."""
    return [text for task in asyncio.all_tasks(tasks.loop) if "local_cloud/tasks" in (text := str(task))]


def test_stopping_leaves_nothing_running(tasks: Tasks) -> None:
    tasks.call(tasks.worker.hold)
    tasks.create("t")
    tasks.wait_for(1)
    assert running_coroutines(tasks)
    tasks.run(tasks.emulator.stop())

    assert running_coroutines(tasks) == []


def test_a_deleted_queue_leaves_nothing_running(tasks: Tasks) -> None:
    assert running_coroutines(tasks)
    tasks.client.delete_queue(name=QUEUE)

    until(lambda: running_coroutines(tasks) == [])
