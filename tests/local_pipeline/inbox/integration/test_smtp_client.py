"""Python's own SMTP client sends to the inbox's mail server."""

import base64
import contextlib
import smtplib
import socket
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import pytest

from local_cloud.clock import Clock
from local_cloud.errors import PortInUse
from local_pipeline.inbox.faults import Answer, Call, CutConnection, Service, SmtpStep
from local_pipeline.inbox.server import Inbox
from local_pipeline.inbox.smtp import SmtpServer
from local_pipeline.inbox.timed_faults import FaultKind, TimedFaults
from tests.support import Background

CarryOn = Callable[[], Awaitable[Answer]]


@pytest.fixture
def server(background: Background, inbox: Inbox, clock: Clock) -> Iterator[SmtpServer]:
    server = SmtpServer(inbox, host="127.0.0.1", port=0, clock=clock, user="ann", password="a secret")
    background.run(server.start())
    yield server
    background.run(server.stop())


def report(clock: Clock, **headers: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    given = {
        "From": "Example Reports <reports@example.com>",
        "To": "Zoë Müller <zoe@example.com>",
        "Subject": "Zoë's report",
        "Date": format_datetime(clock.now()),
        "Message-ID": "<r1@example.com>",
        "Reply-To": "team@example.com",
        "X-Report-Delivery": "u1:default:20261124T1300Z",
        "X-Report-Run": "20261124T1300Z",
        "List-Id": "<activity.example.com>",
        **headers,
    }
    for name, value in given.items():
        if value:
            message[name] = value
    message.set_content("Hello Zoë.\n.\nThe dot above is not the end.\n")
    message.add_alternative('<p>Hello Zoë.</p><img src="cid:chart">', subtype="html")
    html = message.get_payload()[-1]  # type: ignore[index]  # an alternative's payload is its parts
    html.add_related(b"\x89PNG", "image", "png", cid="<chart>", disposition="inline", filename="chart.png")  # type: ignore[union-attr]
    message.add_attachment(b"a;b\r\n", maintype="text", subtype="csv", filename="Übersicht.csv")
    return message


@contextlib.contextmanager
def logged_in(server: SmtpServer) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client:
        client.login("ann", "a secret")
        yield client


def test_a_message_is_a_mail_as_sendgrid_would_have_made_it(server: SmtpServer, inbox: Inbox, clock: Clock) -> None:
    with logged_in(server) as client:
        assert client.send_message(report(clock)) == {}
    (envelope,) = inbox.mails
    mail = inbox.mails.read(envelope.id)
    assert [(each.email, each.name) for each in envelope.to] == [("zoe@example.com", "Zoë Müller")]
    assert (envelope.sender.email, envelope.sender.name) == ("reports@example.com", "Example Reports")
    assert envelope.subject == "Zoë's report"
    assert envelope.custom_args == {"delivery_id": "u1:default:20261124T1300Z", "run_id": "20261124T1300Z"}
    assert [each.email for each in mail.reply_to] == ["team@example.com"]
    assert set(mail.headers) == {"Date", "Message-ID", "List-Id"}
    assert mail.text == "Hello Zoë.\n.\nThe dot above is not the end.\n"
    assert (mail.html or "").startswith("<p>Hello Zoë.</p>")
    chart, table = mail.attachments
    assert (chart.inline, chart.content_id, chart.content) == (True, "chart", b"\x89PNG")
    assert (table.inline, table.filename, table.content) == (False, "Übersicht.csv", b"a;b\r\n")
    assert mail.as_message()["Message-ID"] == "<r1@example.com>"


def test_each_recipient_of_a_message_has_a_mail(server: SmtpServer, inbox: Inbox, clock: Clock) -> None:
    with logged_in(server) as client:
        client.send_message(report(clock), to_addrs=["zoe@example.com", "bo@example.com"])
    assert [[each.email for each in mail.to] for mail in inbox.mails] == [["zoe@example.com"], ["bo@example.com"]]


@pytest.mark.parametrize("wrong", [{"Date": ""}, {"Message-ID": ""}, {"Date": "tomorrow"}, {"From": ""}])
def test_a_message_that_is_none(server: SmtpServer, inbox: Inbox, clock: Clock, wrong: dict[str, str]) -> None:
    with logged_in(server) as client, pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail("reports@example.com", "zoe@example.com", report(clock, **wrong).as_bytes())
    assert refused.value.smtp_code == 554
    assert len(inbox.mails) == 0


@pytest.mark.parametrize("wrong", [b"a\nb\r\n", b"a\rb\r\n", b"a\0b\r\n"])
def test_a_line_break_that_is_none(server: SmtpServer, inbox: Inbox, clock: Clock, wrong: bytes) -> None:
    content = report(clock).as_bytes() + wrong
    with logged_in(server) as client, pytest.raises(smtplib.SMTPDataError):
        client.sendmail("reports@example.com", "zoe@example.com", content)
    assert len(inbox.mails) == 0


def test_who_may_not_send(server: SmtpServer, inbox: Inbox, clock: Clock) -> None:
    with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as client:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.send_message(report(clock))
        assert refused.value.smtp_code == 530
        with pytest.raises(smtplib.SMTPAuthenticationError) as wrong:
            client.login("ann", "another")
    assert wrong.value.smtp_code == 535
    assert len(inbox.mails) == 0


def test_a_web_page_sends_nothing(server: SmtpServer, inbox: Inbox, clock: Clock) -> None:
    """Its browser posts what is SMTP from the second line on."""
    login = base64.b64encode(b"\0ann\0a secret")
    commands = [b"EHLO x", b"AUTH PLAIN " + login, b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.com>", b"DATA"]
    content = report(clock).as_bytes().replace(b"\r\n.", b"\r\n..")
    body = b"\r\n".join([*commands, content, b".", b"QUIT", b""])
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n" + body)
        with contextlib.suppress(ConnectionError):
            while connection.recv(1024):
                pass
    assert len(inbox.mails) == 0


def at(step: SmtpStep, fault: Callable[[CarryOn], Awaitable[Answer]]) -> Callable[[Call, CarryOn], Awaitable[Answer]]:
    async def stand_before(call: Call, carry_on: CarryOn) -> Answer:
        return await (fault(carry_on) if (call.service, call.step) == ("smtp", step) else carry_on())

    return stand_before


STEPS: tuple[SmtpStep, ...] = ("connect", "ehlo", "auth", "mail", "rcpt", "data", "content", "end", "rset", "noop")


def take_every_step(server: SmtpServer, clock: Clock) -> None:
    with logged_in(server) as client:
        for command in (client.noop, client.rset):
            code, text = command()
            if code != 250:
                raise smtplib.SMTPResponseException(code, text)
        client.send_message(report(clock))


@pytest.mark.parametrize("step", STEPS)
def test_a_connection_that_is_cut_at_a_step(server: SmtpServer, inbox: Inbox, clock: Clock, step: SmtpStep) -> None:
    async def cut(_carry_on: CarryOn) -> Answer:
        raise CutConnection

    inbox.fault = at(step, cut)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        take_every_step(server, clock)
    assert len(inbox.mails) == 0
    inbox.fault = None
    take_every_step(server, clock)
    assert len(inbox.mails) == 1


@pytest.mark.parametrize("step", [each for each in STEPS if each not in {"ehlo", "content"}])
def test_another_answer_at_a_step(server: SmtpServer, inbox: Inbox, clock: Clock, step: SmtpStep) -> None:
    async def not_now(_carry_on: CarryOn) -> Answer:
        return Answer(status=454, body=b"4.3.0 not now")

    inbox.fault = at(step, not_now)
    with pytest.raises(smtplib.SMTPException, match="454"):
        take_every_step(server, clock)
    assert len(inbox.mails) == 0


def test_a_message_that_is_accepted_without_an_answer(server: SmtpServer, inbox: Inbox, clock: Clock) -> None:
    async def cut(carry_on: CarryOn) -> Answer:
        await carry_on()
        raise CutConnection

    inbox.fault = at("end", cut)
    with pytest.raises(smtplib.SMTPServerDisconnected), logged_in(server) as client:
        client.send_message(report(clock))
    assert len(inbox.mails) == 1


@pytest.mark.parametrize(
    ("kind", "error", "taken"),
    [
        (FaultKind.UNAVAILABLE, "451", 0),
        (FaultKind.REFUSES_MAILS, "554", 0),
        (FaultKind.THROTTLED, "452", 0),
        (FaultKind.REFUSES_KEY, "530", 0),
        (FaultKind.CUT, "closed", 0),
        (FaultKind.TAKEN_AND_CUT, "closed", 1),
        (FaultKind.TAKEN_AND_FAILED, "-1", 1),
    ],
)
def test_the_faults_that_a_person_chooses(
    server: SmtpServer, inbox: Inbox, clock: Clock, kind: FaultKind, error: str, taken: int
) -> None:
    faults = TimedFaults()
    service: Service = "smtp"
    faults.add(service, kind, timedelta(minutes=5))
    inbox.fault = faults
    with pytest.raises((smtplib.SMTPException, ConnectionError)) as failed, logged_in(server) as client:
        client.send_message(report(clock))
    assert error in str(failed.value)
    assert len(inbox.mails) == taken


def test_a_port_that_is_taken(server: SmtpServer, inbox: Inbox, background: Background) -> None:
    other = SmtpServer(inbox, host="127.0.0.1", port=server.port, clock=Clock(), user="x", password="x")
    with pytest.raises(PortInUse, match=str(server.port)):
        background.run(other.start())
