"""The local cloud beside other emulators: operations a second with Google's own clients, one caller at a time.

Other emulators are measured if they are installed (proof/benchmarks/requirements-emulators.txt):
`gcloud-tasks-emulator` where the command is on the PATH, `@firestore-emulator/server` where Node.js finds the package,
and whatever FIRESTORE_EMULATOR_HOST or CLOUD_TASKS_EMULATOR_HOST name.
"""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.tasks_v2 import BatchCreateTasksRequest, CloudTasksClient, CreateTaskRequest, HttpMethod, Queue
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from proof.benchmarks.child_process import start_process
from proof.benchmarks.cloud import PARENT, Cloud
from proof.benchmarks.documents import PROJECT
from proof.benchmarks.table import Table, number, times

_LOCAL = "local cloud"
_FIRESTORE_EMULATOR = "@firestore-emulator/server"
_TASKS_EMULATOR = "gcloud-tasks-emulator"
_DASH = "A dash: the emulator refuses the call, or does not come to an end of it."
_TURNS = 4
_SECONDS = 2.0
_CALL_SECONDS = 20.0
_WAIT_SECONDS = 20.0
_DOCUMENTS = 2_000

Case = Callable[[], int]
"""Does an operation once or several times, and returns how often."""


def measure(*, seconds: float = _SECONDS) -> Iterator[Table]:
    """Run every case for so long on each emulator."""
    with Cloud() as cloud, ExitStack() as stack:
        firestores = {_LOCAL: cloud.addresses["FIRESTORE_EMULATOR_HOST"]}
        if _has_firestore_emulator():
            firestores[_FIRESTORE_EMULATOR] = stack.enter_context(_started(_firestore_emulator))
        if address := os.environ.get("FIRESTORE_EMULATOR_HOST"):
            firestores["FIRESTORE_EMULATOR_HOST"] = address
        tasks = {_LOCAL: cloud.addresses["CLOUD_TASKS_EMULATOR_HOST"]}
        if shutil.which(_TASKS_EMULATOR):
            tasks[_TASKS_EMULATOR] = stack.enter_context(_started(_tasks_emulator))
        if address := os.environ.get("CLOUD_TASKS_EMULATOR_HOST"):
            tasks["CLOUD_TASKS_EMULATOR_HOST"] = address
        yield _table(
            "Firestore emulators: operations a second",
            _measured({name: _firestore_cases(address) for name, address in firestores.items()}, seconds),
            f"{_DASH} PyPI has no other Firestore emulator that Google's client can be pointed at: fake-firestore, "
            "mock-firestore and their like stand in for the client itself, in the same process. Google's own is a Java "
            "archive that only its own tools bring: start it, and set FIRESTORE_EMULATOR_HOST.",
        )
        yield _table(
            "Cloud Tasks emulators: tasks a second",
            _measured({name: _tasks_cases(address, stack) for name, address in tasks.items()}, seconds),
            _DASH,
        )


def _table(title: str, measured: Mapping[str, Mapping[str, float | None]], note: str) -> Table:
    ours = measured[_LOCAL]
    others = [name for name in measured if name != _LOCAL]
    rows = []
    for case, rate in ours.items():
        ratios = [_cell(rate / other if rate and (other := measured[name][case]) else None, times) for name in others]
        rows.append([case, *ratios, _cell(rate, number), *(_cell(measured[name][case], number) for name in others)])
    return Table(title=title, columns=["", *(f"ours to {name}" for name in others), *measured], rows=rows, note=note)


def _cell(value: float | None, written: Callable[[float], str]) -> str:
    return "–" if value is None else written(value)


def _measured(cases: Mapping[str, Mapping[str, Case]], seconds: float) -> dict[str, dict[str, float | None]]:
    """Measure each case at every emulator in turn, several times, and take the best: other load can only slow a try
    down."""
    rates: dict[str, dict[str, float | None]] = {name: {} for name in cases}
    for case in cases[_LOCAL]:
        for _ in range(_TURNS):
            for name in cases:
                rate = _rate(cases[name][case], seconds / _TURNS)
                best = rates[name].get(case)
                rates[name][case] = rate if best is None else max(rate or 0, best)
    return rates


def _rate(case: Case, seconds: float) -> float | None:
    """How often a case runs in a second; None if it fails."""
    try:
        case()
        done = 0
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            done += case()
        return done / (time.perf_counter() - began)
    except (GoogleAPICallError, TimeoutError, ValueError):
        return None


