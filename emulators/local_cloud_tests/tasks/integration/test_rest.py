"""The REST API: by Google's own client, by gcloud-aio-taskqueue, and by hand for what no client sends."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
import requests
from aiohttp import web
from gcloud.aio.taskqueue import PushQueue
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksRestTransport
from google.iam.v1 import policy_pb2

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.errors import PortInUse
from local_cloud.http import HttpServer
from local_cloud.rpc import RpcError, current_request
from local_cloud.tasks.server import TasksEmulator
from local_cloud_tests.tasks.integration.worker import LOCATION, QUEUE, Tasks

FULL = tasks_v2.Task.View.FULL
BODY = bytes(range(256))


def address(tasks: Tasks) -> str:
    return f"127.0.0.1:{tasks.emulator.rest_port}"


@pytest.fixture
def rest(tasks: Tasks) -> Iterator[Any]:
    """Google's own client, over REST."""
    transport = CloudTasksRestTransport(
        host=address(tasks),
        url_scheme="http",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]  # google-auth
    )
    with tasks_v2.CloudTasksClient(transport=transport) as client:
        yield client


@pytest.fixture
def paused(tasks: Tasks) -> Tasks:
    tasks.client.pause_queue(name=QUEUE)
    return tasks


def call(tasks: Tasks, method: str, path: str, body: bytes | str | None = None) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    headers = {} if body is None else {"Content-Type": "application/json"}
    response = requests.request(method, f"http://{address(tasks)}{path}", data=body, headers=headers, timeout=10)
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    return response.status_code, response.json()


def refusal(tasks: Tasks, method: str, path: str, body: bytes | str | None = None) -> tuple[int, str, str]:
    """HTTP status, gRPC status and message of a refusal."""
    status, answer = call(tasks, method, path, body)
    assert answer["error"]["code"] == status
    return status, answer["error"]["status"], answer["error"]["message"]


def test_a_queue_from_its_making_to_its_end(tasks: Tasks, rest: Any) -> None:
    name = f"{LOCATION}/queues/other"
    created = rest.create_queue(parent=LOCATION, queue={"name": name, "rate_limits": {"max_dispatches_per_second": 5}})
    assert created.rate_limits.max_dispatches_per_second == 5
    assert rest.get_queue(name=name) == created == tasks.client.get_queue(name=name)
    assert [queue.name for queue in rest.list_queues(parent=LOCATION)] == [name, QUEUE]
    assert [queue.name for queue in rest.list_queues({"parent": LOCATION, "filter": "state: PAUSED"})] == []

    changed = rest.update_queue(
        queue={"name": name, "rate_limits": {"max_dispatches_per_second": 7}, "retry_config": {"max_attempts": 3}},
        update_mask={"paths": ["rate_limits.max_dispatches_per_second"]},
    )
    assert changed.rate_limits.max_dispatches_per_second == 7
    assert changed.retry_config == created.retry_config

    assert rest.pause_queue(name=name).state == tasks_v2.Queue.State.PAUSED
    rest.create_task(parent=name, task=tasks.task(queue=name))
    assert rest.purge_queue(name=name).purge_time is not None
    assert list(rest.list_tasks(parent=name)) == []
    assert rest.resume_queue(name=name).state == tasks_v2.Queue.State.RUNNING

    rest.delete_queue(name=name)
    with pytest.raises(exceptions.NotFound, match="Queue does not exist"):
        rest.get_queue(name=name)


def test_a_task_is_delivered_with_its_body_intact(tasks: Tasks, rest: Any) -> None:
    task = tasks.task("t", http_request={"body": BODY, "headers": {"X-Own": "é"}})
    created = rest.create_task(parent=QUEUE, task=task)
    tasks.idle()

    assert created.name == f"{QUEUE}/tasks/t"
    (received,) = tasks.worker.received
    assert (received.task, received.method, received.body) == ("t", "POST", BODY)


def test_a_task_is_the_same_over_rest_and_over_grpc(paused: Tasks, rest: Any) -> None:
    created = rest.create_task(
        tasks_v2.CreateTaskRequest(parent=QUEUE, task=paused.task("t", http_request={"body": BODY}), response_view=FULL)
    )
    assert created.http_request.body == BODY
    assert rest.get_task({"name": created.name, "response_view": FULL}) == created
    assert rest.get_task(name=created.name).http_request.body == b""
    assert paused.get("t", response_view=FULL) == created


def test_a_name_is_taken_once(paused: Tasks, rest: Any) -> None:
    rest.create_task(parent=QUEUE, task=paused.task("t"))
    with pytest.raises(exceptions.Conflict, match="Requested entity already exists"):
        rest.create_task(parent=QUEUE, task=paused.task("t"))

    body = json.dumps({"task": {"name": f"{QUEUE}/tasks/t", "httpRequest": {"url": "http://localhost/"}}})
    assert refusal(paused, "POST", f"/v2/{QUEUE}/tasks", body)[:2] == (409, "ALREADY_EXISTS")


