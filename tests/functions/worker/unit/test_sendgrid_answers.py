"""What SendGrid's answers mean."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import Message

import pytest

from functions.worker.mail.model import Accepted, MailOutcome, NotAllowed, Refused, Throttled, Unavailable, Unclear
from functions.worker.mail.sendgrid.api import classify

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)


def answer(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> MailOutcome:
    message = Message()
    for name, value in (headers or {}).items():
        message[name] = value
    return classify(status, message, body, now=NOW)


def test_accepted_with_the_messages_name() -> None:
    assert answer(202, headers={"x-message-id": "abc"}) == Accepted(message_id="abc")
    assert answer(202) == Accepted(message_id="")
    assert answer(200) == Accepted(message_id="")


@pytest.mark.parametrize("status", [400, 404, 405, 406, 413, 415, 422])
def test_what_is_wrong_with_the_mail_stays_wrong(status: int) -> None:
    body = b'{"errors": [{"message": "Does not contain a valid address.", "field": "personalizations.0.to.0.email"}]}'
    assert answer(status, body) == Refused(
        error=f"SendGrid answered {status}: personalizations.0.to.0.email: Does not contain a valid address."
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_not_the_mails_fault(status: int) -> None:
    assert isinstance(answer(status), NotAllowed)


OWN = b'{"errors": [{"message": "not now", "field": null}]}'


@pytest.mark.parametrize(("status", "body"), [(301, b""), (302, OWN), (503, OWN)])
def test_a_refusal_may_pass(status: int, body: bytes) -> None:
    assert isinstance(answer(status, body), Unavailable)


@pytest.mark.parametrize("body", [b"", OWN, b"<html>Bad Gateway</html>"])
@pytest.mark.parametrize("status", [408, 500, 502, 504, 599])
def test_a_server_error_does_not_say_that_nothing_was_sent(status: int, body: bytes) -> None:
    assert isinstance(answer(status, body), Unclear)


@pytest.mark.parametrize("body", [b"", b"upstream connect error or disconnect/reset before headers", b'{"errors": []}'])
def test_a_503_that_is_not_sendgrids_own_may_be_a_proxys_after_the_request_was_passed_on(body: bytes) -> None:
    assert isinstance(answer(503, body), Unclear)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"Retry-After": " 30 "}, 30),
        ({"retry-after": "Tue, 24 Nov 2026 13:02:00 GMT"}, 120),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 45)}, 45),
        ({"X-RateLimit-Reset": "never"}, None),
        ({}, None),
    ],
)
def test_how_long_a_throttled_caller_waits(headers: dict[str, str], seconds: int | None) -> None:
    outcome = answer(429, headers=headers)
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after_seconds == seconds


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b'{"errors": null}',
        b'{"errors": [null]}',
        b'{"errors": [{}]}',
        b"\xff\xfe",
    ],
)
def test_any_body_is_survived(body: bytes) -> None:
    outcome = answer(400, body)
    assert isinstance(outcome, Refused)
    assert "\n" not in outcome.error


def test_errors_carry_no_address() -> None:
    outcome = answer(400, b'{"errors": [{"message": "ada@example.com is not valid"}]}')
    assert isinstance(outcome, Refused)
    assert "ada" not in outcome.error
