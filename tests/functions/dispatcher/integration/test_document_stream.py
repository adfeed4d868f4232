"""Reading past the client library: what is sent and raised stays what the library sends and raises."""

from collections.abc import Iterator
from concurrent import futures
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import PermissionDenied
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.types import RunQueryRequest, RunQueryResponse

from functions.dispatcher.document_stream import DocumentStream

PROJECT = "local-project"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Recorder(grpc.GenericRpcHandler):
    """A Firestore that answers any query with one user, and keeps the headers that came with it."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self.refuses_after: int | None = None
        """How many answers come before an error; None for no error."""

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """Take a call."""
        if details.method != "/google.firestore.v1.Firestore/RunQuery":
            return None
        self.headers.append({str(key): str(value) for key, value in details.invocation_metadata})
        return grpc.unary_stream_rpc_method_handler(
            self._answer,
            request_deserializer=RunQueryRequest.deserialize,
            response_serializer=RunQueryResponse.serialize,
        )

    def _answer(self, request: RunQueryRequest, context: grpc.ServicerContext) -> Iterator[RunQueryResponse]:
        if self.refuses_after != 0:
            document = {"name": f"{request.parent}/users/u1", "fields": {"next_report_at": {"timestamp_value": NOON}}}
            yield RunQueryResponse(document=document, read_time=NOON)
        if self.refuses_after is not None:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "as the test wants it")


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """The server, which every client that is made within the test talks to."""
    recorder = Recorder()
    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[recorder])
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    server.start()
    yield recorder
    server.stop(None).wait()


def read() -> list[str]:
    stream = DocumentStream(PROJECT, "(default)")
    return [stream.path_of(user.name) for user in stream.read(where=[], order_by=[], select=["active"])]


def test_a_query_has_the_headers_that_the_client_library_sends(recorder: Recorder) -> None:
    client = firestore.Client(project=PROJECT, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]  # google-auth
    list(client.collection("users").stream())
    assert read() == ["users/u1"]
    library, ours = recorder.headers
    for name in ("google-cloud-resource-prefix", "x-goog-request-params"):
        assert ours[name] == library[name]
    assert "gl-python/" in ours["x-goog-api-client"]


@pytest.mark.parametrize("answers", [0, 1], ids=["at the call", "while it is read"])
def test_an_error_is_one_of_the_librarys(recorder: Recorder, answers: int) -> None:
    recorder.refuses_after = answers
    with pytest.raises(PermissionDenied, match="as the test wants it"):
        read()
