"""What is wrong with a request is answered, and no traceback is written: the error is the client's."""

import socket
from collections.abc import Iterator

import pytest

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.pubsub.server import PubSubEmulator
from local_cloud.tasks.server import TasksEmulator

_START = b"POST /v2/projects/p/locations/l/queues HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

BROKEN = {
    "long header": (_START + b"X: " + b"a" * 200_000 + b"\r\n\r\n", 400),
    "header with a strange name": (_START + b"\xff: x\r\n\r\n", 400),
    "unknown Expect": (_START + b"Expect: more\r\n\r\n", 417),
    "Expect in UTF-8": (_START + "Expect: ü\r\n\r\n".encode(), 417),
    "Expect in Latin-1": (_START + b"Expect: \xfc\r\n\r\n", 417),
    "no HTTP": (b"\xfc /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "chunk without a length": (_START + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n\r\n", 400),
}
BODY_IN_NO_GZIP = _START + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def ports(background: Background) -> Iterator[dict[str, int]]:
    tasks = TasksEmulator(host="127.0.0.1", port=0, rest_port=0, clock=Clock(), mint_token=lambda account, audience: "")
    pubsub = PubSubEmulator(host="127.0.0.1", port=0, answers_http=True, clock=Clock())
    for server in (tasks, pubsub):
        background.run(server.start())
    assert tasks.rest_port is not None
    yield {"a port of its own": tasks.rest_port, "one port with gRPC": pubsub.port}
    for server in (tasks, pubsub):
        background.run(server.stop())


def _status(port: int, request: bytes) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(request)
        return int(client.makefile("rb").readline().split()[1])


@pytest.mark.parametrize("port", ["a port of its own", "one port with gRPC"])
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_request_is_the_clients_error(
    ports: dict[str, int], caplog: pytest.LogCaptureFixture, port: str, broken: str
) -> None:
    request, status = BROKEN[broken]
    assert _status(ports[port], request) == status
    assert caplog.records == []


def test_a_body_that_cannot_be_unpacked_is_the_clients_error(
    ports: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    assert _status(ports["a port of its own"], BODY_IN_NO_GZIP) == 400
    assert _status(ports["one port with gRPC"], BODY_IN_NO_GZIP) == 501
    assert caplog.records == []