def test_tasks_are_listed_in_pages(paused: Tasks, rest: Any) -> None:
    for number in range(25):
        paused.create(f"t{number}")
    pages = list(rest.list_tasks({"parent": QUEUE, "page_size": 10, "response_view": FULL}).pages)

    assert [len(page.tasks) for page in pages] == [10, 10, 5]
    assert [task.name for page in pages for task in page.tasks] == [f"{QUEUE}/tasks/t{number}" for number in range(25)]
    assert pages[0].tasks[0].view == FULL


def test_a_task_is_run_and_deleted(paused: Tasks, rest: Any) -> None:
    paused.create("run")
    paused.create("delete")
    assert rest.run_task(name=f"{QUEUE}/tasks/run").name == f"{QUEUE}/tasks/run"
    paused.wait_for(1)
    rest.delete_task(name=f"{QUEUE}/tasks/delete")
    paused.idle()

    assert [received.task for received in paused.worker.received] == ["run"]


def test_batches_and_their_operations(paused: Tasks, rest: Any) -> None:
    paused.create("there")
    creates = [{"parent": QUEUE, "task": paused.task(task_id)} for task_id in ("a", "there", "b")]
    operation = rest.batch_create_tasks({"parent": QUEUE, "requests": creates})

    assert operation.metadata.failed_requests[1].code == grpc.StatusCode.ALREADY_EXISTS.value[0]
    assert [task.name for task in operation.result().tasks] == [f"{QUEUE}/tasks/a", f"{QUEUE}/tasks/b"]
    found = rest.get_operation({"name": operation.operation.name})
    assert found.done
    assert found.name == operation.operation.name
    deleted = rest.batch_delete_tasks({"parent": QUEUE, "names": [f"{QUEUE}/tasks/a"]})
    assert deleted.done()


def test_policies_and_locations(tasks: Tasks, rest: Any) -> None:
    binding = policy_pb2.Binding(role="roles/cloudtasks.enqueuer", members=["allUsers"])
    policy = rest.set_iam_policy({"resource": QUEUE, "policy": policy_pb2.Policy(bindings=[binding])})
    assert rest.get_iam_policy({"resource": QUEUE}) == policy
    permissions = ["cloudtasks.tasks.create"]
    assert rest.test_iam_permissions({"resource": QUEUE, "permissions": permissions}).permissions == permissions

    assert rest.get_location({"name": LOCATION}).location_id == "europe-west1"
    assert [found.name for found in rest.list_locations({"name": "projects/my-project"}).locations] == [LOCATION]


def test_what_is_not_implemented_is_answered_so(rest: Any) -> None:
    with pytest.raises(exceptions.MethodNotImplemented):
        rest.get_cmek_config(name=f"{LOCATION}/cmekConfig")


def test_gcloud_aio(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDTASKS_EMULATOR_HOST", address(tasks))
    tasks.client.pause_queue(name=QUEUE)
    name = f"{QUEUE}/tasks/t"
    task = {"name": name, "httpRequest": {"url": f"{tasks.worker.url}/", "body": b64encode(BODY).decode()}}

    async def all_of_it() -> None:
        async with PushQueue("my-project", "reports", "europe-west1") as queue:
            created = await queue.create(task)
            assert b64decode(created["httpRequest"]["body"]) == BODY
            assert await queue.get(name, full=True) == created
            assert (await queue.get(name))["view"] == "BASIC"
            listed = await queue.list(page_size=5)
            assert [found["name"] for found in listed["tasks"]] == [name]
            assert (await queue.run(name))["name"] == name
            await queue.create({**task, "name": f"{name}2"})
            assert await queue.delete(f"{name}2") == {}

    asyncio.run(all_of_it())
    tasks.idle()
    (received,) = tasks.worker.received
    assert received.body == BODY


def test_names_are_those_of_json_or_of_the_definition(paused: Tasks) -> None:
    request = {"task": {"http_request": {"url": "http://localhost/", "body": "YQ"}}, "response_view": "FULL"}
    status, task = call(paused, "POST", f"/v2/{QUEUE}/tasks", json.dumps(request))

    assert status == 200
    assert task["httpRequest"]["body"] == "YQ=="
    assert task["httpRequest"]["httpMethod"] == "POST"
    assert task["dispatchDeadline"] == "600s"
    for query in ("pageSize=1&responseView=FULL", "page_size=1&response_view=2", "%24alt=json&key=k&responseView=FULL"):
        assert call(paused, "GET", f"/v2/{QUEUE}/tasks?{query}") == (200, {"tasks": [task]})


def test_an_empty_body_is_an_empty_request(tasks: Tasks) -> None:
    assert call(tasks, "POST", f"/v2/{QUEUE}:pause")[1]["state"] == "PAUSED"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"task": ', "Invalid JSON payload received. Expecting value"),
        (b"\xff", "Invalid JSON payload received. 'utf-8'"),
        ("[]", "Root element must be a message"),
        ('{"tusk": {}}', 'Invalid JSON payload received. Unknown name "tusk": Cannot find field.'),
        (
            '{"task": {"httpRequst": {}}}',
            "Invalid JSON payload received. Unknown name \"httpRequst\" at 'task': Cannot find field.",
        ),
        ('{"task": "t"}', "Invalid value at 'task' (type.googleapis.com/google.cloud.tasks.v2.Task), \"t\""),
        (
            '{"task": {"httpRequest": {"body": "{\\"a\\": 1}"}}}',
            "Invalid value at 'task.http_request.body' (TYPE_BYTES), Base64 decoding failed for",
        ),
        ('{"task": {"dispatchDeadline": "soon"}}', 'Duration must end with letter "s"'),
        ('{"task": {"httpRequest": {"httpMethod": "POKE"}}}', "Invalid enum value POKE"),
        ("{}", "Task.httpRequest is required."),
    ],
)
def test_a_body_that_is_wrong(tasks: Tasks, body: bytes | str, message: str) -> None:
    status, code, text = refusal(tasks, "POST", f"/v2/{QUEUE}/tasks", body)

    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert message in text


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("size=1", "Unknown name \"size\": Cannot bind query parameter. Field 'size' could not be found"),
        ("pageSize=many", "Failed to parse pageSize field"),
        ("pageSize.x=1", "Cannot bind query parameter. Field 'x'"),
    ],
)
def test_a_parameter_that_is_wrong(tasks: Tasks, query: str, message: str) -> None:
    status, code, text = refusal(tasks, "GET", f"/v2/{QUEUE}/tasks?{query}")

    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert message in text


