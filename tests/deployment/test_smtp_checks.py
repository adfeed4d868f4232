"""The checks of a mail server over a socket."""

import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployment.mail_checks.finding import State
from deployment.mail_checks.resolver import Resolver
from deployment.mail_checks.sender_settings import SenderSettings
from deployment.mail_checks.smtp.checks import SmtpChecks
from deployment.mail_checks.smtp.server import check_server
from local_cloud.clock import Clock
from local_pipeline.inbox.faults import Answer, Call
from local_pipeline.inbox.server import Inbox
from local_pipeline.inbox.smtp import SmtpServer
from tests.certificates import Authority
from tests.dns_server import running_dns
from tests.support import Background, free_ports

SENDER = "reports@corp.dev"


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Of a server whose certificate this machine trusts."""
    authority = Authority.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority.server("127.0.0.1")


@contextmanager
def running_server(
    background: Background, tls: ssl.SSLContext | None, *, at_once: bool = False
) -> Iterator[tuple[SmtpServer, Inbox]]:
    """Start a mail server, and stop it at the end."""
    clock = Clock()
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key="")
    server = SmtpServer(
        inbox, host="127.0.0.1", port=0, clock=clock, user="ann", password="p@ss: /", tls=tls, tls_at_once=at_once
    )
    background.run(server.start())
    try:
        yield server, inbox
    finally:
        background.run(server.stop())


@pytest.mark.parametrize("at_once", [True, False], ids=["smtps", "starttls"])
def test_a_server_takes_the_sender_and_gets_no_mail(background: Background, tls: ssl.SSLContext, at_once: bool) -> None:
    with running_server(background, tls, at_once=at_once) as (server, inbox):
        finding = check_server(server.url, SENDER)
        assert finding.state is State.OK, finding.found
        assert "at most 31457280 bytes" in finding.found
        wrong = check_server(server.url.replace("ann:", "bob:"), SENDER)
        assert (wrong.state, "does not take user and password: 535" in wrong.found) == (State.PROBLEM, True)
        assert "p@ss" not in wrong.found + wrong.to_do
        assert len(inbox.mails) == 0


@pytest.mark.parametrize(("code", "state"), [(550, State.PROBLEM), (451, State.WARNING)])
def test_a_server_does_not_take_the_sender(
    background: Background, tls: ssl.SSLContext, code: int, state: State
) -> None:
    async def refuse(call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        return Answer(status=code, body=b"5.7.1 not yours") if call.step == "mail" else await carry_on()

    with running_server(background, tls) as (server, inbox):
        inbox.fault = refuse
        finding = check_server(server.url, SENDER)
    assert (finding.state, f"{code} 5.7.1 not yours" in finding.found) == (state, True)


def test_no_password_goes_out_without_tls_that_holds(
    background: Background, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server(background, None) as (server, _inbox):
        finding = check_server(server.url.partition("?")[0], SENDER)
        assert (finding.state, "STARTTLS" in finding.found) == (State.PROBLEM, True)
        # The local cloud's own has none.
        assert check_server(server.url, SENDER).state is State.OK
    monkeypatch.delenv("SSL_CERT_FILE")
    for at_once in (True, False):
        with running_server(background, tls, at_once=at_once) as (server, _inbox):
            finding = check_server(server.url, SENDER)
            assert (finding.state, "certificate" in finding.found) == (State.PROBLEM, True)


def test_a_server_that_cannot_be_reached_is_a_warning() -> None:
    """The network of this machine may be the reason."""
    assert check_server(f"smtps://a:b@127.0.0.1:{free_ports(1)}", SENDER).state is State.WARNING
    assert check_server("", SENDER).state is State.UNKNOWN


def test_a_url_that_names_no_server_is_not_repeated() -> None:
    finding = check_server("http://ann:hunter2@mail.corp.dev", SENDER)
    assert (finding.state, "SMTP_URL must begin with smtps://" in finding.found) == (State.PROBLEM, True)
    assert "hunter2" not in finding.found


def test_spf_and_dmarc_are_those_of_the_senders_domain(background: Background) -> None:
    checks = SmtpChecks(SenderSettings(SENDER, "1 High Street, London"), "")
    with running_dns(background) as dns:
        before = {each.check: each.state for each in checks.sender(Resolver(dns.address))}
        dns.txt("corp.dev", "v=spf1 include:mail.corp.dev -all")
        dns.txt("_dmarc.corp.dev", "v=DMARC1; p=reject; rua=mailto:dmarc@corp.dev")
        after = {each.check: each.state for each in checks.sender(Resolver(dns.address))}
    assert (before["spf"], before["dmarc"]) == (State.PROBLEM, State.PROBLEM)
    assert after == {
        "sender": State.OK,
        "server": State.UNKNOWN,
        "spf": State.OK,
        "dkim": State.UNKNOWN,
        "dmarc": State.OK,
        "postal-address": State.OK,
    }
