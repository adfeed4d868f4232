"""Reading past the client library: what is asked, and what becomes of each answer that REST can give."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden, GoogleAPICallError

from functions.shared.firestore.document_stream import PAGE_SIZE, DocumentStream, path_of
from functions.shared.firestore.field_path import NAME
from functions.shared.firestore.query import Query
from tests.silent_relay import relaying
from tests.support import PATIENCE_SECONDS

PROJECT = "local-project"
ROOT = f"projects/{PROJECT}/databases/(default)/documents"


def answer_with(*elements: Any) -> bytes:
    return json.dumps([*elements]).encode()


def user(user_id: str) -> dict[str, Any]:
    return {"document": {"name": f"{ROOT}/users/{user_id}"}, "readTime": "2026-11-24T12:00:00Z"}


class Recorder(ThreadingHTTPServer):
    """A Firestore that gives one answer after another, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[tuple[int, bytes]] = []


class Handler(BaseHTTPRequestHandler):
    """Takes a request."""

    server: Recorder

    def do_POST(self) -> None:
        """Answer in an odd number of bytes at a time, and end the connection."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        status, answer = self.server.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        for place in range(0, len(answer), 7):
            self.wfile.write(answer[place : place + 7])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Say nothing."""


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """The server, which every stream that is made within the test talks to."""
    with Recorder() as server:
        monkeypatch.setenv("FIRESTORE_REST_EMULATOR_HOST", f"127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def read(seconds: float = PATIENCE_SECONDS) -> list[str]:
    stream = DocumentStream(PROJECT, "(default)", seconds=seconds)
    return [path_of(each) for each in stream.read(Query.of("users").order_by(NAME).select(["active"]))]


def test_a_query_asks_for_a_page_in_the_order_of_names(recorder: Recorder) -> None:
    recorder.answers = [(200, answer_with(user("u1")))]
    assert read() == ["users/u1"]
    assert recorder.asked == [
        (
            f"/v1/{ROOT}:runQuery?prettyPrint=false",
            {
                "structuredQuery": {
                    "select": {"fields": [{"fieldPath": "active"}]},
                    "from": [{"collectionId": "users"}],
                    "orderBy": [{"field": {"fieldPath": "__name__"}, "direction": "ASCENDING"}],
                    "limit": PAGE_SIZE,
                }
            },
        )
    ]


def test_an_answer_may_be_spread_over_lines_and_hold_any_text(recorder: Recorder) -> None:
    answer = json.dumps([user('a"]b'), user("名前\n,["), {"readTime": "2026-11-24T12:00:00Z"}], indent=2)
    recorder.answers = [(200, answer.encode())]
    assert read() == ['users/a"]b', "users/名前\n,["]


def test_no_document_is_no_error(recorder: Recorder) -> None:
    recorder.answers = [(200, b"[]")]
    assert read() == []


REFUSAL = {"error": {"code": 403, "message": "as the test wants it", "status": "PERMISSION_DENIED"}}


@pytest.mark.parametrize(
    "answer",
    [
        (403, answer_with(REFUSAL)),
        (403, json.dumps(REFUSAL).encode()),
        (200, answer_with(user("u1"), REFUSAL)),
    ],
    ids=["at the call, in an array", "at the call", "while it is read"],
)
def test_a_refusal_is_one_of_the_librarys_errors(recorder: Recorder, answer: tuple[int, bytes]) -> None:
    recorder.answers = [answer]
    with pytest.raises(Forbidden, match="as the test wants it"):
        read()
    assert len(recorder.asked) == 1


WHOLE = answer_with(user("u1"), user("u2"))


@pytest.mark.parametrize(
    ("answer", "goes_on_after"),
    [
        ((503, b"<html>"), None),
        ((429, answer_with({"error": {"code": 429, "message": "slow down"}})), None),
        ((200, b""), None),
        ((200, WHOLE[: WHOLE.index(b"u2")]), "u1"),
        ((200, WHOLE[:-1]), "u2"),
        ((200, answer_with(user("u1"), {"error": {"code": 503, "message": "try again"}})), "u1"),
    ],
    ids=["no JSON", "too many", "nothing", "half a document", "no end", "an error at the end"],
)
def test_a_page_that_breaks_off_goes_on_behind_its_last_document(
    recorder: Recorder, answer: tuple[int, bytes], goes_on_after: str | None
) -> None:
    recorder.answers = [answer, (200, answer_with(user("u3")))]
    before = {"u1": ["users/u1"], "u2": ["users/u1", "users/u2"], None: []}
    assert read() == [*before[goes_on_after], "users/u3"]
    start = recorder.asked[1][1]["structuredQuery"].get("startAt")
    name = goes_on_after and {"values": [{"referenceValue": f"{ROOT}/users/{goes_on_after}"}], "before": False}
    assert start == name


def test_a_query_that_fails_again_and_again_is_given_up(recorder: Recorder) -> None:
    recorder.answers = [(503, b"")] * 100
    with pytest.raises(GoogleAPICallError):
        read(seconds=0.3)


def test_a_connection_that_is_silent_fails_no_query(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    with relaying(recorder.server_port) as relay:
        monkeypatch.setenv("FIRESTORE_REST_EMULATOR_HOST", f"127.0.0.1:{relay.port}")
        recorder.answers = [(200, answer_with(user("ada"))), (200, answer_with(user("ada")))]
        # Nothing comes on the first connection, and the answer on the next one.
        relay.silence_next()
        assert read(seconds=4) == ["users/ada"]
