"""What each answer means of the providers that speak HTTP."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.message import Message
from typing import Any, Protocol

import pytest

from functions.worker.destinations.email.resend.answers import classify as resend
from functions.worker.destinations.email.sendgrid.api import classify as sendgrid
from functions.worker.destinations.outcome import (
    Accepted,
    NotAllowed,
    Outcome,
    Refused,
    Throttled,
    Unavailable,
    Unclear,
)
from tests.functions.worker.destinations.email.resend_case import error
from tests.functions.worker.destinations.http_server import content

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)


class Classify(Protocol):
    """What says what an answer means."""

    def __call__(self, status: int, headers: Message, body: bytes, *, now: datetime) -> Outcome:
        """As functions.worker.destinations.email.sendgrid.api.classify."""


def answer(classify: Classify, status: int, body: Any = "", headers: Mapping[str, str] | None = None) -> Outcome:
    """What an answer means, whose body is text or what JSON is made of."""
    message = Message()
    for name, value in (headers or {}).items():
        message[name] = value
    return classify(status, message, content(body), now=NOW)


each = pytest.mark.parametrize("classify", [sendgrid, resend], ids=["sendgrid", "resend"])


@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize(
    ("classify", "body", "headers"), [(sendgrid, "", {"x-message-id": "abc"}), (resend, {"id": "abc"}, {})]
)
def test_accepted_with_the_messages_id_where_there_is_one(
    classify: Classify, status: int, body: Any, headers: dict[str, str]
) -> None:
    assert answer(classify, status, body, headers) == Accepted(message_id="abc")
    assert answer(classify, status) == Accepted(message_id="")


OWN = {"errors": [{"message": "not now", "field": None}]}
NO_ERRORS: Mapping[str, Sequence[str]] = {"errors": []}
UPSTREAM = "upstream connect error or disconnect/reset before headers"

SENDGRIDS: Sequence[tuple[int, Any, type]] = [
    *((status, "", Refused) for status in (400, 404, 405, 406, 413, 415, 422)),
    *((status, OWN, NotAllowed) for status in (401, 403)),
    (301, "", Unavailable),
    (302, OWN, Unavailable),
    (503, OWN, Unavailable),
    # One that is not SendGrid's own may be a proxy's, after the request was passed on.
    *((503, body, Unclear) for body in ("", UPSTREAM, NO_ERRORS)),
    *(
        (status, body, Unclear)
        for status in (408, 500, 502, 504, 599)
        for body in ("", OWN, "<html>Bad Gateway</html>")
    ),
    (429, OWN, Throttled),
]

RESENDS: Sequence[tuple[int, Any, type]] = [
    *(
        (status, error(status, name, message), outcome)
        for status, name, message, outcome in [
            (400, "invalid_idempotency_key", "Idempotency keys must have between 1 and 256 characters.", Refused),
            (400, "validation_error", "An error was found with one or more fields in the request.", Refused),
            (400, "validation_error", "API key is invalid", NotAllowed),
            (401, "missing_api_key", "Missing API Key", NotAllowed),
            (401, "restricted_api_key", "This API key is restricted to only send emails.", NotAllowed),
            (401, "validation_error", "API key is invalid", NotAllowed),
            (403, "invalid_api_key", "API key is invalid.", NotAllowed),
            (403, "validation_error", "The domain.com domain is not verified.", NotAllowed),
            (403, "validation_error", "You can only send testing emails to your own email address", NotAllowed),
            (404, "not_found", "The requested endpoint does not exist.", Refused),
            (405, "method_not_allowed", "Method is not allowed for the requested path.", Refused),
            (409, "invalid_idempotent_request", "Same key used with a different request payload.", Unclear),
            (409, "concurrent_idempotent_requests", "Same key used while the original is in progress.", Unclear),
            (409, "another_conflict", "Something new", Unclear),
            (422, "invalid_attachment", "Attachment must have either a `content` or `path`.", Refused),
            (422, "invalid_from_address", "Invalid `from` field.", Refused),
            (422, "missing_required_field", "Missing `subject` field.", Refused),
            (422, "validation_error", "Invalid `to` field.", Refused),
            (429, "rate_limit_exceeded", "Too many requests.", Throttled),
            (429, "daily_quota_exceeded", "You have reached your daily email sending quota.", Throttled),
            (429, "monthly_quota_exceeded", "You have reached your monthly email sending quota.", NotAllowed),
            (451, "security_error", "We may have found a security issue with the request.", Refused),
            (500, "application_error", "An unexpected error occurred.", Unclear),
            (500, "internal_server_error", "An unexpected error occurred.", Unclear),
            (503, "application_error", "Not now.", Unclear),
        ]
    ),
    (403, "error code: 1010", NotAllowed),
    (302, "", Unavailable),
    (429, "", Throttled),
    *((status, "<html>Bad Gateway</html>", Unclear) for status in (408, 502, 503, 504, 599)),
]
"""https://resend.com/docs/api-reference/errors"""


