"""RunQuery over REST, asked by Google's own client."""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest
import requests
from google.api_core.exceptions import BadRequest, ServiceUnavailable
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreRestTransport
from google.cloud.firestore_v1.types import RunQueryRequest, StructuredQuery

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.rpc import RpcError

MANY = 150


class Refusals:
    """Middleware that ends a stream after some responses, where a test says so."""

    after: int | None = None
    holds: threading.Event | None = None
    """Set, streams begin only when it is."""
    held = threading.Event()

    async def __call__(self, _method: str, carry_out: Callable[[], Any]) -> Any:
        """Take a call."""
        answer = await carry_out()
        if self.holds:
            return self._hold(answer, self.holds)
        return answer if self.after is None else self._cut(answer, self.after)

    async def _hold(self, answer: Any, until: threading.Event) -> Any:
        self.held.set()
        while not until.is_set():
            await asyncio.sleep(0.01)
        async for response in answer:
            yield response

    async def _cut(self, answer: Any, after: int) -> Any:
        count = 0
        async for response in answer:
            if count == after:
                break
            count += 1
            yield response
        raise RpcError(grpc.StatusCode.UNAVAILABLE, "as the test wants it")


@pytest.fixture(scope="module")
def refusals() -> Refusals:
    return Refusals()


@pytest.fixture(scope="module")
def served(background: Background, refusals: Refusals) -> Any:
    emulator = FirestoreEmulator(host="127.0.0.1", port=0, rest_port=0, clock=Clock(), middleware=[refusals])
    background.run(emulator.start())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{emulator.port}")
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth
        client = firestore.Client(project="p", credentials=credentials)
    batch = client.batch()
    for number in range(MANY):
        batch.set(client.document(f"users/u{number:03}"), {"number": number, "words": ["é", {"a": None}]})
    batch.commit()
    yield emulator
    background.run(emulator.stop())


@pytest.fixture
def query(served: FirestoreEmulator) -> Callable[..., list[Any]]:
    """What the client reads of a collection in the order of a field."""
    credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth
    transport = FirestoreRestTransport(host=f"127.0.0.1:{served.rest_port}", credentials=credentials, url_scheme="http")
    client = FirestoreClient(transport=transport)

    def run(collection: str = "users", limit: int | None = None) -> list[Any]:
        asked = StructuredQuery(from_=[{"collection_id": collection}], limit=limit)
        request = RunQueryRequest(parent="projects/p/databases/(default)/documents", structured_query=asked)
        return list(client.run_query(request, retry=None))

    return run


def test_many_documents_come_as_over_grpc(query: Callable[..., list[Any]]) -> None:
    documents = [response.document for response in query()]
    assert [document.fields["number"].integer_value for document in documents] == [*range(MANY)]
    assert documents[7].name == "projects/p/databases/(default)/documents/users/u007"
    words = documents[7].fields["words"].array_value.values
    assert (words[0].string_value, "a" in words[1].map_value.fields) == ("é", True)
    assert documents[7].update_time == documents[7].create_time is not None


@pytest.mark.parametrize("limit", [1, 64, 65, 128])
def test_as_many_as_the_limit_allows(query: Callable[..., list[Any]], limit: int) -> None:
    assert len(query(limit=limit)) == limit


def test_no_document_is_an_answer_with_its_time(query: Callable[..., list[Any]]) -> None:
    (response,) = query("nothing")
    assert response.read_time
    assert "document" not in response


def test_a_refusal_has_its_status(query: Callable[..., list[Any]]) -> None:
    with pytest.raises(BadRequest):
        query(limit=-1)


def test_a_call_that_fails_has_its_status(query: Callable[..., list[Any]], refusals: Refusals) -> None:
    refusals.after = 0
    with pytest.raises(ServiceUnavailable, match="as the test wants it"):
        query()
    refusals.after = None


@pytest.mark.parametrize("after", [1, 63, 64, 100])
def test_a_stream_that_breaks_off_says_so_in_its_last_element(
    served: FirestoreEmulator, refusals: Refusals, after: int
) -> None:
    refusals.after = after
    url = f"http://127.0.0.1:{served.rest_port}/v1/projects/p/databases/(default)/documents:runQuery"
    body = {"structuredQuery": {"from": [{"collectionId": "users"}]}}
    answer = requests.post(url, json=body, timeout=60)
    refusals.after = None
    *found, failure = answer.json()
    assert (answer.status_code, len(found), failure["error"]["status"]) == (200, after, "UNAVAILABLE")


def test_a_caller_that_has_gone_is_no_mistake(
    served: FirestoreEmulator, refusals: Refusals, query: Callable[..., list[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    refusals.holds = threading.Event()
    body = b'{"structuredQuery":{"from":[{"collectionId":"users"}]}}'
    with socket.create_connection(("127.0.0.1", served.rest_port)) as caller:
        caller.sendall(
            b"POST /v1/projects/p/databases/(default)/documents:runQuery HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        assert refusals.held.wait(60)
    gone, refusals.holds = refusals.holds, None
    # By the time that this is answered the server knows that the caller has gone.
    assert len(query()) == MANY
    with caplog.at_level(logging.ERROR):
        gone.set()
        assert len(query()) == MANY
    assert caplog.messages == []


@pytest.mark.parametrize(("method", "path"), [("GET", "/users/u001"), ("POST", ":commit")])
def test_other_calls_are_refused_by_naming_grpc(served: FirestoreEmulator, method: str, path: str) -> None:
    url = f"http://127.0.0.1:{served.rest_port}/v1/projects/p/databases/(default)/documents{path}"
    answer = requests.request(method, url, json={}, timeout=60)
    assert (answer.status_code, answer.json()["error"]["status"]) == (501, "UNIMPLEMENTED")
    assert "gRPC" in answer.json()["error"]["message"]
