"""Asking SendGrid first who has unsubscribed: they are left out, and no question costs the email its time."""

import socket
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import unquote

import pytest

from functions.worker.destinations.email.model import Mail, MailRecipient
from functions.worker.destinations.email.sendgrid import api
from functions.worker.destinations.outcome import Accepted, Outcome, Unsubscribed
from functions.worker.time_budget import TRIAL_SECONDS
from tests.functions.worker.destinations.conftest import Serve
from tests.functions.worker.destinations.email.sample_mail import mail
from tests.functions.worker.destinations.email.sendgrid_case import SENDGRID
from tests.functions.worker.destinations.http_server import Behaviour, answer, read_request
from tests.support import now

ACCEPTED = answer(202, headers={"X-Message-Id": "m1"})


def to(*addresses: str) -> Mail:
    """An email to these."""
    return replace(mail(), recipients=[MailRecipient(address=each) for each in addresses])


def send(what: Mail, port: int, seconds: float = 10) -> Outcome:
    """Ask, and send."""
    chosen = SENDGRID.chosen(port, mail_unsubscribe_group=7, mail_check_unsubscribed=True)
    return chosen.mail_provider(now).send(what, seconds=seconds)


class Suppressions:
    """A server that knows who has unsubscribed, and keeps to whom an email went.

    Args:
        left_group: who has left the group.
        want_none: who wants no email at all.
    """

    def __init__(self, *, left_group: Sequence[str] = (), want_none: Sequence[str] = ()) -> None:
        self.left_group = left_group
        self.want_none = want_none
        self.asked = 0
        self.sent_to: list[str] = []

    def __call__(self, connection: socket.socket) -> None:
        head, body = read_request(connection)
        path = head.split()[1].decode()
        if path == "/v3/mail/send":
            self.sent_to += [address for message in SENDGRID.read([body]) for _, address in message.to]
            connection.sendall(ACCEPTED)
            return
        self.asked += 1
        if path == "/v3/asm/groups/7/suppressions/search":
            connection.sendall(answer(200, [each for each in self.left_group if each in body.decode().lower()]))
        else:
            address = unquote(path.removeprefix("/v3/asm/suppressions/global/")).lower()
            connection.sendall(answer(200, {"recipient_email": address} if address in self.want_none else {}))


THREE = to("Ada@example.com", "bo@example.com", "cy@example.com")


def test_who_has_unsubscribed_is_left_out_and_the_others_get_the_mail(serve: Serve) -> None:
    server = Suppressions(left_group=["ada@example.com"], want_none=["cy@example.com"])
    assert send(THREE, serve(server)) == Accepted(message_id="m1")
    assert server.sent_to == ["bo@example.com"]


def test_nothing_is_sent_where_all_have_unsubscribed(serve: Serve) -> None:
    server = Suppressions(left_group=["ada@example.com", "bo@example.com"], want_none=["cy@example.com"])
    assert send(THREE, serve(server)) == Unsubscribed()
    assert server.sent_to == []


def test_questions_about_many_recipients_leave_time_for_the_mail(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question takes four seconds, and all of them have ten: half of the email's."""
    server = Suppressions()
    monkeypatch.setattr(api, "time", SimpleNamespace(monotonic=lambda: 4.0 * server.asked))
    many = to(*(f"u{number}@example.com" for number in range(20)))
    assert send(many, serve(server), seconds=20) == Accepted(message_id="m1")
    assert len(server.sent_to) == 20
    assert server.asked == 3


def test_a_question_that_is_not_answered_leaves_time_for_the_mail(serve: Serve) -> None:
    """Else no trial could end an outage while SendGrid does not say who has unsubscribed."""

    def behave(connection: socket.socket) -> None:
        if b"/asm/" in read_request(connection)[0]:
            # Until the client gives up.
            connection.recv(1)
        else:
            connection.sendall(ACCEPTED)

    server: Behaviour = behave
    assert send(mail(), serve(server), seconds=TRIAL_SECONDS) == Accepted(message_id="m1")
