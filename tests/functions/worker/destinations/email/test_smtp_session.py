"""Emails to a real mail server over sockets: with TLS and without, and with a fault at each step of a session."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.shared.mail.smtp_server import MailServer
from functions.worker.destinations import cut_off
from functions.worker.destinations.email.model import Mail, MailRecipient, Sender
from functions.worker.destinations.email.smtp import connections
from functions.worker.destinations.email.smtp.api import Smtp
from functions.worker.destinations.outcome import (
    Accepted,
    NotAllowed,
    Outcome,
    Refused,
    Throttled,
    Unavailable,
    Unclear,
)
from local_cloud.clock import Clock
from local_pipeline.inbox.faults import Answer, Call, CutConnection, SmtpStep
from local_pipeline.inbox.server import Inbox
from local_pipeline.inbox.smtp import SmtpServer
from report_kit.report import Attachment, InlineImage
from tests.certificates import Authority
from tests.support import Background, now

USER, PASSWORD = "apikey@example.com", "s3cr3t: with @ and %"
CarryOn = Callable[[], Awaitable[Answer]]

MAIL = Mail(
    recipients=[MailRecipient(address="ada@example.com", name="Ada Łovelace")],
    subject="Your activity – überall",
    text="Hello Ada\n.\n..two dots\nline " + "x" * 2000,
    html="<p>Hello</p><img src='cid:chart'>",
    images=[InlineImage(content_id="chart", content=b"\x89PNG" * 1000)],
    attachments=[Attachment(filename="Übersicht.csv", content=b"a;b\r\n.\r\n", media_type="text/csv")],
    arguments={"delivery_id": "u1:default:20261124T1300Z", "run_id": "20261124T1300Z"},
)
TO_THREE = replace(MAIL, recipients=[MailRecipient(address=f"{name}@example.com") for name in ("ada", "bo", "cy")])

LARGE = replace(MAIL, attachments=[Attachment(filename="a", content=b"x" * 6_000_000, media_type="a/b")])
"""More than the system's buffers take: it cannot be written to its end where it is not read."""


@dataclass
class Post:
    """A mail server, and the inbox behind it."""

    background: Background
    server: SmtpServer
    inbox: Inbox
    steps: list[tuple[SmtpStep | None, bytes]]

    def provider(self, **sender: Any) -> Smtp:
        given: dict[str, Any] = {"address": "reports@example.com", "name": "Reports", **sender}
        return Smtp(server=MailServer.from_url(self.server.url), sender=Sender(**given), now=now)

    def send(self, mail: Mail = MAIL, *, seconds: float = 20) -> Outcome:
        return self.provider().send(mail, seconds=seconds)

    def send_without_answer(self, provider: Smtp) -> Outcome:
        """What comes of a message whose end is not answered. On a busy machine it takes longer until that comes."""
        self.fail_at("end", hang)
        for seconds in (1.0, 10.0, 100.0):
            self.steps.clear()
            outcome = provider.send(MAIL, seconds=seconds)
            if "end" in [step for step, _ in self.steps]:
                return outcome
        raise AssertionError("no message comes to its end in time")

    def fail_at(self, step: SmtpStep, fault: Callable[[Call, CarryOn], Awaitable[Answer]]) -> None:
        async def stand_before(call: Call, carry_on: CarryOn) -> Answer:
            self.steps.append((call.step, call.body))
            return await (fault(call, carry_on) if call.step == step else carry_on())

        self.inbox.fault = stand_before

    @property
    def mailed(self) -> list[str]:
        return [mail.to[0].email for mail in self.inbox.mails]


Open = Callable[..., Post]


