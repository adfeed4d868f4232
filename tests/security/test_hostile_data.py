"""Names, events and errors that were written to do harm, through the worker into emails, ledger, topic and logs."""

import json
import re
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from typing import Any

import grpc
import pytest

from local_cloud.rpc import RpcError
from local_pipeline.inbox.faults import Answer, Call
from local_pipeline.inbox.mail import Mail
from tests.local_services import MAX_ATTEMPTS
from tests.security.conftest import DOMAIN, SECRETS, SENDGRID_KEY, House

HOSTILE = {
    "html": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "attribute": "\" onmouseover=\"alert(3)' style='x",
    "template": "{{ 7 * 7 }}{% include 'x' %}${7*7}",
    "mjml": "<mj-raw><script>alert(4)</script></mj-raw></mj-text>",
    "slack": "<!channel> <https://evil.example|click> *bold* <@U1>",
    "headers": "Ada\r\nBcc: everybody@private.example\r\n\r\nBody",
    "control": "a\x00b\x07c\x1b[31md\x7fe\u0085f\u2028g",
    "direction": "gpj.\u202eexe \u200b\ufeff\u2066",
    "log": 'x"}\n{"severity": "CRITICAL", "message": "forged"}',
    "address": f"Ada <someone{DOMAIN}>",
    "sendgrid": "-name- <%asm_global_unsubscribe_raw_url%> %name% [unsubscribe]",
    "phishing": "URGENT: verify at https://evil.example/login",
    "long": "n" * 100_000,
    "long html": "<b>" * 33_000,
    "wide": "🏴\u200d☠️" * 10_000,
}


IDS = [f"ada{DOMAIN}", f"<!channel>{DOMAIN}", "a\r\nb", "<script>", "a'\"\\b", "ü" * 500]


