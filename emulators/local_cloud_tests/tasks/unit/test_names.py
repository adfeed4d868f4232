"""Names of locations, queues and tasks."""

import grpc
import pytest

from local_cloud.rpc import RpcError
from local_cloud.tasks import names

QUEUE = "projects/my-project/locations/europe-west1/queues/reports"


def test_a_queue_name_gives_its_location() -> None:
    assert names.location_of(QUEUE) == "projects/my-project/locations/europe-west1"


def test_a_task_name_gives_its_queue_and_id() -> None:
    assert names.split_task(f"{QUEUE}/tasks/a_B-9") == (QUEUE, "a_B-9")
    assert names.task_id_in(QUEUE, f"{QUEUE}/tasks/a_B-9") == "a_B-9"


@pytest.mark.parametrize("project", ["example.com:project", "123456", "a-b"])
def test_projects(project: str) -> None:
    names.check_location(f"projects/{project}/locations/here")


@pytest.mark.parametrize(
    "name", ["", "projects/p", "projects/p/locations/l/", "projects//locations/l", "projects/p/locations/l\n"]
)
def test_what_is_no_location(name: str) -> None:
    with pytest.raises(RpcError) as refused:
        names.check_location(name)
    assert refused.value.code == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("queue_id", ["a" * 101, "under_score", "dot.ted", "blank space", "ü"])
def test_what_is_no_queue_id(queue_id: str) -> None:
    with pytest.raises(RpcError, match="Queue ID"):
        names.location_of(f"projects/p/locations/l/queues/{queue_id}")


@pytest.mark.parametrize("task_id", ["a" * 501, "a/b", "a.b", "not a valid id", "ü", "a\n"])
def test_what_is_no_task_id(task_id: str) -> None:
    with pytest.raises(RpcError, match="Task ID"):
        names.task_id_in(QUEUE, f"{QUEUE}/tasks/{task_id}")


@pytest.mark.parametrize("name", ["", "t", QUEUE, f"{QUEUE}/tasks/", f"x{QUEUE}/tasks/t"])
def test_what_is_no_task_name(name: str) -> None:
    with pytest.raises(RpcError, match="Task name must be formatted"):
        names.split_task(name)


def test_a_task_of_another_queue() -> None:
    with pytest.raises(RpcError) as refused:
        names.task_id_in(QUEUE, f"{QUEUE}-other/tasks/t")

    assert refused.value.message == (
        f"The queue name from request ('{QUEUE}') must be the same as the queue name in the named task "
        f"('{QUEUE}-other')."
    )