def _firestore_cases(address: str) -> dict[str, Case]:
    client = firestore.Client(project=PROJECT, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]  # google-auth
    # The client takes an address from FIRESTORE_EMULATOR_HOST only, which is one for the whole process.
    client._firestore_api_internal = FirestoreClient(
        transport=FirestoreGrpcTransport(channel=grpc.insecure_channel(address))
    )
    items = client.collection("items")
    for first in range(0, _DOCUMENTS, 400):
        batch = client.batch()
        for index in range(first, min(first + 400, _DOCUMENTS)):
            batch.set(items.document(f"i{index}"), {"number": index, "group": index % 20, "name": f"Item {index}"})
        batch.commit(timeout=_CALL_SECONDS)
    counter = iter(range(10**9))

    def get() -> int:
        items.document(f"i{next(counter) % _DOCUMENTS}").get(timeout=_CALL_SECONDS)
        return 1

    def commit() -> int:
        items.document(f"other{next(counter)}").set({"number": 1, "name": "Other"}, timeout=_CALL_SECONDS)
        return 1

    def transact() -> int:
        document = items.document(f"i{next(counter) % _DOCUMENTS}")

        @firestore.transactional
        def carry_out(transaction: Any) -> None:
            fields: Any = document.get(transaction=transaction).to_dict()
            transaction.update(document, {"number": fields["number"] + 1})

        carry_out(client.transaction())
        return 1

    def query() -> int:
        found = items.where(filter=FieldFilter("group", "==", next(counter) % 20)).limit(100)
        if len(list(found.stream(timeout=_CALL_SECONDS))) != 100:
            raise ValueError("not what was asked for")
        return 1

    def count() -> int:
        counted: Any = items.where(filter=FieldFilter("group", "==", next(counter) % 20)).count()
        if counted.get(timeout=_CALL_SECONDS)[0][0].value != 100:
            raise ValueError("not what was asked for")
        return 1

    return {
        "get": get,
        "query for 100 of 2,000": query,
        "count 100 of 2,000": count,
        "transaction (get and update)": transact,
        "commit": commit,
    }


def _tasks_cases(address: str, stack: ExitStack) -> dict[str, Case]:
    channel = stack.enter_context(grpc.insecure_channel(address))
    client = CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
    received = threading.Semaphore(0)
    url = stack.enter_context(_target(received))
    names = iter(range(10**9))

    def new_queue(*, paused: bool) -> str:
        path = f"{PARENT}/queues/emulators-{next(names)}"
        client.create_queue(parent=PARENT, queue=Queue(name=path), timeout=_CALL_SECONDS)
        if paused:
            client.pause_queue(name=path, timeout=_CALL_SECONDS)
        return path

    def request(queue: str) -> CreateTaskRequest:
        task = {"http_request": {"url": url, "http_method": HttpMethod.POST, "body": b"{}"}}
        return CreateTaskRequest(parent=queue, task=task)

    waiting, running = new_queue(paused=True), new_queue(paused=False)

    def create() -> int:
        client.create_task(request(waiting), timeout=_CALL_SECONDS)
        return 1

    def create_batch() -> int:
        batch = BatchCreateTasksRequest(parent=waiting, requests=[request(waiting) for _ in range(100)])
        client.batch_create_tasks(batch, timeout=_CALL_SECONDS)
        return 100

    def dispatch() -> int:
        for _ in range(100):
            client.create_task(request(running), timeout=_CALL_SECONDS)
        for _ in range(100):
            if not received.acquire(timeout=_WAIT_SECONDS):
                raise TimeoutError
        return 100

    return {"create_task": create, "batch_create_tasks": create_batch, "create and deliver 100": dispatch}


@contextmanager
def _target(received: threading.Semaphore) -> Iterator[str]:
    """Where tasks go."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            received.release()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def _has_firestore_emulator() -> bool:
    node = shutil.which("node")
    return node is not None and (
        subprocess.run([node, "-e", f"require('{_FIRESTORE_EMULATOR}')"], capture_output=True, check=False).returncode
        == 0
    )


def _firestore_emulator(port: int) -> list[str]:
    return ["node", "-e", f"new (require('{_FIRESTORE_EMULATOR}').FirestoreServer)().start({port})"]


def _tasks_emulator(port: int) -> list[str]:
    return [_TASKS_EMULATOR, "start", "--port", str(port), "--quiet"]


@contextmanager
def _started(command: Callable[[int], list[str]]) -> Iterator[str]:
    """An emulator on a port of its own; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = start_process(command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                break
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
