"""What is known of an email after each answer, and where none comes: of every provider, over sockets."""

import socket
import struct
import time
from dataclasses import replace

import pytest

from functions.worker.destinations.outcome import (
    Accepted,
    NotAllowed,
    Outcome,
    Refused,
    Throttled,
    Unavailable,
    Unclear,
)
from report_kit.report import InlineImage
from tests.functions.worker.destinations.conftest import Serve, send_until_taken
from tests.functions.worker.destinations.email.cases import by_recipient, each_provider
from tests.functions.worker.destinations.email.provider_case import ProviderCase
from tests.functions.worker.destinations.email.sample_mail import SENDER, SEVERAL, mail
from tests.functions.worker.destinations.http_server import Behaviour, Said, wait_for_the_end

MAIL = mail(images=[InlineImage(content_id="chart", content=b"\x89PNG" * 1000)])
TO_SEVERAL = replace(MAIL, recipients=SEVERAL)


def send_and_wait(case: ProviderCase, serve: Serve, then: Behaviour) -> Outcome:
    """What comes of an email whose answer does not come in time. What the server does then takes longer."""
    return send_until_taken(serve, lambda port, seconds: case.send(MAIL, port, seconds=seconds), case.take, then)


@each_provider
def test_an_accepted_mail(case: ProviderCase, serve: Serve) -> None:
    connections: list[socket.socket] = []
    say = case.saying([Said.ACCEPTED])

    def behave(connection: socket.socket) -> None:
        connections.append(connection)
        say(connection)

    assert case.send(MAIL, serve(behave)) == Accepted(message_id=case.message_id)
    assert len(connections) == 1


@each_provider
def test_what_is_sent_is_what_is_written(case: ProviderCase, serve: Serve) -> None:
    received: list[bytes] = []
    case.send(MAIL, serve(lambda connection: received.append(case.take(connection))), seconds=10)
    assert received == list(case.written(MAIL, SENDER))


@each_provider
def test_a_refused_mail_stays_refused_and_its_error_has_no_address(case: ProviderCase, serve: Serve) -> None:
    outcome = case.send(MAIL, serve(case.saying([Said.REFUSED])))
    assert isinstance(outcome, Refused)
    assert outcome.error
    assert "ada" not in outcome.error


@each_provider
def test_a_refused_key_is_not_the_mails_fault_and_is_not_repeated(case: ProviderCase, serve: Serve) -> None:
    outcome = case.send(MAIL, serve(case.saying([Said.KEY_REFUSED])))
    assert isinstance(outcome, NotAllowed)
    assert case.secret not in outcome.error


@each_provider
def test_a_throttled_caller_waits_as_long_as_it_is_asked_to(case: ProviderCase, serve: Serve) -> None:
    outcome = case.send(MAIL, serve(case.saying([Said.THROTTLED])))
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after_seconds == case.wait


@each_provider
def test_a_provider_that_says_not_now_has_nothing(case: ProviderCase, serve: Serve) -> None:
    assert isinstance(case.send(MAIL, serve(case.saying([Said.NOT_NOW]))), Unavailable)


@each_provider
def test_a_failure_does_not_say_that_nothing_was_sent(case: ProviderCase, serve: Serve) -> None:
    assert isinstance(case.send(MAIL, serve(case.saying([Said.FAILED]))), Unclear)


@each_provider
def test_a_refused_connection_has_sent_nothing(case: ProviderCase) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert isinstance(case.send(MAIL, port), Unavailable)


@each_provider
def test_a_name_that_does_not_resolve_has_sent_nothing(case: ProviderCase) -> None:
    assert isinstance(case.send(MAIL, 443, host="provider.invalid", tls=True), Unavailable)


@each_provider
def test_a_failed_tls_handshake_has_sent_nothing(case: ProviderCase, serve: Serve) -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(b"this is not TLS")

    assert isinstance(case.send(MAIL, serve(behave), tls=True), Unavailable)


