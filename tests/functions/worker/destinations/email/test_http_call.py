"""What the providers that speak HTTP do of their own, beyond what test_outcomes.py asks of every provider."""

import socket
import threading

import pytest

from functions.worker.destinations import cut_off
from functions.worker.destinations.http_call import HttpAnswer, NotWritten, call
from tests.functions.worker.destinations.conftest import Serve
from tests.functions.worker.destinations.email.provider_case import ProviderCase
from tests.functions.worker.destinations.email.resend_case import KEY, RESEND
from tests.functions.worker.destinations.email.sample_mail import mail
from tests.functions.worker.destinations.email.sendgrid_case import SENDGRID
from tests.functions.worker.destinations.http_server import answer, read_request

HEADERS = {"Authorization": "Bearer the-key"}


def ask(port: int, headers: dict[str, str] = HEADERS) -> HttpAnswer:
    """Make a request."""
    return call("POST", f"http://127.0.0.1:{port}/path?query=1", headers=headers, body=b"{}", seconds=10)


def test_one_request_goes_where_it_should_and_no_redirect_is_followed(serve: Serve) -> None:
    requests: list[tuple[bytes, bytes]] = []

    def behave(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        connection.sendall(answer(302, headers={"Location": "/elsewhere"}))

    assert ask(serve(behave)).status == 302
    [(head, body)] = requests
    assert head.startswith(b"POST /path?query=1 HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer the-key" in head
    assert body == b"{}"


@pytest.mark.parametrize(
    ("case", "path", "headers"),
    [
        (SENDGRID, b"/v3/mail/send", [b"Authorization: Bearer SG.secret-key", b"Content-Type: application/json"]),
        (
            RESEND,
            b"/emails",
            [
                f"Authorization: Bearer {KEY}".encode(),
                b"Content-Type: application/json",
                b"User-Agent: report-pipeline",
            ],
        ),
    ],
    ids=["sendgrid", "resend"],
)
def test_each_provider_is_asked_as_it_documents(
    case: ProviderCase, path: bytes, headers: list[bytes], serve: Serve
) -> None:
    heads: list[bytes] = []
    case.send(mail(), serve(lambda connection: heads.append(read_request(connection)[0])))
    lines = heads[0].lower().split(b"\r\n")
    assert lines[0] == b"post " + path + b" http/1.1"
    for header in headers:
        assert header.lower() in lines


def test_no_memory_for_a_thread_is_a_request_that_was_not_made(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoMemory(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    received: list[bytes] = []
    port = serve(lambda connection: received.append(connection.recv(1)))
    monkeypatch.setattr(cut_off, "_watch", cut_off._Watch())
    monkeypatch.setattr(cut_off, "Thread", NoMemory)
    with pytest.raises(NotWritten):
        ask(port)
    assert received in ([], [b""])


def test_a_key_that_is_no_header_has_sent_nothing_and_is_not_repeated(serve: Serve) -> None:
    received: list[bytes] = []
    port = serve(lambda connection: received.append(connection.recv(1024)))
    with pytest.raises(NotWritten) as caught:
        ask(port, {"Authorization": "Bearer the-key\r\nX-Evil: 1"})
    assert "the-key" not in str(caught.value)
    assert not any(received)


@pytest.mark.parametrize("rest", [b"", b"\r\nX-Id: m1\r\n", b"\r\nX-Id: m1\r\nContent-Length: 100\r\n\r\nhalf"])
def test_a_status_counts_even_if_what_follows_is_cut_off(serve: Serve, rest: bytes) -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 202 Accepted" + rest)

    found = ask(serve(behave))
    assert (found.status, found.headers.get("X-Id")) == (202, "m1" if rest else None)


def test_of_an_answer_only_the_beginning_is_read_and_the_key_is_not(serve: Serve) -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer(400, "the-key" + "x" * 1_000_000))

    content = ask(serve(behave)).content
    assert content.startswith(b"[key]xxx")
    assert len(content) < 100_000
