"""The methods of tasks, by Google's own client."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2

from local_cloud_tests.tasks.integration.worker import LOCATION, QUEUE, Tasks

FULL = tasks_v2.Task.View.FULL
BASIC = tasks_v2.Task.View.BASIC


@pytest.fixture
def paused(tasks: Tasks) -> Tasks:
    tasks.client.pause_queue(name=QUEUE)
    return tasks


def test_a_task_comes_back_as_it_was_accepted(paused: Tasks) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    created = paused.create("t", http_request={"body": b"{}", "headers": {"X-Own": "1"}})

    assert created.name == f"{QUEUE}/tasks/t"
    assert created.view == BASIC
    assert created.http_request.body == b""
    assert created.http_request.http_method == tasks_v2.HttpMethod.POST
    assert dict(created.http_request.headers) == {"X-Own": "1", "User-Agent": "Google-Cloud-Tasks"}
    assert created.dispatch_deadline == timedelta(minutes=10)
    assert before <= created.schedule_time <= datetime.now(UTC)
    assert created.create_time.microsecond == 0
    assert paused.get("t") == created


def test_the_body_is_shown_in_the_full_view_only(paused: Tasks) -> None:
    task = paused.task("t", http_request={"body": b"{}"})
    created = paused.client.create_task(tasks_v2.CreateTaskRequest(parent=QUEUE, task=task, response_view=FULL))

    assert created.http_request.body == b"{}"
    assert paused.get("t", response_view=FULL) == created
    assert paused.get("t").http_request.body == b""
    listed = paused.client.list_tasks(tasks_v2.ListTasksRequest(parent=QUEUE, response_view=FULL))
    assert list(listed) == [created]


def test_a_task_without_a_name_gets_one(paused: Tasks) -> None:
    names = {paused.create().name for _ in range(3)}

    assert len(names) == 3
    assert {task.name for task in paused.client.list_tasks(parent=QUEUE)} == names


def test_tasks_are_listed_in_pages(paused: Tasks) -> None:
    for number in range(25):
        paused.create(f"t{number}")

    pages = list(paused.client.list_tasks(tasks_v2.ListTasksRequest(parent=QUEUE, page_size=10)).pages)
    assert [len(page.tasks) for page in pages] == [10, 10, 5]
    assert [task.name for page in pages for task in page.tasks] == [f"{QUEUE}/tasks/t{number}" for number in range(25)]


def test_the_last_page_has_no_token_even_when_it_is_full(paused: Tasks) -> None:
    for number in range(4):
        paused.create(f"t{number}")

    pages = list(paused.client.list_tasks(tasks_v2.ListTasksRequest(parent=QUEUE, page_size=2)).pages)
    assert [page.next_page_token != "" for page in pages] == [True, False]


def test_an_old_page_token_is_refused(paused: Tasks) -> None:
    for number in range(2):
        paused.create(f"t{number}")
    request = tasks_v2.ListTasksRequest(parent=QUEUE, page_size=1)
    request.page_token = next(iter(paused.client.list_tasks(request).pages)).next_page_token
    paused.advance(hours=2, seconds=1)

    with pytest.raises(exceptions.InvalidArgument, match="page_token has expired"):
        paused.client.list_tasks(request)


def test_a_page_token_of_another_list_is_refused(paused: Tasks) -> None:
    queues = tasks_v2.ListQueuesRequest(parent=LOCATION, page_size=1)
    paused.client.create_queue(parent=LOCATION, queue={"name": f"{LOCATION}/queues/zz"})
    token = next(iter(paused.client.list_queues(queues).pages)).next_page_token

    with pytest.raises(exceptions.InvalidArgument, match="page_token is not valid"):
        paused.client.list_tasks(tasks_v2.ListTasksRequest(parent=QUEUE, page_token=token))


def test_a_name_is_refused_until_a_day_after_its_task_ended(tasks: Tasks) -> None:
    tasks.create("t")
    tasks.idle()
    with pytest.raises(exceptions.AlreadyExists, match="a task with this name existed too recently"):
        tasks.create("t")

    tasks.advance(hours=24, seconds=1)
    tasks.create("t")
    tasks.idle()
    assert len(tasks.worker.received) == 2


def test_delete(paused: Tasks) -> None:
    paused.create("t")
    paused.client.delete_task(name=f"{QUEUE}/tasks/t")

    with pytest.raises(exceptions.NotFound, match="The task either successfully completed or was deleted"):
        paused.get("t")
    with pytest.raises(exceptions.AlreadyExists, match="existed too recently"):
        paused.create("t")


@pytest.mark.parametrize("method", ["get_task", "delete_task", "run_task"])
def test_a_task_that_never_was(tasks: Tasks, method: str) -> None:
    with pytest.raises(exceptions.NotFound, match=r"Requested entity was not found\."):
        getattr(tasks.client, method)(name=f"{QUEUE}/tasks/never")


@pytest.mark.parametrize("method", ["get_task", "delete_task", "run_task"])
def test_a_task_of_a_queue_that_never_was(tasks: Tasks, method: str) -> None:
    with pytest.raises(exceptions.NotFound, match="Queue does not exist"):
        getattr(tasks.client, method)(name=f"{LOCATION}/queues/never/tasks/t")


def test_run_task_goes_out_from_a_paused_queue_before_its_time(paused: Tasks) -> None:
    paused.create("t", schedule_time=datetime.now(UTC) + timedelta(days=1))
    running = paused.client.run_task(name=f"{QUEUE}/tasks/t")
    paused.wait_for(1)

    assert running.dispatch_count == 1
    paused.idle()
    with pytest.raises(exceptions.NotFound):
        paused.client.run_task(name=f"{QUEUE}/tasks/t")


def test_run_task_goes_out_although_the_task_is_running(tasks: Tasks) -> None:
    released = tasks.call(tasks.worker.hold)
    tasks.create("t")
    tasks.wait_for(1)
    tasks.client.run_task(name=f"{QUEUE}/tasks/t")
    first, second = tasks.wait_for(2)

    assert (first.headers["x-cloudtasks-taskretrycount"], second.headers["x-cloudtasks-taskretrycount"]) == ("0", "1")
    tasks.call(released.set)
    tasks.idle()
    assert tasks.counts().done == 1


@pytest.mark.parametrize(
    ("task", "error", "message"),
    [
        ({"name": "t"}, exceptions.InvalidArgument, "Task name must be formatted"),
        ({"name": f"{QUEUE}/tasks/not a valid id"}, exceptions.InvalidArgument, 'Task ID "not a valid id" can contain'),
        ({"name": f"{QUEUE}-other/tasks/t"}, exceptions.InvalidArgument, "must be the same as the queue name"),
        ({"http_request": {"url": "ftp://x"}}, exceptions.InvalidArgument, "must start with 'http://' or 'https://'"),
        ({"http_request": {"url": "https://x", "body": b"x" * 2**20}}, exceptions.InvalidArgument, "too large"),
        (
            {"schedule_time": datetime.now(UTC) + timedelta(days=31)},
            exceptions.InvalidArgument,
            "no more than 720h in the future",
        ),
        ({"dispatch_deadline": timedelta(seconds=14)}, exceptions.InvalidArgument, r"between \[15s, 30m\]"),
        ({"retry_config": {"max_attempts": -2}}, exceptions.InvalidArgument, "RetryConfig.maxAttempts"),
        ({"app_engine_http_request": {"relative_uri": "/"}}, exceptions.MethodNotImplemented, "no App Engine"),
    ],
)
def test_tasks_that_are_refused(tasks: Tasks, task: dict[str, Any], error: type[Exception], message: str) -> None:
    if "app_engine_http_request" not in task:
        task = {"http_request": {"url": "https://worker.example/"}, **task}
    with pytest.raises(error, match=message):
        tasks.client.create_task(parent=QUEUE, task=task)
    assert list(tasks.client.list_tasks(parent=QUEUE)) == []


def test_a_task_of_almost_a_megabyte_is_taken_and_delivered(tasks: Tasks) -> None:
    tasks.create("t", http_request={"body": b"x" * (2**20 - 1000)})
    tasks.idle()

    assert len(tasks.worker.received[0].body) == 2**20 - 1000
