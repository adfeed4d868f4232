"""What the worker answers to whom: paths, methods, tokens, bodies."""

import json

import pytest
import requests

from local_pipeline.inbox.faults import Answer
from tests.functions.worker.integration.conftest import MAX_ATTEMPTS, Cloud, task
from tests.support import free_ports

pytestmark = pytest.mark.usefixtures("well_again")


def url(cloud: Cloud, path: str) -> str:
    return f"http://127.0.0.1:{cloud.worker().port}{path}"


def test_health_needs_no_token(cloud: Cloud) -> None:
    answer = requests.get(url(cloud, "/health"))
    assert (answer.status_code, answer.json()) == (200, {"result": "healthy"})


@pytest.mark.parametrize("path", ["/", "/tasks", "/tasks/send-report/", "/tasks/send-report/x", "/admin"])
def test_other_paths_do_not_exist(cloud: Cloud, path: str) -> None:
    answer = requests.post(url(cloud, path), data=b"{}")
    assert (answer.status_code, answer.json()) == (404, {"result": "not-found"})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/tasks/send-report", "POST"), ("PUT", "/tasks/send-report", "POST"), ("POST", "/health", "GET")],
)
def test_other_methods_are_not_allowed(cloud: Cloud, method: str, path: str, allowed: str) -> None:
    answer = requests.request(method, url(cloud, path))
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert answer.json() == {"result": "method-not-allowed"}


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ({"audience": "https://dispatcher.example.com"}, 401),
        ({"email": "somebody@local-project.iam.gserviceaccount.com"}, 403),
    ],
)
def test_a_token_of_somebody_else_is_refused(cloud: Cloud, token: dict[str, str], status: int) -> None:
    user = cloud.user()
    answer = cloud.deliver(user, Authorization=f"Bearer {cloud.token(**token)}")  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()) == (status, {"result": "not-authorized"})
    assert cloud.delivery_of(user) is None


@pytest.mark.parametrize("header", ["", "Bearer a.b.c"])
def test_no_token_is_refused(cloud: Cloud, header: str) -> None:
    answer = cloud.deliver(cloud.user(), Authorization=header)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert not cloud.letters()


def test_a_token_that_cannot_be_checked_is_not_believed(cloud: Cloud) -> None:
    worker = cloud.worker(OIDC_CERTS_URL=f"http://127.0.0.1:{free_ports(1)}/certs")
    user = cloud.user()
    answer = cloud.deliver(user, worker=worker)
    assert (answer.status_code, answer.json()) == (503, {"result": "retry", "cause": "identity-unavailable"})
    assert cloud.delivery_of(user) is None


VALID = json.loads(task("u1"))


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "the body is empty"),
        (b"\xff\xfe\x00", "body"),
        (b"{}", "user_id: Field required; subscription_id: Field required; delivery_id: Field required; due_at: Field"),
        (b"x" * 1_000_000, "Invalid JSON"),
        (b"[" * 1_000_000, "Invalid JSON"),
        (json.dumps({**VALID, "run_id": None}).encode(), "run_id"),
        (json.dumps({**VALID, "user_id": "<script>@example.com"}).encode(), "delivery_id"),
    ],
)
def test_a_body_that_is_no_task_is_a_dead_letter(cloud: Cloud, body: bytes, named: str) -> None:
    answer = cloud.post(body)
    assert answer.status_code == 200
    assert answer.json()["result"] == "dead"
    assert answer.json()["reason"] == "invalid-task"
    assert named in answer.json()["error"]
    [(letter, attributes)] = cloud.letters()
    assert (letter["reason"], attributes["reason"]) == ("invalid-task", "invalid-task")
    assert (attributes["CloudTasksTaskName"], attributes["CloudTasksTaskRetryCount"]) == ("a-task", "0")
    assert named in letter["error"]
    assert letter["body"] == body.decode(errors="replace")[:10_000]
    # What cannot be believed must not take the place of a real delivery's dead letter.
    assert "delivery_id" not in letter


def test_without_the_queues_headers_it_is_the_first_attempt(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.inbox.fault = _unavailable
    assert cloud.deliver(user, retry_count=None).status_code == 500
    assert not cloud.letters()


@pytest.mark.parametrize("count", ["", "-1", "many", "²"])
def test_a_retry_count_that_is_none_is_the_first_attempt(cloud: Cloud, count: str) -> None:
    user = cloud.user()
    cloud.inbox.fault = _unavailable
    answer = cloud.deliver(user, retry_count=None, **{"X-CloudTasks-TaskRetryCount": count.encode()})
    assert answer.status_code == 500
    assert not cloud.letters()


def test_attempts_are_counted_by_the_retry_count(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.inbox.fault = _unavailable
    execution_count = {"X-CloudTasks-TaskExecutionCount": "0"}
    answer = cloud.deliver(user, retry_count=MAX_ATTEMPTS - 1, **execution_count)
    assert (answer.status_code, answer.json()["result"]) == (200, "dead")


async def _unavailable(_call: object, _carry_out: object) -> Answer:
    return Answer(status=503, body=b'{"errors": [{"message": "not now"}]}')