@pytest.mark.parametrize("query", ["alt=proto", "%24alt=media", "fields=name", "callback=f"])
def test_a_parameter_that_would_change_the_answer_is_not_passed_over(tasks: Tasks, query: str) -> None:
    assert refusal(tasks, "GET", f"/v2/{QUEUE}?{query}")[:2] == (501, "UNIMPLEMENTED")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", f"/v3/{QUEUE}"),
        ("GET", f"/v2beta3/{QUEUE}"),
        ("PUT", f"/v2/{QUEUE}/tasks"),
        ("POST", f"/v2/{QUEUE}:stop"),
        ("GET", f"/v2/{QUEUE}/tasks/t/more"),
    ],
)
def test_a_path_that_is_no_method(tasks: Tasks, method: str, path: str) -> None:
    assert refusal(tasks, method, path) == (404, "NOT_FOUND", f"There is no method at {method} {path}.")


def test_a_refusal_says_what_it_is_about(tasks: Tasks) -> None:
    _, answer = call(tasks, "POST", f"/v2/{QUEUE}/tasks", '{"task": {"nom": "t"}}')
    (detail,) = answer["error"]["details"]

    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert detail["fieldViolations"] == [{"field": "task", "description": answer["error"]["message"]}]


def test_middleware_is_around_rest_calls_too(background: Background) -> None:
    seen: list[tuple[str, str]] = []

    async def refuse(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        await carry_out()
        seen.append((method, current_request().queue.name))
        raise RpcError(grpc.StatusCode.UNAVAILABLE, "The answer is lost.")

    async def start() -> TasksEmulator:
        emulator = TasksEmulator(
            host="127.0.0.1", port=0, rest_port=0, clock=Clock(), mint_token=str.__add__, middleware=[refuse]
        )
        await emulator.start()
        return emulator

    emulator = background.run(start())
    try:
        answer = requests.post(
            f"http://127.0.0.1:{emulator.rest_port}/v2/{LOCATION}/queues", json={"name": QUEUE}, timeout=10
        )
    finally:
        background.run(emulator.stop())
    assert (answer.status_code, answer.json()["error"]) == (
        503,
        {"code": 503, "message": "The answer is lost.", "status": "UNAVAILABLE"},
    )
    assert seen == [("/google.cloud.tasks.v2.CloudTasks/CreateQueue", QUEUE)]


def test_a_port_that_is_taken_leaves_nothing_started(background: Background) -> None:
    async def start() -> None:
        taken = HttpServer("test", web.Application(), "127.0.0.1", 0)
        await taken.start()
        at: dict[str, Any] = {"host": "127.0.0.1", "clock": Clock(), "mint_token": str.__add__}
        emulator = TasksEmulator(port=0, rest_port=taken.port, **at)
        with pytest.raises(PortInUse, match="Cloud Tasks over REST"):
            await emulator.start()
        # The other port was given back.
        again = TasksEmulator(port=emulator.port, **at)
        await again.start()
        await again.stop()
        await taken.stop()

    background.run(start())
