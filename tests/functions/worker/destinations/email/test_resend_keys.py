"""Resend's idempotency keys: with which key each request is made, and what comes of requests that are made again."""

import json
import socket
from collections.abc import Sequence
from datetime import timedelta

from functions.shared.records.stored_request import KEY_MARGIN, KeptRequest, request_key
from functions.worker.destinations.outcome import Accepted, Outcome, Throttled, Unclear
from functions.worker.destinations.repeatable_sending import RepeatableSending
from tests.functions.worker.destinations.conftest import Serve
from tests.functions.worker.destinations.email.resend_case import RESEND, error
from tests.functions.worker.destinations.email.sample_mail import SENDER, SEVERAL, mail
from tests.functions.worker.destinations.http_server import answer, read_request
from tests.support import now

TOO_MANY = error(429, "rate_limit_exceeded", "Too many requests")


class Answering:
    """A server that gives one answer after the other, and the last one from then on, and keeps what it is asked.

    Args:
        answers: to the byte.
    """

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.keys: list[str] = []
        self.bodies: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        head, body = read_request(connection)
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        self.keys.append(lines["Idempotency-Key"])
        self.bodies.append(body)
        connection.sendall(self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])


def sending(port: int) -> RepeatableSending:
    """Resend, with a server of ours."""
    found = RESEND.chosen(port).repeatable_sending(now)
    assert found is not None
    return found


def send(port: int, requests: Sequence[KeptRequest], seconds: float = 10) -> Outcome:
    """Make requests, with keys of their own."""
    keys = {f"key/{number}": each for number, each in enumerate(requests, start=1)}
    return sending(port).send_requests(keys, seconds=seconds)


def accepted(message_id: str) -> bytes:
    """Resend's answer to a message that it takes, or has taken before."""
    return answer(200, {"id": message_id})


REQUESTS = sending(9).requests(mail(recipients=SEVERAL))
KEYS = [f"key/{number}" for number in range(1, len(SEVERAL) + 1)]


def test_a_request_goes_to_the_byte_with_its_own_key(serve: Serve) -> None:
    server = Answering(accepted("b"), accepted("a"), answer(200, "lost"), accepted("c"))
    assert send(serve(server), REQUESTS) == Accepted(message_id="a")
    assert server.keys == KEYS
    assert (
        server.bodies == [each.content for each in REQUESTS] == list(RESEND.written(mail(recipients=SEVERAL), SENDER))
    )


def test_the_longest_key_has_room() -> None:
    key = request_key("ü" * 700, task="t" * 500, attempt=999)
    assert len(f"{key}/{len(SEVERAL)}") <= 256
    assert sending(9).keys_hold == timedelta(hours=24) > KEY_MARGIN


def test_each_request_is_kept_by_the_recipients_own_address() -> None:
    """Also where the email goes to a test address: a recipient who leaves is found by their own."""
    requests = sending(9).requests(mail(recipients=SEVERAL, sandbox=True))
    assert [each.address for each in requests] == [each.address for each in SEVERAL]
    boxes = [json.loads(each.content)["to"][0] for each in requests]
    assert len(set(boxes)) == len(SEVERAL)


def test_a_mail_that_is_sent_without_a_key_gets_one_that_no_other_has(serve: Serve) -> None:
    server = Answering(accepted("a"))
    port = serve(server)
    for _ in range(2):
        assert RESEND.send(mail(recipients=SEVERAL), port) == Accepted(message_id="a")
    assert len(set(server.keys)) == 2 * len(SEVERAL)


def test_a_rate_limit_between_the_messages_of_a_mail_is_waited_for(serve: Serve) -> None:
    """Else an email to several recipients would be one of unknown outcome whenever others are sent beside it."""
    server = Answering(accepted("a"), answer(429, TOO_MANY, {"retry-after": "0"}), accepted("b"))
    assert send(serve(server), REQUESTS) == Accepted(message_id="a")
    assert server.keys == [*KEYS[:2], *KEYS[1:]]


def test_a_wait_that_is_too_long_is_left_to_the_queue(serve: Serve) -> None:
    server = Answering(accepted("a"), answer(429, TOO_MANY, {"retry-after": "60"}))
    outcome = send(serve(server), REQUESTS)
    assert isinstance(outcome, Unclear)
    assert f"1 of {len(REQUESTS)}" in outcome.error
    assert "429" in outcome.error


def test_a_first_message_that_is_throttled_is_left_to_the_queue(serve: Serve) -> None:
    server = Answering(answer(429, TOO_MANY, {"retry-after": "0"}), accepted("a"))
    assert isinstance(send(serve(server), REQUESTS), Throttled)
    assert server.keys == ["key/1"]