class Elements(HTMLParser):
    """What a mail program would make of an email."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.sources: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.sources.update(value or "" for name, value in attrs if name == "src")

    def handle_data(self, data: str) -> None:
        self.text += data


def mail_of(house: House, user_id: str) -> Mail:
    async def read() -> list[Mail]:
        return [house.inbox.mails.read(envelope.id) for envelope in house.inbox.mails.to(f"{user_id}{DOMAIN}")]

    (mail,) = house.background.run(read())
    return mail


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_names_and_events(house: House, kind: str) -> None:
    text, user_id = HOSTILE[kind], f"hostile-{kind.replace(' ', '-')}"
    house.user(user_id, email=f"{user_id}{DOMAIN}", name=text)
    house.event(user_id, type=text, amount=3)
    house.event(user_id, type="login", amount=1)
    answer = house.deliver(user_id)
    assert answer.json()["result"] == "sent"
    mail = mail_of(house, user_id)
    assert mail.html is not None
    assert mail.text is not None
    # Nothing of it is markup, and nothing runs.
    elements = Elements()
    elements.feed(mail.html)
    assert not elements.names & {"script", "b", "iframe", "object", "mj-raw", "mj-text"}
    assert not [name for name in elements.attributes if name.startswith("on")]
    assert "49" not in elements.text or kind != "template"
    assert all(source.startswith("cid:") for source in elements.sources)
    # One line each, and no recipient beside the user.
    lines = [mail.envelope.subject, *(party.name or "" for party in mail.envelope.to), *mail.headers.values()]
    for line in lines:
        assert not re.search("[\x00-\x1f\x7f\u0085\u2028\u2029\u202a-\u202e\u2066-\u2069]", line)
        assert len(line) <= 1000
    assert [party.email for party in (*mail.envelope.to, *mail.envelope.cc, *mail.envelope.bcc)] == [
        f"{user_id}{DOMAIN}"
    ]
    assert mail.headers.keys() == {
        *("References", "X-Entity-Ref-ID", "List-Unsubscribe", "List-Unsubscribe-Post"),
        *("List-Id", "Auto-Submitted", "Feedback-ID"),
    }
    # No tag of SendGrid's, and no link in a greeting.
    assert "<%" not in mail.text + mail.html
    assert "[unsubscribe]" not in mail.text + mail.html
    greeting = mail.text.partition("\n")[0]
    for line in (greeting, mail.envelope.subject, *(party.name or "" for party in mail.envelope.to)):
        assert not re.search(r"://|@|www\.", line)
        assert len(line) <= 100
    # SendGrid takes 30 MB, but Gmail clips an email at 102 kB.
    assert len(mail.html) < 100_000


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_errors_of_the_provider(house: House, kind: str) -> None:
    user_id = f"refused-{kind.replace(' ', '-')}"
    house.user(user_id, email=f"{user_id}{DOMAIN}")
    error = {"errors": [{"message": f"{HOSTILE[kind]} {user_id}{DOMAIN} {SENDGRID_KEY}", "field": HOSTILE[kind]}]}
    house.inbox.answer_next("sendgrid", Answer(status=400, body=json.dumps(error).encode()))
    assert house.deliver(user_id).json() == {
        "result": "dead",
        "delivery_id": f"{user_id}:default:20261124T1300Z",
        "reason": "permanent-error",
    }
    (letter,) = house.letters()
    error_text = json.loads(letter[letter.index('{"user_id"') :])["error"]
    assert len(error_text) <= 1000
    for text in (error_text, house.delivery(user_id)["last_error"]):
        assert DOMAIN not in text
        assert SENDGRID_KEY not in text
        assert not re.search("[\x00-\x1f\x7f\u0085\u2028\u202e]", text)


def test_hostile_errors_of_firestore(house: House) -> None:
    house.user("unlucky")

    async def refuse(method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        if method.endswith(("/RunQuery", "/Commit")):
            raise RpcError(grpc.StatusCode.INVALID_ARGUMENT, f"not with someone{DOMAIN}\n{HOSTILE['log']}")
        return await carry_out()

    house.faults.middleware = refuse
    try:
        for retry_count in range(MAX_ATTEMPTS):
            assert house.deliver("unlucky", retry_count=retry_count).status_code == 500
    finally:
        house.faults.middleware = None
    house.letters()


@pytest.mark.parametrize("hostile_id", IDS)
def test_hostile_ids(house: House, hostile_id: str) -> None:
    house.user(hostile_id, email=f"id{DOMAIN}", subscription={"subscription_id": hostile_id})
    answer = house.deliver(hostile_id, hostile_id)
    assert answer.json()["result"] == "sent"
    assert "\n" not in answer.text.rstrip("\n")


def test_ids_that_would_name_the_delivery_of_another(house: House) -> None:
    """A user `a` with the subscription `b:c`, and a user `a:b` with the subscription `c`."""
    for user_id, subscription_id in (("a", "b:c"), ("a:b", "c"), ("a%3Ab", "c")):
        house.user(user_id, email=f"colon{DOMAIN}", subscription={"subscription_id": subscription_id})
        assert house.deliver(user_id, subscription_id).json()["result"] == "sent"
        assert house.delivery(user_id, subscription_id)["user_id"] == user_id


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_fields_of_subscriptions(house: House, kind: str) -> None:
    """No part of a subscription that cannot be sent gets into an email, and no other address gets one."""
    text, user_id = HOSTILE[kind], f"subscribed-{kind.replace(' ', '-')}"
    house.user(
        user_id,
        email=f"{user_id}{DOMAIN}",
        subscription={"cc": [f"{text}{DOMAIN}"], "locale": text, "options": {text[:100]: text}, "kind": text},
    )
    assert house.deliver(user_id).json()["reason"] == "permanent-error"
    (letter,) = house.letters()
    assert DOMAIN not in letter
    assert text not in letter
    assert not list(house.inbox.mails.to(f"{user_id}{DOMAIN}"))


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_options_of_subscriptions(house: House, kind: str) -> None:
    """Options that a report does not use are in no email, and an unknown language does not stop an email."""
    text, user_id = HOSTILE[kind], f"optional-{kind.replace(' ', '-')}"
    house.user(
        user_id,
        email=f"{user_id}{DOMAIN}",
        subscription={"locale": text, "options": {text[:100]: [text], "region": {"name": text}}},
    )
    assert house.deliver(user_id).json()["result"] == "sent"
    mail = mail_of(house, user_id)
    assert text not in (mail.text or "") + (mail.html or "")


def test_hostile_copies(house: House) -> None:
    """The recipient of a copy cannot unsubscribe the user."""
    copies = [f"copy{number}{DOMAIN}" for number in range(3)]
    house.user("copied", email=f"copied{DOMAIN}", subscription={"cc": copies})
    assert house.deliver("copied").json()["result"] == "sent"
    own = mail_of(house, "copied")
    assert "unsubscribe?user=copied&token=" in own.headers["List-Unsubscribe"]
    for number in range(3):
        mail = mail_of(house, f"copy{number}")
        shown = "\n".join([mail.text or "", mail.html or "", *mail.headers.values()])
        assert "unsubscribe?" not in shown
        assert "token=" not in shown
        assert [party.email for party in (*mail.envelope.to, *mail.envelope.cc, *mail.envelope.bcc)] == [copies[number]]


def test_a_user_whose_fields_are_anything(house: House) -> None:
    house.user("odd", email={"a": f"odd{DOMAIN}"}, name=[HOSTILE["html"]], time_zone="../../etc/passwd", locale=7)
    assert house.deliver("odd").json()["reason"] == "permanent-error"
    (letter,) = house.letters()
    assert DOMAIN not in letter


def test_a_body_with_an_address_and_a_key_in_it(house: House) -> None:
    body = json.dumps({"user_id": 7, "email": f"body{DOMAIN}"}).encode()
    assert house.post(body, token=house.token()).json()["reason"] == "invalid-task"
    house.letters()


def test_a_network_that_repeats_what_it_was_sent(house: House) -> None:
    """As some proxies do on the page that says what went wrong."""
    house.user("echoed", email=f"echoed{DOMAIN}")

    async def echo(call: Call, _carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
        return Answer(status=502, body=b"Authorization: Bearer " + SENDGRID_KEY.encode() + b"\n" + call.body)

    house.inbox.fault = echo
    try:
        for retry_count in range(MAX_ATTEMPTS):
            house.deliver("echoed", retry_count=retry_count)
    finally:
        house.inbox.fault = None
    # After a 502 the outcome is unknown, so it is settled later, not within these attempts.
    delivery = house.delivery("echoed")
    assert delivery["state"] == "sending"
    assert DOMAIN not in str(delivery)
    assert SENDGRID_KEY not in str(delivery)
    house.letters()


class TestWhatWasWritten:
    """After all of the above, in this module's order: everything that the functions have written, searched."""

    def test_no_address_is_in_a_log(self, house: House) -> None:
        lines = house.log_lines()
        assert any('"report_attempted"' in line for line in lines)
        assert [line for line in lines if DOMAIN in line] == []

    def test_every_line_of_a_log_is_one_entry(self, house: House) -> None:
        entries = [json.loads(line) for line in house.log_lines() if line.startswith("{")]
        assert entries
        assert not [entry for entry in entries if entry.get("message") == "forged"]
        assert not [line for line in house.log_lines() if "\x1b" in line or "\x00" in line]

    def test_no_secret_is_anywhere(self, house: House) -> None:
        house.letters()
        everything = "\n".join(
            [
                *house.log_lines(),
                *house.answers,
                *house.published,
                house.documents("deliveries", "runs", "dead_letters", "users"),
            ]
        )
        assert [secret for secret in SECRETS if secret in everything] == []

    def test_no_token_is_in_a_log(self, house: House) -> None:
        signatures = [line for line in house.log_lines() if re.search(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]{20,}", line)]
        assert signatures == []

    def test_no_address_is_in_the_ledger_or_an_answer(self, house: House) -> None:
        # A user's id may be an address, and is what the ledger goes by: those are left out.
        texts = [*house.documents("deliveries", "runs").splitlines(), *house.answers]
        for user_id in (user_id for user_id in IDS if DOMAIN in user_id):
            texts = [text.replace(user_id, "") for text in texts]
        assert [text for text in texts if DOMAIN in text] == []
