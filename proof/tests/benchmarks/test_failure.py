"""A benchmark ends with its table, or with one line that says why not."""

import errno
import itertools
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import aiohttp
import pytest
import requests
from google.api_core.exceptions import GoogleAPIError

from functions.shared.records.report_task import ReportTask
from local_pipeline.machine_variables import machine_variables
from proof.benchmarks.__main__ import NoTable, carry_out
from proof.benchmarks.failure import BenchmarkFailed, unfit_machine
from proof.benchmarks.function import Function
from proof.benchmarks.load import repeats_in_words, send
from proof.benchmarks.table import Table
from tests.support import REPOSITORY, interrupt

TABLE = Table(title="Before", columns=["", "s"], rows=[["all", "1"]])


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (BenchmarkFailed("the worker answered 500:\n<html>"), "the worker answered 500: <html>"),
        (OSError(errno.EADDRINUSE, "Address already in use"), "Address already in use"),
        (aiohttp.ServerDisconnectedError(), "Server disconnected"),
        (requests.ConnectionError("Connection refused"), "Connection refused"),
        (GoogleAPIError("503 try again"), "503 try again"),
        (TimeoutError(), "TimeoutError"),
        (
            subprocess.CalledProcessError(1, "python", stderr="Traceback\nImportError: no\n"),
            "ended with 1: ImportError",
        ),
    ],
)
def test_what_can_go_wrong_is_said_in_one_line(error: Exception, says: str) -> None:
    def measure() -> Iterator[Table]:
        yield TABLE
        raise error

    texts = carry_out("worker", measure)
    assert next(texts) == TABLE.to_markdown()
    with pytest.raises(NoTable) as said:
        next(texts)
    assert str(said.value).startswith("worker: no table: ")
    assert says in str(said.value)
    assert "\n" not in str(said.value)


def test_a_mistake_in_a_benchmark_keeps_its_traceback() -> None:
    def measure() -> Iterator[Table]:
        raise KeyError("reports")
        yield

    with pytest.raises(KeyError):
        next(carry_out("worker", measure))


def test_a_machine_that_does_not_say_what_a_process_uses_is_named(tmp_path: Path) -> None:
    assert "Linux" in (unfit_machine(tmp_path) or "")
    assert unfit_machine() is None


def test_a_function_that_does_not_start_says_why(tmp_path: Path) -> None:
    function = Function("worker", {**machine_variables(), "PYTHONPATH": str(REPOSITORY)}, tmp_path / "log")
    with pytest.raises(BenchmarkFailed, match=r"^worker does not start: Cannot start: .+$"):
        function.start()


def test_ctrl_c_ends_a_benchmark_with_one_line() -> None:
    ended = interrupt("proof.benchmarks", "memory", after_lines=1)
    assert "cores" in ended.printed.splitlines()[0]
    assert (ended.status, ended.said) == (130, "benchmarks: stopped\n")


@contextmanager
def worker_that_closes(*, after: int) -> Iterator[str]:
    """A worker that answers so many requests of each connection, and closes it once it has read the next one."""

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            for _ in range(after):
                read_request(stream)
                body = b'{"result": "sent"}'
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            read_request(stream)

    def read_request(stream: BinaryIO) -> None:
        # The blank line that ends the headers, or nothing: the caller has closed the connection.
        lines = itertools.takewhile(bytes.strip, stream)
        lengths = [int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")]
        stream.read(sum(lengths))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=[connection], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def tasks(count: int) -> list[ReportTask]:
    due_at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    return [
        ReportTask(
            user_id=f"u{number}",
            subscription_id="default",
            delivery_id=f"u{number}:default:20261124T1200Z",
            due_at=due_at,
            run_id="20261124T1200Z",
            kind="activity",
        )
        for number in range(count)
    ]


def test_a_request_on_a_connection_that_the_server_closed_is_repeated_and_counted() -> None:
    with worker_that_closes(after=1) as url:
        load = send(tasks(3), urls=[url], token="a token", concurrency=1)
    assert (len(load.latencies), load.repeats) == (3, 2)
    assert "2 of 3 requests were repeated" in repeats_in_words([load])


def test_a_server_that_closes_every_connection_ends_the_benchmark() -> None:
    with worker_that_closes(after=0) as url, pytest.raises(BenchmarkFailed, match="closed the connection"):
        send(tasks(1), urls=[url], token="a token", concurrency=1)


def test_a_server_that_is_not_there_ends_the_benchmark() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(BenchmarkFailed, match="takes no connections"):
        send(tasks(1), urls=[url], token="a token", concurrency=1)
