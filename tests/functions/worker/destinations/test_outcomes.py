"""What is known of a report after each answer, and where none comes: of every destination, over sockets."""

import socket

from functions.worker.destinations.outcome import (
    Accepted,
    Outcome,
    Refused,
    Throttled,
    Unavailable,
    Unclear,
    Unsubscribed,
)
from tests.functions.worker.destinations.conftest import Serve, send_until_taken
from tests.functions.worker.destinations.destination_case import NO_PICTURE, DestinationCase, each_destination
from tests.functions.worker.destinations.http_server import Said, read_request, take_body, wait_for_the_end


@each_destination
def test_what_an_answer_means(case: DestinationCase, serve: Serve) -> None:
    wanted = {
        Said.ACCEPTED: Accepted,
        Said.REFUSED: Refused,
        # A person must act, and the reports of other addresses go on: a dead letter says so.
        Said.KEY_REFUSED: Refused,
        Said.THROTTLED: Throttled,
        Said.NOT_NOW: Unavailable,
        Said.FAILED: Unclear,
    }
    port = serve(case.saying([*case.answers]))
    for said in case.answers:
        outcome = case.send(port)
        assert isinstance(outcome, wanted[said]), (said, outcome)
        if not isinstance(outcome, Accepted | Unsubscribed):
            assert outcome.error
            assert "ada@" not in outcome.error
            assert case.secret not in outcome.error
        if isinstance(outcome, Throttled):
            assert outcome.retry_after_seconds == 7


@each_destination
def test_a_connection_that_never_opened_has_sent_nothing(case: DestinationCase) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outcome = case.send(port)
    assert isinstance(outcome, Unavailable)
    assert case.secret not in outcome.error


@each_destination
def test_an_answer_that_announces_another_one_does_not_say_that_nothing_was_taken(
    case: DestinationCase, serve: Serve
) -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" + case.answers[Said.ACCEPTED])

    assert isinstance(case.send(serve(behave)), Unclear)


@each_destination
def test_no_answer_after_the_request_is_unclear(case: DestinationCase, serve: Serve) -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)

    assert isinstance(case.send(serve(behave)), Unclear)


@each_destination
def test_an_answer_that_does_not_come_in_time_is_unclear(case: DestinationCase, serve: Serve) -> None:
    def send(port: int, seconds: float) -> Outcome:
        return case.send(port, seconds=seconds)

    assert isinstance(send_until_taken(serve, send, take_body, wait_for_the_end), Unclear)


@each_destination
def test_a_secret_that_is_not_set_is_a_dead_letter_that_names_it(case: DestinationCase) -> None:
    outcome = case.make(1, {}).send(NO_PICTURE, seconds=1)
    assert isinstance(outcome, Refused)
    assert "acme" in outcome.error
    assert "DESTINATION_SECRETS" in outcome.error
