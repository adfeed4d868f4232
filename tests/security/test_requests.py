"""What those learn, and can do, who have no token."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.local_services import DISPATCHER_URL, TASKS_INVOKER
from tests.security.conftest import House

MIB = 1024 * 1024


def memory_of(group: int | None) -> int:
    """The most memory that a function's processes have had, in bytes."""
    pids = subprocess.run(["pgrep", "-g", str(group)], capture_output=True, text=True, check=True).stdout
    peaks = 0
    for pid in pids.split():
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        peaks += sum(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    return peaks


@pytest.mark.parametrize("function", ["worker", "dispatcher"])
def test_health_tells_nothing(house: House, function: str) -> None:
    answer = house.keep(requests.get(f"http://127.0.0.1:{getattr(house, function).port}/health", timeout=10))
    assert answer.status_code == 200
    assert answer.text.strip() in {'{"result": "healthy"}', '{"status":"ok"}'}


@pytest.mark.parametrize("function", ["worker", "dispatcher"])
@pytest.mark.parametrize(
    "path",
    [
        *(
            "/admin",
            "/metrics",
            "/debug",
            "/.env",
            "/console",
            "/tasks/send-report/../health",
            "/%2e%2e/etc/passwd",
        ),
        *("/health/x", "/tasks", "/dispatch/x", "/dispatch%00", "/tasks/send-report%0d%0aX-Injected:%20yes"),
    ],
)
def test_other_paths_do_not_exist(house: House, function: str, path: str) -> None:
    port = getattr(house, function).port
    request = requests.Request("GET", f"http://127.0.0.1:{port}/").prepare()
    request.url = f"http://127.0.0.1:{port}{path}"
    with requests.Session() as session:
        answer = house.keep(session.send(request, timeout=10))
    assert answer.status_code in {404, 405}
    assert "X-Injected" not in answer.headers
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("function", ["worker", "dispatcher"])
@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "PATCH", "OPTIONS", "NONSENSE"])
def test_other_methods_do_nothing(house: House, function: str, method: str) -> None:
    path = "/tasks/send-report" if function == "worker" else "/dispatch"
    url = f"http://127.0.0.1:{getattr(house, function).port}{path}"
    answer = house.keep(requests.request(method, url, headers={"X-Echo": "not-to-be-echoed"}, timeout=10))
    assert answer.status_code >= 400 or method == "OPTIONS"
    assert "not-to-be-echoed" not in answer.text


def _chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // MIB):
        yield b"x" * MIB


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("authorized", [False, True])
@pytest.mark.parametrize("function", ["worker", "dispatcher"])
def test_a_huge_body_is_not_kept(house: House, function: str, authorized: bool, chunked: bool) -> None:
    """No more than a task can have is read. How slowly a body may come is for Cloud Run's front end to say."""
    size = 96 * MIB
    process = getattr(house, function)
    before = memory_of(process.pid)
    body = _chunks(size) if chunked else b"x" * size
    token = "a.b.c"
    if authorized:
        token = house.token(TASKS_INVOKER, DISPATCHER_URL) if function == "dispatcher" else house.token()
    if function == "worker":
        status = house.post(body, token=token).status_code
    else:
        status = house.dispatch(token=token, body=body, **{"X-CloudTasks-QueueName": "reports"}).status_code
    assert status == (401 if not authorized else 200 if function == "worker" else 400)
    assert memory_of(process.pid) - before < size // 4
    # To the worker it is a task that cannot be read.
    assert len(house.letters()) == (authorized and function == "worker")
    assert requests.get(f"http://127.0.0.1:{process.port}/health", timeout=10).ok


@pytest.mark.parametrize("size", [1024 * 1024])
def test_the_largest_task_is_read(house: House, size: int) -> None:
    """Cloud Tasks takes 1 MiB. https://cloud.google.com/tasks/docs/quotas"""
    answer = house.post(b"x" * size, token=house.token())
    assert (answer.status_code, answer.json()["reason"]) == (200, "invalid-task")
    (letter,) = house.letters()
    assert len(letter) < 50_000
    assert os.linesep not in letter