@pytest.mark.parametrize(("status", "body", "outcome"), SENDGRIDS)
def test_what_sendgrid_means(status: int, body: Any, outcome: type[Outcome]) -> None:
    assert isinstance(answer(sendgrid, status, body), outcome)


@pytest.mark.parametrize(("status", "body", "outcome"), RESENDS)
def test_what_resend_means(status: int, body: Any, outcome: type[Outcome]) -> None:
    assert isinstance(answer(resend, status, body), outcome)


def test_an_error_says_what_is_wrong_in_the_providers_words() -> None:
    field = {"message": "Does not contain a valid address.", "field": "personalizations.0.to.0.email"}
    assert answer(sendgrid, 400, {"errors": [field]}) == Refused(
        error="SendGrid answered 400: personalizations.0.to.0.email: Does not contain a valid address."
    )
    assert answer(resend, 422, error(422, "validation_error", "Invalid `to` field.")) == Refused(
        error="Resend answered 422 validation_error: Invalid `to` field."
    )


def test_a_key_of_other_bytes_calls_for_a_person_and_one_in_progress_does_not() -> None:
    other, in_progress = (
        answer(resend, 409, error(409, name, ""))
        for name in ("invalid_idempotent_request", "concurrent_idempotent_requests")
    )
    assert isinstance(other, Unclear)
    assert "must not happen" in other.error
    assert isinstance(in_progress, Unclear)
    assert "in progress" in in_progress.error


@each
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"Retry-After": " 30 "}, 30),
        ({"retry-after": "Tue, 24 Nov 2026 13:02:00 GMT"}, 120),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "9" * 99}, 999_999_999),
        ({"X-RateLimit-Reset": "never", "ratelimit-reset": "never"}, None),
        ({"retry-after": "7", "X-RateLimit-Reset": "9", "ratelimit-reset": "9"}, 7),
        ({}, None),
    ],
)
def test_how_long_a_throttled_caller_waits(classify: Classify, headers: dict[str, str], seconds: int | None) -> None:
    outcome = answer(classify, 429, headers=headers)
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("classify", "headers"),
    [
        (sendgrid, {"retry-after": "soon", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 45)}),
        (resend, {"ratelimit-reset": "45"}),
    ],
)
def test_each_provider_has_its_own_word_for_when_the_limit_ends(classify: Classify, headers: dict[str, str]) -> None:
    assert answer(classify, 429, headers=headers) == Throttled(
        error=f"{'SendGrid' if classify is sendgrid else 'Resend'} answered 429: no explanation", retry_after_seconds=45
    )


def test_the_days_quota_is_not_over_within_the_second_that_the_rate_limit_names() -> None:
    outcome = answer(resend, 429, error(429, "daily_quota_exceeded", ""), {"retry-after": "1"})
    assert isinstance(outcome, Throttled)
    assert outcome.retry_after_seconds == 3600


@each
@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>Bad gateway</html>",
        [],
        {"errors": None},
        {"errors": [None]},
        {"errors": [{}]},
        {"message": None, "name": 7},
        b"\xff\xfe",
        b"[" * 9999,
    ],
)
@pytest.mark.parametrize("status", [200, 400, 409, 429, 500])
def test_any_body_is_survived(classify: Classify, status: int, body: Any) -> None:
    outcome = answer(classify, status, body)
    assert isinstance(outcome, Accepted) == (status == 200)
    assert "\n" not in repr(outcome)


@each
def test_errors_carry_no_address_and_are_short(classify: Classify) -> None:
    outcome = answer(classify, 400, f"ada@example.com is not valid {'x' * 9999}")
    assert isinstance(outcome, Refused)
    assert "ada" not in outcome.error
    assert len(outcome.error) < 600


@each
@pytest.mark.parametrize("before", range(440, 500))
def test_an_error_that_is_cut_has_no_part_of_an_address(classify: Classify, before: int) -> None:
    outcome = answer(classify, 422, "." * before + " jane@mailhost is no address")
    assert isinstance(outcome, Refused)
    assert not {"j", "@"} & set(outcome.error.removeprefix("SendGrid").removeprefix("Resend"))