@pytest.fixture
def open_post(background: Background, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Starts mail servers."""
    started: list[Any] = []

    def start(**settings: Any) -> Post:
        inbox = Inbox(host="127.0.0.1", port=0, clock=Clock(), sendgrid_api_key="SG.key")
        server = SmtpServer(
            inbox, **{"host": "127.0.0.1", "port": 0, "clock": Clock(), "user": USER, "password": PASSWORD, **settings}
        )
        for each in (inbox, server):
            background.run(each.start())
            started.append(each)
        post = Post(background, server, inbox, [])
        post.fail_at("connect", passing)
        return post

    yield start
    for each in reversed(started):
        background.run(each.stop())


@pytest.fixture
def post(open_post: Open) -> Post:
    return open_post()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("certificates"))


async def passing(_call: Call, carry_on: CarryOn) -> Answer:
    return await carry_on()


async def cut(_call: Call, _carry_on: CarryOn) -> Answer:
    raise CutConnection


async def take_and_cut(_call: Call, carry_on: CarryOn) -> Answer:
    await carry_on()
    raise CutConnection


async def hang(_call: Call, _carry_on: CarryOn) -> Answer:
    await asyncio.Event().wait()
    raise CutConnection


def answer(code: int, text: str = "no") -> Callable[[Call, CarryOn], Awaitable[Answer]]:
    async def stand_before(_call: Call, _carry_on: CarryOn) -> Answer:
        return Answer(status=code, body=text.encode())

    return stand_before


def test_a_mail_arrives_whole(post: Post) -> None:
    outcome = post.send()
    (envelope,) = post.inbox.mails
    mail = post.inbox.mails.read(envelope.id)
    assert outcome == Accepted(message_id=mail.headers["Message-ID"].removesuffix("@example.com>").removeprefix("<"))
    assert (envelope.to[0].email, envelope.to[0].name) == ("ada@example.com", "Ada Łovelace")
    assert (envelope.sender.email, envelope.sender.name) == ("reports@example.com", "Reports")
    assert envelope.subject == MAIL.subject
    assert mail.text == MAIL.text + "\n"
    assert mail.html == MAIL.html + "\n"
    assert envelope.custom_args == MAIL.arguments
    chart, table = mail.attachments
    assert (chart.inline, chart.content_id, chart.content) == (True, "chart", MAIL.images[0].content)
    assert (table.inline, table.filename, table.content) == (False, "Übersicht.csv", b"a;b\r\n.\r\n")


def test_several_mails_take_one_connection(post: Post) -> None:
    provider = post.provider()
    for _ in range(3):
        assert isinstance(provider.send(MAIL, seconds=20), Accepted)
    assert isinstance(provider.send(TO_THREE, seconds=20), Accepted)
    assert (len(post.inbox.mails), post.server.connections) == (6, 1)


def test_mails_at_once_take_a_connection_each(post: Post) -> None:
    provider, barrier = post.provider(), threading.Barrier(3)

    async def together(_call: Call, carry_on: CarryOn) -> Answer:
        await asyncio.to_thread(barrier.wait, 60)
        return await carry_on()

    post.fail_at("end", together)
    outcomes: list[Outcome] = []
    senders = [threading.Thread(target=lambda: outcomes.append(provider.send(MAIL, seconds=60))) for _ in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert [type(each) for each in outcomes] == [Accepted] * 3
    assert post.server.connections == 3


def test_a_connection_that_the_server_has_closed_costs_a_new_one(post: Post) -> None:
    provider = post.provider()
    assert isinstance(provider.send(MAIL, seconds=20), Accepted)
    post.background.loop.call_soon_threadsafe(post.server.drop_connections)
    for _ in range(2):
        assert isinstance(provider.send(MAIL, seconds=20), Accepted)
    assert (len(post.inbox.mails), post.server.connections) == (3, 2)


def test_a_connection_that_was_idle_for_long_is_not_used_again(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", -1.0)
    provider = post.provider()
    for _ in range(2):
        assert isinstance(provider.send(MAIL, seconds=20), Accepted)
    assert post.server.connections == 2
    assert "rset" not in [step for step, _ in post.steps]


def test_a_refused_recipient_does_not_end_the_connection(post: Post) -> None:
    provider = post.provider()
    post.fail_at("rcpt", answer(550, "5.1.1 no such user"))
    assert isinstance(provider.send(MAIL, seconds=20), Refused)
    post.inbox.fault = None
    assert isinstance(provider.send(MAIL, seconds=20), Accepted)
    assert post.server.connections == 1


STEPS: tuple[SmtpStep, ...] = ("connect", "ehlo", "auth", "mail", "rcpt", "data", "content", "end")


@pytest.mark.parametrize("step", STEPS)
def test_a_connection_that_breaks(post: Post, step: SmtpStep) -> None:
    post.fail_at(step, cut)
    outcome = post.send(LARGE if step == "content" else MAIL)
    assert isinstance(outcome, Unclear if step == "end" else Unavailable)
    assert post.mailed == []


@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_server_that_does_not_answer(post: Post, step: SmtpStep) -> None:
    post.fail_at(step, hang)
    assert isinstance(post.send(LARGE if step == "content" else MAIL, seconds=0.4), Unavailable)
    assert post.mailed == []


def test_a_message_gets_no_end_where_no_time_is_left_for_the_answer(post: Post) -> None:
    async def late(_call: Call, carry_on: CarryOn) -> Answer:
        await asyncio.sleep(1.3)
        return await carry_on()

    post.fail_at("data", late)
    assert isinstance(post.send(seconds=1.6), Unavailable)
    assert post.mailed == []


def test_a_message_that_is_taken_without_an_answer_is_an_unknown_outcome(post: Post) -> None:
    post.fail_at("end", take_and_cut)
    assert isinstance(post.send(), Unclear)
    assert post.mailed == ["ada@example.com"]


@pytest.mark.parametrize(
    ("step", "code", "outcome"),
    [
        ("connect", 421, Throttled),
        ("ehlo", 550, NotAllowed),
        ("auth", 535, NotAllowed),
        ("mail", 451, Unavailable),
        ("rcpt", 550, Refused),
        ("data", 554, Refused),
        ("end", 552, Refused),
    ],
)
def test_a_refusal(post: Post, step: SmtpStep, code: int, outcome: type) -> None:
    post.fail_at(step, answer(code, "5.7.1 ada@example.com is refused"))
    came = post.send()
    assert isinstance(came, outcome)
    assert isinstance(came, Refused | NotAllowed | Throttled | Unavailable)
    assert str(code) in came.error
    assert "ada@" not in came.error
    assert post.mailed == []


@pytest.mark.parametrize("step", ["ehlo", "mail", "end"])
def test_an_answer_that_is_none(post: Post, step: SmtpStep) -> None:
    async def proxy(_call: Call, _carry_on: CarryOn) -> Answer:
        return Answer(status=999, body=b"Bad Gateway")

    provider = post.provider()
    post.fail_at(step, proxy)
    assert isinstance(provider.send(MAIL, seconds=20), Unclear if step == "end" else Unavailable)
    post.inbox.fault = None
    assert isinstance(provider.send(MAIL, seconds=20), Accepted)
    assert post.server.connections == 2


def test_a_password_that_the_server_repeats_is_not_shown(open_post: Open) -> None:
    post = open_post(password="another")
    provider = Smtp(
        server=MailServer.from_url(post.server.url.replace("another", "mysecret")),
        sender=Sender(address="r@x.org"),
        now=now,
    )
    outcome = provider.send(MAIL, seconds=20)
    assert isinstance(outcome, NotAllowed)
    assert "535" in outcome.error
    post.fail_at("auth", answer(535, f"{USER} with mysecret"))
    outcome = provider.send(MAIL, seconds=20)
    assert isinstance(outcome, NotAllowed)
    assert "mysecret" not in outcome.error
    assert "apikey" not in outcome.error


def test_a_login_is_not_taken_for_a_part_of_other_words(open_post: Open) -> None:
    post = open_post(user="mail", password="post")
    post.fail_at("rcpt", answer(550, "mailbox of mail: post it to another postmaster"))
    outcome = post.send()
    assert isinstance(outcome, Refused)
    assert "mailbox of [login]: [login] it to another postmaster" in outcome.error


class TestSeveralRecipients:
    def test_one_who_is_refused_refuses_the_mail_before_anybody_has_it(self, post: Post) -> None:
        async def not_cy(call: Call, carry_on: CarryOn) -> Answer:
            return Answer(status=550, body=b"5.1.1") if call.body == b"cy@example.com" else await carry_on()

        post.fail_at("rcpt", not_cy)
        assert isinstance(post.send(TO_THREE), Refused)
        assert post.mailed == []

    def test_a_connection_that_breaks_behind_a_message_that_was_accepted(self, post: Post) -> None:
        async def not_to_bo(call: Call, carry_on: CarryOn) -> Answer:
            return await (cut(call, carry_on) if b"To: bo@example.com" in call.body else carry_on())

        post.fail_at("end", not_to_bo)
        outcome = post.send(TO_THREE)
        assert isinstance(outcome, Unclear)
        assert outcome.error.startswith("1 of 3 messages were accepted")
        assert post.mailed == ["ada@example.com"]

    def test_a_connection_that_ends_between_two_messages(self, post: Post) -> None:
        async def close_afterwards(_call: Call, carry_on: CarryOn) -> Answer:
            answer = await carry_on()
            asyncio.get_running_loop().call_soon(post.server.drop_connections)
            return answer

        post.fail_at("end", close_afterwards)
        assert isinstance(post.send(TO_THREE), Accepted)
        assert post.mailed == ["ada@example.com", "bo@example.com", "cy@example.com"]


class TestSandbox:
    @pytest.mark.parametrize("by_sender", [True, False])
    def test_a_trial_asks_and_sends_nothing(self, post: Post, by_sender: bool) -> None:
        provider = post.provider(sandbox=by_sender)
        assert provider.send(replace(MAIL, sandbox=not by_sender), seconds=5) == Accepted(message_id="")
        assert [step for step, _ in post.steps][-3:] == ["mail", "rcpt", "rset"]
        assert post.mailed == []

    def test_a_trial_fails_as_a_mail_would(self, post: Post) -> None:
        post.fail_at("rcpt", answer(451))
        assert isinstance(post.send(replace(MAIL, sandbox=True)), Unavailable)


class TestWhatTheServerTakes:
    def test_a_message_that_is_too_large(self, post: Post) -> None:
        post.server.most_bytes = 5000
        outcome = post.send()
        assert isinstance(outcome, Refused)
        assert "bytes, and the mail server takes 5000" in outcome.error
        assert "mail" not in [step for step, _ in post.steps]

    def test_a_server_without_a_limit(self, post: Post) -> None:
        post.server.most_bytes = None
        assert isinstance(post.send(), Accepted)

    def test_an_address_that_is_not_ascii(self, post: Post) -> None:
        mail = replace(MAIL, recipients=[MailRecipient(address="zoë@bücher.example")])
        assert isinstance(post.send(mail), Accepted)
        assert post.mailed == ["zoë@xn--bcher-kva.example"]

    def test_a_server_that_takes_ascii_alone(self, post: Post) -> None:
        post.server.takes_utf8 = False
        outcome = post.send(replace(MAIL, recipients=[MailRecipient(address="zoë@example.com")]))
        assert isinstance(outcome, Refused)
        assert "beyond ASCII" in outcome.error
        abroad = replace(MAIL, recipients=[MailRecipient(address="zoe@bücher.example")])
        assert isinstance(post.send(abroad), Accepted)

    @pytest.mark.parametrize("address", ["a@b@c.example", "a>b@example.com", "a\r\nDATA@example.com", "a@", "@b.org"])
    def test_an_address_that_is_none(self, post: Post, address: str) -> None:
        assert isinstance(post.send(replace(MAIL, recipients=[MailRecipient(address=address)])), Refused)
        assert post.steps == []


class TestTls:
    @pytest.fixture(autouse=True)
    def trusted(self, monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
        """The system's certificates are the authority's."""
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    @pytest.mark.parametrize("tls_at_once", [True, False])
    def test_a_mail_with_tls(self, open_post: Open, authority: Authority, tls_at_once: bool) -> None:
        post = open_post(tls=authority.server("127.0.0.1"), tls_at_once=tls_at_once)
        provider = post.provider()
        for _ in range(2):
            assert isinstance(provider.send(MAIL, seconds=20), Accepted)
        assert (len(post.inbox.mails), post.server.connections) == (2, 1)
        post.fail_at("end", take_and_cut)
        assert isinstance(provider.send(MAIL, seconds=20), Unclear)
        post.fail_at("content", cut)
        assert isinstance(provider.send(LARGE, seconds=20), Unavailable)
        assert isinstance(post.send_without_answer(provider), Unclear)

    @pytest.mark.parametrize("tls_at_once", [True, False])
    @pytest.mark.parametrize(
        ("host", "expires_in", "says"),
        [("mail.example.com", timedelta(days=1), "not valid for"), ("127.0.0.1", -timedelta(days=1), "expired")],
    )
    def test_a_certificate_that_is_not_right(
        self, open_post: Open, authority: Authority, tls_at_once: bool, host: str, expires_in: timedelta, says: str
    ) -> None:
        post = open_post(tls=authority.server(host, expires_in=expires_in), tls_at_once=tls_at_once)
        outcome = post.send()
        assert isinstance(outcome, Unavailable)
        assert "certificate is not trusted" in outcome.error
        assert says in outcome.error
        assert {step for step, _ in post.steps}.isdisjoint({"auth", "mail"})

    def test_a_certificate_of_an_authority_that_is_not_trusted(self, open_post: Open, tmp_path: Path) -> None:
        post = open_post(tls=Authority.make(tmp_path).server("127.0.0.1"))
        outcome = post.send()
        assert isinstance(outcome, Unavailable)
        assert "certificate is not trusted" in outcome.error

    @pytest.mark.parametrize("url", ["smtp", "smtps"])
    def test_a_server_without_tls_gets_neither_password_nor_mail(self, post: Post, url: str) -> None:
        server = MailServer.from_url(post.server.url.replace("smtp", url, 1).removesuffix("?tls=off"))
        outcome = Smtp(server=server, sender=Sender(address="r@example.com"), now=now).send(MAIL, seconds=20)
        assert isinstance(outcome, Unavailable)
        assert "TLS" in outcome.error
        assert {step for step, _ in post.steps} <= {"connect", "ehlo"}

    @pytest.mark.parametrize("fault", [answer(454), answer(502), cut, hang])
    def test_starttls_that_fails(self, open_post: Open, authority: Authority, fault: Any) -> None:
        post = open_post(tls=authority.server("127.0.0.1"))
        post.fail_at("starttls", fault)
        assert isinstance(post.send(seconds=0.4 if fault is hang else 20), Unavailable)
        assert {step for step, _ in post.steps} == {"connect", "ehlo", "starttls"}

    def test_what_is_said_before_tls_is_forgotten(self, authority: Authority) -> None:
        """An attacker on the line may answer STARTTLS, and add answers to what comes after."""
        listener = socket.create_server(("127.0.0.1", 0))
        heard: list[bytes] = []

        def behave() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 hello\r\n")
                connection.recv(1024)
                connection.sendall(b"250-hello\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n")
                connection.recv(1024)
                connection.sendall(b"220 go on\r\n250-hello\r\n250 AUTH LOGIN\r\n334 x\r\n334 x\r\n235 welcome\r\n")
                context = authority.server("127.0.0.1")
                with context.wrap_socket(connection, server_side=True) as encrypted:
                    heard.append(encrypted.recv(1024))

        thread = threading.Thread(target=behave)
        thread.start()
        server = MailServer.from_url(f"smtp://u:p@127.0.0.1:{listener.getsockname()[1]}")
        outcome = Smtp(server=server, sender=Sender(address="r@example.com"), now=now).send(MAIL, seconds=20)
        thread.join(60)
        listener.close()
        assert isinstance(outcome, Unavailable)
        assert [each[:4] for each in heard] == [b"ehlo"]


def test_the_systems_certificates_are_trusted_and_no_others() -> None:
    trusted = connections.Connections(MailServer.from_url("smtps://mail.example.com"))._trusted
    assert trusted.verify_mode is ssl.CERT_REQUIRED
    assert trusted.check_hostname


def test_no_memory_for_a_thread_is_a_mail_that_was_not_sent(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoMemory(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(cut_off, "_watch", cut_off._Watch())
    monkeypatch.setattr(cut_off, "Thread", NoMemory)
    assert isinstance(post.send(), Unavailable)


def test_bytes_that_trickle_in_do_not_prolong_it(post: Post) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    released = threading.Event()

    def behave() -> None:
        connection, _ = listener.accept()
        with connection:
            while not released.wait(0.05):
                try:
                    connection.sendall(b"220-still here\r\n")
                except OSError:
                    return

    thread = threading.Thread(target=behave, daemon=True)
    thread.start()
    server = MailServer.from_url(f"smtp://127.0.0.1:{listener.getsockname()[1]}?tls=off")
    outcome = Smtp(server=server, sender=Sender(address="r@x.org"), now=now).send(MAIL, seconds=0.4)
    released.set()
    thread.join(60)
    listener.close()
    assert isinstance(outcome, Unavailable)