@each_provider
def test_a_tls_handshake_that_never_ends_has_sent_nothing(case: ProviderCase, serve: Serve) -> None:
    assert isinstance(case.send(MAIL, serve(wait_for_the_end), tls=True, seconds=0.4), Unavailable)


@each_provider
def test_no_answer_is_unclear(case: ProviderCase, serve: Serve) -> None:
    assert isinstance(send_and_wait(case, serve, wait_for_the_end), Unclear)


@each_provider
def test_an_answer_that_trickles_in_is_cut_off(case: ProviderCase, serve: Serve) -> None:
    def trickle(connection: socket.socket) -> None:
        # Each byte comes well within a socket's own time limit. The loop ends with the connection.
        while True:
            connection.sendall(b"2")
            time.sleep(0.05)

    assert isinstance(send_and_wait(case, serve, trickle), Unclear)


@each_provider
@pytest.mark.parametrize("how", ["reset", "closed"])
def test_a_connection_that_breaks_after_the_mail_is_unclear(case: ProviderCase, serve: Serve, how: str) -> None:
    def behave(connection: socket.socket) -> None:
        case.take(connection)
        if how == "reset":
            reset_at_the_end(connection)

    assert isinstance(case.send(MAIL, serve(behave)), Unclear)


@each_provider
def test_a_connection_that_breaks_before_the_mail_is_whole(case: ProviderCase, serve: Serve) -> None:
    def behave(connection: socket.socket) -> None:
        case.take_a_part(connection)
        reset_at_the_end(connection)

    assert isinstance(case.send(MAIL, serve(behave)), case.cut_early)


def reset_at_the_end(connection: socket.socket) -> None:
    """Have the connection end in a reset once it is closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@each_provider
@pytest.mark.parametrize("begun", [b"HTTP/1.1 20", b"2", b"nonsense\r\n\r\n", b"\xff\xfe\r\n"])
def test_an_answer_that_is_none_is_unclear(case: ProviderCase, serve: Serve, begun: bytes) -> None:
    def behave(connection: socket.socket) -> None:
        case.take(connection)
        connection.sendall(begun)

    assert isinstance(case.send(MAIL, serve(behave)), Unclear)


@each_provider
def test_no_time_is_no_mail(case: ProviderCase, serve: Serve) -> None:
    assert isinstance(case.send(MAIL, serve(wait_for_the_end), seconds=0), Unavailable)


@by_recipient
def test_a_mail_is_accepted_when_all_of_its_messages_are(case: ProviderCase, serve: Serve) -> None:
    outcome = case.send(TO_SEVERAL, serve(case.saying([Said.ACCEPTED] * len(SEVERAL))))
    assert outcome == Accepted(message_id=case.message_id)


@by_recipient
@pytest.mark.parametrize("then", [said for said in Said if said is not Said.ACCEPTED])
def test_a_mail_that_is_accepted_in_part_is_unclear(case: ProviderCase, serve: Serve, then: Said) -> None:
    outcome = case.send(TO_SEVERAL, serve(case.saying([Said.ACCEPTED, then])), seconds=5)
    assert isinstance(outcome, Unclear)
    assert f"1 of {len(SEVERAL)}" in outcome.error
    assert outcome.is_lasting is (then is Said.REFUSED)


@by_recipient
@pytest.mark.parametrize(
    ("first", "outcome"),
    [
        (Said.REFUSED, Refused),
        (Said.KEY_REFUSED, NotAllowed),
        (Said.THROTTLED, Throttled),
        (Said.NOT_NOW, Unavailable),
        (Said.FAILED, Unclear),
    ],
)
def test_nothing_goes_out_after_a_first_message_that_is_not_accepted(
    case: ProviderCase, serve: Serve, first: Said, outcome: type[Outcome]
) -> None:
    said = [first, Said.ACCEPTED, Said.ACCEPTED, Said.ACCEPTED]
    assert isinstance(case.send(TO_SEVERAL, serve(case.saying(said))), outcome)
