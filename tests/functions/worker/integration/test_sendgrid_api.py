"""What is known after a call that failed: sockets that refuse, wait, reset and stop half way."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import unquote

import pytest

from functions.worker.mail.model import (
    Accepted,
    InlineImage,
    Mail,
    MailOutcome,
    MailRecipient,
    Sender,
    Unavailable,
    Unclear,
    Unsubscribed,
)
from functions.worker.mail.sendgrid.api import SendGrid
from functions.worker.time_budget import TRIAL_SECONDS

MAIL = Mail(
    recipients=[MailRecipient(address="ada@example.com", name="Ada")],
    subject="Your activity",
    text="text",
    html="<p>html</p>",
    images=[InlineImage(content_id="chart", content=b"\x89PNG" * 1000)],
    arguments={"delivery_id": "u1-20261124T1300Z", "run_id": "20261124T1300Z"},
)

Serve = Callable[[Callable[[socket.socket], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that does something with each connection, and return its URL."""
    listeners: list[socket.socket] = []

    def start(behave: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    behave(connection)

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def send(host: str, seconds: float = 10, api_key: str = "SG.key") -> MailOutcome:
    provider = SendGrid(api_key=api_key, host=host, sender=Sender(address="reports@example.com", name="Reports"))
    return provider.send(MAIL, seconds=seconds)


def test_no_memory_for_a_thread_is_a_mail_that_was_not_sent(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_timer: threading.Timer) -> None:
        raise RuntimeError("can't start new thread")

    received: list[bytes] = []
    host = serve(lambda connection: received.append(connection.recv(1)))
    monkeypatch.setattr(threading.Timer, "start", fail)
    assert isinstance(send(host), Unavailable)
    assert received in ([], [b""])


def read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(*chunks: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        for chunk in chunks:
            connection.sendall(chunk)

    return behave


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_accepted(serve: Serve) -> None:
    requests: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: m1\r\nContent-Length: 0\r\n\r\n")

    assert send(serve(behave)) == Accepted(message_id="m1")
    assert len(requests) == 1
    assert requests[0].startswith(b"POST /v3/mail/send HTTP/1.1\r\n")
    assert b"Authorization: Bearer SG.key" in requests[0]


def test_a_question_that_is_not_answered_leaves_time_for_the_mail(serve: Serve) -> None:
    """Else no trial could end an outage while SendGrid does not say who has unsubscribed."""

    def behave(connection: socket.socket) -> None:
        if b"/asm/" in read_request(connection):
            # Until the client gives up.
            connection.recv(1)
        else:
            connection.sendall(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: m1\r\nContent-Length: 0\r\n\r\n")

    sender = Sender(address="reports@example.com", name="Reports", unsubscribe_group=7)
    provider = SendGrid(api_key="SG.key", host=serve(behave), sender=sender, check_unsubscribed=True)
    assert provider.send(MAIL, seconds=TRIAL_SECONDS) == Accepted(message_id="m1")


TO_THREE = replace(MAIL, recipients=[MailRecipient(address=f"{name}@example.com") for name in ("Ada", "bo", "cy")])


def send_to_three(serve: Serve, *, left_group: list[str], want_none: list[str]) -> tuple[MailOutcome, list[str]]:
    """Send a mail where some have unsubscribed; returns the outcome and to whom the mail went."""
    sent_to: list[str] = []

    def behave(connection: socket.socket) -> None:
        head, _, body = read_request(connection).partition(b"\r\n\r\n")
        path = head.split()[1].decode()
        if path == "/v3/asm/groups/7/suppressions/search":
            answer: object = [each for each in json.loads(body)["recipient_emails"] if each.lower() in left_group]
        elif path == "/v3/mail/send":
            sent_to.extend(each["to"][0]["email"] for each in json.loads(body)["personalizations"])
            answer = {}
        else:
            address = unquote(path.removeprefix("/v3/asm/suppressions/global/")).lower()
            answer = {"recipient_email": address} if address in want_none else {}
        content = json.dumps(answer).encode()
        head = b"HTTP/1.1 200 OK\r\nX-Message-Id: m1\r\nContent-Length: %d\r\n\r\n" % len(content)
        connection.sendall(head + content)

    sender = Sender(address="reports@example.com", unsubscribe_group=7)
    provider = SendGrid(api_key="SG.key", host=serve(behave), sender=sender, check_unsubscribed=True)
    return provider.send(TO_THREE, seconds=10), sent_to


def test_who_has_unsubscribed_is_left_out_and_the_others_get_the_mail(serve: Serve) -> None:
    outcome, sent_to = send_to_three(serve, left_group=["ada@example.com"], want_none=["cy@example.com"])
    assert outcome == Accepted(message_id="m1")
    assert sent_to == ["bo@example.com"]


def test_nothing_is_sent_where_all_have_unsubscribed(serve: Serve) -> None:
    outcome, sent_to = send_to_three(
        serve, left_group=["ada@example.com", "bo@example.com"], want_none=["cy@example.com"]
    )
    assert (outcome, sent_to) == (Unsubscribed(), [])


def test_questions_about_many_recipients_leave_time_for_the_mail(serve: Serve) -> None:
    """Each question has its own time, and all of them together half of the mail's."""
    asked: list[str] = []
    sent_to: list[str] = []

    def behave(connection: socket.socket) -> None:
        head, _, body = read_request(connection).partition(b"\r\n\r\n")
        path = head.split()[1].decode()
        if path == "/v3/mail/send":
            sent_to.extend(each["to"][0]["email"] for each in json.loads(body)["personalizations"])
        else:
            asked.append(path)
            time.sleep(0.4)
        content = b"[]" if "groups" in path else b"{}"
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    sender = Sender(address="reports@example.com", unsubscribe_group=7)
    provider = SendGrid(api_key="SG.key", host=serve(behave), sender=sender, check_unsubscribed=True)
    many = replace(MAIL, recipients=[MailRecipient(address=f"u{number}@example.com") for number in range(20)])
    assert provider.send(many, seconds=2) == Accepted(message_id="")
    assert len(sent_to) == 20
    assert 1 < len(asked) < 4


def test_a_refused_connection_has_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert isinstance(send(f"http://127.0.0.1:{port}"), Unavailable)


def test_a_name_that_does_not_resolve_has_sent_nothing() -> None:
    assert isinstance(send("http://sendgrid.invalid"), Unavailable)


def test_a_failed_tls_handshake_has_sent_nothing(serve: Serve) -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(b"this is not TLS")

    assert isinstance(send(serve(behave).replace("http:", "https:")), Unavailable)


def test_a_tls_handshake_that_never_ends_has_sent_nothing(serve: Serve) -> None:
    released = threading.Event()

    def behave(_connection: socket.socket) -> None:
        released.wait(30)

    try:
        outcome = send(serve(behave).replace("http:", "https:"), seconds=0.4)
    finally:
        released.set()
    assert isinstance(outcome, Unavailable)


def test_a_key_that_is_no_header_has_sent_nothing(serve: Serve) -> None:
    requests: list[bytes] = []
    outcome = send(serve(lambda connection: requests.append(connection.recv(1024))), api_key="SG.key\r\nX-Evil: 1")
    assert isinstance(outcome, Unavailable)
    assert "SG.key" not in outcome.error
    assert not any(requests)


def test_no_answer_is_unclear(serve: Serve) -> None:
    released = threading.Event()

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        released.wait(30)

    try:
        outcome = send(serve(behave), seconds=0.4)
    finally:
        released.set()
    assert isinstance(outcome, Unclear)


def test_an_answer_that_trickles_in_is_cut_off(serve: Serve) -> None:
    released = threading.Event()

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        # Each byte comes well within a socket's own time limit.
        while not released.wait(0.05):
            try:
                connection.sendall(b"H")
            except OSError:
                return

    try:
        outcome = send(serve(behave), seconds=0.6)
    finally:
        released.set()
    assert isinstance(outcome, Unclear)


@pytest.mark.parametrize("before_reading", [True, False])
def test_a_reset_is_unclear(serve: Serve, before_reading: bool) -> None:
    def behave(connection: socket.socket) -> None:
        if not before_reading:
            read_request(connection)
        else:
            connection.recv(10)
        reset(connection)

    assert isinstance(send(serve(behave)), Unclear)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1", b"HTTP/1.1 20", b"HTTP/1.1 5", b"nonsense\r\n\r\n"])
def test_an_answer_without_a_status_is_unclear(serve: Serve, begun: bytes) -> None:
    assert isinstance(send(serve(answer(begun))), Unclear)


@pytest.mark.parametrize(
    "rest", [b"", b"\r\nX-Message-Id: m1\r\n", b"\r\nX-Message-Id: m1\r\nContent-Length: 100\r\n\r\nhalf"]
)
def test_a_status_counts_even_if_what_follows_is_cut_off(serve: Serve, rest: bytes) -> None:
    outcome = send(serve(answer(b"HTTP/1.1 202 Accepted", rest)))
    assert outcome == Accepted(message_id="m1" if rest else "")


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    requests: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    assert isinstance(send(serve(behave)), Unavailable)
    assert len(requests) == 1
