"""BatchCreateTasks and BatchDeleteTasks, and their operations."""

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.longrunning import operations_pb2, operations_pb2_grpc

from local_cloud_tests.tasks.integration.worker import LOCATION, QUEUE, Tasks

Created = tasks_v2.BatchCreateTasksMetadata.State
Deleted = tasks_v2.BatchDeleteTasksMetadata.State


@pytest.fixture
def paused(tasks: Tasks) -> Tasks:
    tasks.client.pause_queue(name=QUEUE)
    return tasks


def creates(tasks: Tasks, *ids: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"parent": QUEUE, "task": tasks.task(task_id, **fields)} for task_id in ids]


def names(*ids: str) -> list[str]:
    return [f"{QUEUE}/tasks/{task_id}" for task_id in ids]


def listed(tasks: Tasks) -> list[str]:
    return [task.name for task in tasks.client.list_tasks(parent=QUEUE)]


def test_a_hundred_tasks_at_once(tasks: Tasks) -> None:
    ids = [f"t{number}" for number in range(100)]
    operation = tasks.client.batch_create_tasks({"parent": QUEUE, "requests": creates(tasks, *ids)})

    assert operation.done()
    assert operation.metadata.state == Created.SUCCEEDED
    assert operation.metadata.start_time <= operation.metadata.end_time
    assert not operation.metadata.failed_requests
    assert [task.name for task in operation.result().tasks] == names(*ids)
    tasks.idle()
    assert sorted(received.task for received in tasks.worker.received) == sorted(ids)


def test_what_fails_is_reported_by_its_index_and_the_rest_is_created(paused: Tasks) -> None:
    paused.create("there")
    requests = creates(paused, "a", "there", "b", "a")
    requests += creates(paused, "c", http_request={"url": "ftp://x"})
    requests[2]["response_view"] = tasks_v2.Task.View.FULL
    operation = paused.client.batch_create_tasks({"parent": QUEUE, "requests": requests})

    assert operation.metadata.state == Created.PARTIALLY_SUCCEEDED
    assert {index: status.code for index, status in operation.metadata.failed_requests.items()} == {1: 6, 3: 6, 4: 3}
    assert operation.metadata.failed_requests[1].message == "Requested entity already exists"
    assert [task.name for task in operation.result().tasks] == names("a", "b")
    assert [task.view for task in operation.result().tasks] == [tasks_v2.Task.View.BASIC, tasks_v2.Task.View.FULL]
    assert listed(paused) == names("there", "a", "b")


def test_a_batch_of_which_everything_fails_is_aborted(paused: Tasks) -> None:
    paused.create("there")
    operation = paused.client.batch_create_tasks({"parent": QUEUE, "requests": creates(paused, "there")})

    assert operation.metadata.failed_requests[0].code == 6
    with pytest.raises(exceptions.Aborted, match="None of the requests succeeded, refer to BatchCreateTasksMetadata"):
        operation.result()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"requests": []}, exceptions.InvalidArgument, "between 1 and 100 elements, not 0"),
        ({"requests": [{"parent": QUEUE}] * 101}, exceptions.InvalidArgument, "between 1 and 100 elements, not 101"),
        ({"requests": [{"parent": f"{QUEUE}-b"}]}, exceptions.InvalidArgument, r"requests\[0\]\.parent .* the same as"),
        ({"parent": f"{LOCATION}/queues/never"}, exceptions.NotFound, "Queue does not exist"),
        ({"parent": "reports"}, exceptions.InvalidArgument, "Queue name must be formatted"),
    ],
)
def test_batches_that_are_refused_whole(
    paused: Tasks, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        paused.client.batch_create_tasks({"parent": QUEUE, "requests": creates(paused, "t"), **change})
    assert listed(paused) == []


def test_a_repeated_request_id_is_the_same_operation(paused: Tasks) -> None:
    request = {"parent": QUEUE, "requests": creates(paused, "t"), "request_id": "once"}
    first = paused.client.batch_create_tasks(request)
    again = paused.client.batch_create_tasks(request)

    assert again.operation == first.operation
    assert again.metadata.state == Created.SUCCEEDED


@pytest.mark.parametrize(("first", "second"), [("once", "once"), ("other-once", "once")])
def test_a_request_id_of_one_queue_makes_tasks_in_another(paused: Tasks, first: str, second: str) -> None:
    other = f"{QUEUE}-other"
    paused.client.create_queue(parent=LOCATION, queue={"name": other})
    paused.client.pause_queue(name=other)
    for queue, request_id in ((QUEUE, first), (other, second)):
        requests = [{"parent": queue, "task": paused.task() | {"name": f"{queue}/tasks/t"}}]
        paused.client.batch_create_tasks({"parent": queue, "requests": requests, "request_id": request_id})

    assert [task.name for task in paused.client.list_tasks(parent=other)] == [f"{other}/tasks/t"]


def test_an_operation_is_found_again_by_its_name(paused: Tasks) -> None:
    operation = paused.client.batch_create_tasks({"parent": QUEUE, "requests": creates(paused, "t")}).operation

    assert operation.name.startswith(f"{LOCATION}/operations/")
    assert paused.client.get_operation(operations_pb2.GetOperationRequest(name=operation.name)) == operation
    with pytest.raises(exceptions.NotFound):
        paused.client.get_operation(operations_pb2.GetOperationRequest(name=f"{LOCATION}/operations/never"))


def test_an_operation_can_be_waited_for_and_forgotten(paused: Tasks) -> None:
    operation = paused.client.batch_create_tasks({"parent": QUEUE, "requests": creates(paused, "t")}).operation
    stub = operations_pb2_grpc.OperationsStub(paused.channel)

    assert stub.WaitOperation(operations_pb2.WaitOperationRequest(name=operation.name)) == operation
    paused.client.transport.operations_client.delete_operation(operation.name)
    with pytest.raises(exceptions.NotFound):
        paused.client.get_operation(operations_pb2.GetOperationRequest(name=operation.name))


def test_deleting_a_batch(paused: Tasks) -> None:
    for task_id in ("a", "b", "c"):
        paused.create(task_id)
    operation = paused.client.batch_delete_tasks({"parent": QUEUE, "names": names("a", "c")})

    assert operation.metadata.state == Deleted.SUCCEEDED
    operation.result()
    assert listed(paused) == names("b")


def test_what_cannot_be_deleted_is_reported_by_its_index(paused: Tasks) -> None:
    paused.create("a")
    operation = paused.client.batch_delete_tasks(
        {"parent": QUEUE, "names": [*names("never", "a"), f"{QUEUE}-b/tasks/a", "nonsense"]}
    )

    assert operation.metadata.state == Deleted.PARTIALLY_SUCCEEDED
    assert {index: status.code for index, status in operation.metadata.failed_requests.items()} == {0: 5, 2: 3, 3: 3}
    assert listed(paused) == []


def test_a_batch_of_which_nothing_can_be_deleted_is_aborted(paused: Tasks) -> None:
    operation = paused.client.batch_delete_tasks({"parent": QUEUE, "names": names("never")})

    with pytest.raises(exceptions.Aborted, match="refer to BatchDeleteTasksMetadata"):
        operation.result()


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_to_delete_has_its_limits(paused: Tasks, count: int) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=f"between 1 and 1000 elements, not {count}"):
        paused.client.batch_delete_tasks({"parent": QUEUE, "names": names("t") * count})
