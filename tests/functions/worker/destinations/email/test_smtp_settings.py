"""SMTP_URL: what it names, and what is said about one that names nothing."""

from typing import Any

import pytest

from functions.shared.mail.smtp_server import MailServer, Tls
from functions.shared.settings import MailSettings, load_settings
from functions.worker.destinations.email.smtp.parts import problem
from functions.worker.destinations.email.smtp.settings import SmtpSettings


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://smtp.example.com", MailServer(host="smtp.example.com", port=465, tls=Tls.AT_ONCE)),
        ("smtp://smtp.example.com/", MailServer(host="smtp.example.com", port=587, tls=Tls.STARTTLS)),
        (
            "smtps://ada%40example.com:p%23%3A%2Fw%C3%B6rd%25@SMTP.example.com:2465",
            MailServer(
                host="smtp.example.com", port=2465, tls=Tls.AT_ONCE, user="ada@example.com", password="p#:/wörd%"
            ),
        ),
        ("smtp://a:b@c@[::1]:25", MailServer(host="::1", port=25, tls=Tls.STARTTLS, user="a", password="b@c")),
        ("smtp://127.0.0.1:25?tls=off", MailServer(host="127.0.0.1", port=25, tls=Tls.OFF)),
        ("smtp://localhost/?tls=off", MailServer(host="localhost", port=587, tls=Tls.OFF)),
    ],
)
def test_a_mail_server(url: str, server: MailServer) -> None:
    assert MailServer.from_url(url) == server


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://user:hunter2@smtp.example.com", "must begin with smtps://"),
        ("user:hunter2@smtp.example.com:465", "must begin with smtps://"),
        ("smtps://", "must be a URL such as"),
        ("smtps://user:hunter2@", "must be a URL such as"),
        ("smtps://user:hunter2@host:port", "must be a URL such as"),
        ("smtps://user:hunter2@host:0", "must be a URL such as"),
        ("smtps://user:hunter2@host:99999", "must be a URL such as"),
        ("smtps://user:hunter2@[::1", "must be a URL such as"),
        ("smtps://user:hunter2@ho%20st", "must be a URL such as"),
        ("smtps://user:hunter2#more@smtp.example.com", "percent encoding"),
        ("smtps://user:hunter2/more@smtp.example.com", "percent encoding"),
        ("smtps://user:hunter2@smtp.example.com/path", "must end with the host and the port"),
        ("smtps://hunter2@smtp.example.com", "and not both"),
        ("smtps://:hunter2@smtp.example.com", "and not both"),
        ("smtps://user:hunter2%FF@smtp.example.com", "UTF-8"),
        ("smtps://user:hunter2%0D%0A@smtp.example.com", "control characters"),
        ("smtp://user:hunter2@smtp.example.com?tls=off", "for localhost only"),
        ("smtps://user:hunter2@localhost?tls=off", "behind the host"),
        ("smtp://user:hunter2@localhost?tls=none", "behind the host"),
        ("smtp://user:hunter2 @localhost", "pattern"),
    ],
)
def test_a_url_that_names_none(url: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_URL", url)
    with pytest.raises(SystemExit) as refused:
        load_settings(SmtpSettings)
    assert str(refused.value).startswith("Cannot start: SMTP_URL: ")
    assert says in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_neither_the_settings_nor_the_server_show_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_URL", " smtps://ada:hunter2@smtp.example.com\n")
    settings = load_settings(SmtpSettings)
    assert settings.server.password == "hunter2"
    assert "hunter2" not in f"{settings!r} {settings.server!r}"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, ""),
        ({"mail_unsubscribe_group": 7}, "PREFERENCES_URL"),
        ({"mail_from": "zoë@example.com"}, "MAIL_FROM: must be ASCII"),
        ({"mail_from": "zoe@bücher.example"}, ""),
        ({"mail_reply_to": "zoë@example.com"}, "MAIL_REPLY_TO: must be ASCII"),
    ],
)
def test_what_a_mail_server_cannot_do(variables: dict[str, Any], says: str) -> None:
    found = problem(MailSettings(**{"mail_from": "reports@example.com", **variables}))
    assert found.startswith(says) if ":" in says else says in found
    assert bool(found) == bool(says)
