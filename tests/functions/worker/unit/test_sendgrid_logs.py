"""What is asked of SendGrid's Email Logs, and what their answers mean."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.worker.destinations.email.delivery_lookup import (
    LookupAnswer,
    LookupUnavailable,
    MailNotFound,
    WantedMail,
)
from functions.worker.destinations.email.sendgrid.logs import (
    CLOCK_MARGIN,
    MOST_ADDRESSES,
    LogsUnavailable,
    SendGridLogs,
    nearest_first,
    read_answer,
    search_queries,
    wait_asked_for,
)
from tests.support import now

CLAIMED_AT = datetime(2026, 11, 24, 13, 7, 30, tzinfo=UTC)


def wanted(*addresses: str) -> WantedMail:
    return WantedMail(delivery_id="d", addresses=addresses, claimed_at=CLAIMED_AT, category="activity")


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The URL of a server that answers each call by what it is told to write, and then closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        request = b""
                        while b"}" not in request and not request.startswith(b"GET"):
                            more = connection.recv(65_536)
                            if not more:
                                break
                            request += more
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def head(length: int, *headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {length}", *headers, "", ""]).encode()


@pytest.mark.parametrize("answer", [head(1000) + b"{", head(8, "Content-Encoding: gzip") + b"not gzip", b"nothing"])
def test_an_answer_that_breaks_off_is_no_word(answer: bytes) -> None:
    with answering(lambda connection: connection.sendall(answer)) as url:
        found = SendGridLogs(api_key="k", host=url, now=now).find(wanted("ada@example.com"), seconds=10)
    assert isinstance(found, LookupUnavailable)
    assert found.error.startswith("no answer: ")
    assert not found.lasting


def test_an_answer_that_trickles_in_is_not_waited_for() -> None:
    over = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(head(100_000))
        while not over.wait(0.05):
            connection.sendall(b" ")

    with answering(trickle) as url:
        found = SendGridLogs(api_key="k", host=url, now=now).find(wanted("ada@example.com"), seconds=1)
        over.set()
    # A busy machine may take that long before the answer begins.
    assert isinstance(found, LookupUnavailable)
    assert not found.lasting


def test_an_id_that_no_url_can_have_is_no_mail_of_ours() -> None:
    body = json.dumps({"messages": [{"sg_message_id": "\ud800", "sg_message_id_created_at": "now"}]}).encode()
    with answering(lambda connection: connection.sendall(head(len(body)) + body)) as url:
        assert (
            SendGridLogs(api_key="k", host=url, now=now).find(wanted("ada@example.com"), seconds=10) == MailNotFound()
        )


def answer_of(read: Callable[[], object]) -> LookupAnswer:
    """What comes of an answer that is none."""
    with pytest.raises(LogsUnavailable) as caught:
        read()
    return caught.value.answer


def test_a_query_names_address_category_and_time() -> None:
    assert timedelta(minutes=5) == CLOCK_MARGIN
    assert list(search_queries(wanted("ada@example.com"))) == [
        "to_email = 'ada@example.com' AND categories IN ('activity')"
        ' AND sg_message_id_created_at >= TIMESTAMP "2026-11-24T13:02:30Z"'
    ]


def asked_for(*addresses: str) -> list[str]:
    return [query.partition(" AND ")[0] for query in search_queries(wanted(*addresses))]


def test_each_recipient_in_each_spelling() -> None:
    assert asked_for("Ada@example.com", "bob@example.com", "ada@example.com") == [
        "to_email = 'Ada@example.com'",
        "to_email = 'ada@example.com'",
        "to_email = 'bob@example.com'",
    ]
    assert len(asked_for(*(f"u{number}@example.com" for number in range(99)))) == MOST_ADDRESSES


def test_an_apostrophe_is_quoted_the_other_way() -> None:
    assert asked_for("o'neill@example.com") == ['to_email = "o\'neill@example.com"']


@pytest.mark.parametrize("address", ['"a b"@example.com', "a\\b@example.com", "a\nb@example.com", ""])
def test_an_address_that_a_query_cannot_name_is_left_out(address: str) -> None:
    assert asked_for(address, "ada@example.com") == ["to_email = 'ada@example.com'"]
    # Nothing listens there: the answer is none of a connection.
    answer = SendGridLogs(api_key="k", host="http://127.0.0.1:9", now=now).find(wanted(address), seconds=1)
    assert answer == LookupUnavailable(error="there is no address by which to search", lasting=True)


def test_the_nearest_message_comes_first() -> None:
    times = {
        "before": "2026-11-24T13:03:00Z",
        "it": "2026-11-24T13:07:31Z",
        "later": "2026-11-24T15:00:00+00:00",
        "odd": "yesterday",
    }
    messages = [{"sg_message_id": name, "sg_message_id_created_at": at} for name, at in times.items()]
    assert nearest_first({"messages": messages}, CLAIMED_AT) == ["it", "before", "later", "odd"]
    assert nearest_first({"messages": []}, CLAIMED_AT) == []


@pytest.mark.parametrize("found", [{}, {"messages": None}, {"messages": [{}]}, {"messages": ["m"]}])
def test_a_search_without_messages_is_no_word(found: dict[str, Any]) -> None:
    answer = answer_of(lambda: nearest_first(found, CLAIMED_AT))
    assert answer == LookupUnavailable(error="SendGrid's answer has no messages in it", lasting=False)


def test_an_answer_is_read() -> None:
    assert read_answer(200, json.dumps({"messages": []}).encode(), "") == {"messages": []}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"[" * 9999])
def test_an_answer_that_cannot_be_read_is_no_word(body: bytes) -> None:
    answer = answer_of(lambda: read_answer(200, body, "shown"))
    assert isinstance(answer, LookupUnavailable)
    assert not answer.lasting
    assert "shown" in answer.error


@pytest.mark.parametrize(
    ("status", "lasting"),
    [(400, True), (401, True), (403, True), (404, True), (429, False), (500, False), (503, False), (302, False)],
)
def test_a_refusal_is_lasting_where_it_is_one_of_ours(status: int, lasting: bool) -> None:
    answer = answer_of(lambda: read_answer(status, b"{}", "shown"))
    assert answer == LookupUnavailable(error=f"SendGrid answered {status}: shown", lasting=lasting)


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        (str(int(CLAIMED_AT.timestamp()) + 30), 30),
        (str(int(CLAIMED_AT.timestamp()) - 30), 1),
        ("9" * 11, 300),
        ("9" * 99, 1),
        ("soon", 1),
        (None, 1),
    ],
)
def test_how_long_a_limit_lasts(reset: str | None, seconds: int) -> None:
    headers = {} if reset is None else {"X-RateLimit-Reset": reset}
    assert wait_asked_for(headers, CLAIMED_AT) == timedelta(seconds=seconds)
