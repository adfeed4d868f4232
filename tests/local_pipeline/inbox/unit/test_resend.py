"""What the local Resend refuses, and in which form the inbox keeps what it takes."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_pipeline.inbox import resend
from local_pipeline.inbox.mail import Address

NOW = datetime(2026, 11, 26, 10, tzinfo=UTC)


def email(**changes: Any) -> dict[str, Any]:
    return {
        "from": "Example <reports@example.com>",
        "to": ["ann@example.com"],
        "subject": "Your report",
        "html": "<p>Hi",
        **changes,
    }


def refusal(payload: object) -> str:
    found = resend.find_refusal(payload, sender_domains=["example.com"])
    return f"{found.status.value} {found.name}: {found.message}" if found else ""


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"to": "ann@example.com"},
        {"to": ["ann@example.com"] * 50},
        {"html": None, "text": "Hi"},
        {"cc": "Bo <bo@example.com>", "bcc": [], "reply_to": ['"Doe, Jo" <jo@example.com>']},
        {"tags": [{"name": "delivery_id", "value": "a" * 256}]},
        {"headers": {"X-Ref": "1"}},
        {"attachments": [{"content": "aGk=", "content_id": "c" * 127}, {"content": [104, 105], "filename": "a.csv"}]},
    ],
)
def test_what_it_takes(changes: dict[str, Any]) -> None:
    assert refusal(email(**changes)) == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"from": ""}, "422 missing_required_field: Missing `from` field."),
        ({"to": []}, "422 missing_required_field: Missing `to` field."),
        ({"subject": None}, "422 missing_required_field: Missing `subject` field."),
        ({"html": ""}, "422 missing_required_field: Missing `html` or `text` field."),
        ({"html": ["x"]}, "422 validation_error: The `html` field must be a `string`."),
        ({"from": "reports"}, "422 validation_error: Invalid `from` field."),
        ({"to": ["ann@example.com", "bo"]}, "422 validation_error: Invalid `to` field."),
        ({"to": "ann@example.com <Ann>"}, "422 validation_error: Invalid `to` field."),
        ({"cc": ["Bo\n <bo@example.com>"]}, "422 validation_error: Invalid `cc` field."),
        ({"reply_to": {"email": "x"}}, "422 validation_error: Invalid `reply_to` field."),
        ({"to": ["ann@example.com"] * 51}, "422 validation_error: The `to` field must have at most 50 items."),
        ({"tags": [{"name": "run id", "value": "x"}]}, "422 validation_error: Tags should only contain ASCII letters"),
        ({"tags": [{"name": "run", "value": "u42:x"}]}, "422 validation_error: Tags should only contain ASCII letters"),
        (
            {"tags": [{"name": "run", "value": "a" * 257}]},
            "422 validation_error: Tags should only contain ASCII letter",
        ),
        ({"tags": [{"name": "run"}]}, "422 validation_error: Tags should only contain ASCII letters"),
        ({"tags": {"run": "x"}}, "422 validation_error: The `tags` field must be an array"),
        ({"headers": {"X Ref": "1"}}, "422 validation_error: The names of `headers` must be printable"),
        ({"headers": {"X-Ref": 1}}, "422 validation_error: The `headers` field must be an object of strings."),
        ({"attachments": [{"filename": "a"}]}, "422 invalid_attachment: Attachment must have either a `content` or"),
        ({"attachments": [{"content": "no base64"}]}, "422 invalid_attachment: The `content` of an attachment must be"),
        ({"attachments": [{"content": [256]}]}, "422 invalid_attachment: The `content` of an attachment must be base6"),
        ({"attachments": [{"path": "https://x"}]}, "422 invalid_attachment: The local inbox fetches no file"),
        (
            {"attachments": [{"content": "aGk=", "content_id": "c" * 128}]},
            "422 invalid_attachment: The `content_id` of an attachment must be less than 128 characters.",
        ),
        ({"scheduled_at": "2026-12-01"}, "422 validation_error: The local inbox has no `scheduled_at`."),
        ({"from": "a@sub.example.com"}, "403 validation_error: The sub.example.com domain is not verified."),
    ],
)
def test_what_it_refuses(changes: dict[str, Any], expected: str) -> None:
    assert refusal(email(**changes)).startswith(expected)


@pytest.mark.parametrize("payload", [None, [], "x"])
def test_what_is_no_email(payload: object) -> None:
    assert refusal(payload) == "422 validation_error: The request body must be an object."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann@example.com", Address(email="ann@example.com")),
        ("<ann@example.com>", Address(email="ann@example.com")),
        ("Ann Müller <ann@example.com>", Address(email="ann@example.com", name="Ann Müller")),
        (r'"Doe, \"Jo\"" <jo@example.com>', Address(email="jo@example.com", name='Doe, "Jo"')),
        ("Ann <ann@example.com>, Bo <bo@example.com>", None),
        ('"Ann <ann@example.com>', None),
        ("", None),
        (7, None),
    ],
)
def test_addresses(text: object, expected: Address | None) -> None:
    assert resend.read_address(text) == expected


def test_the_form_in_which_the_inbox_keeps_it() -> None:
    delivery = "ü" * 150 + ":default:20261124T1300Z"
    encoded = base64.urlsafe_b64encode(delivery.encode()).rstrip(b"=").decode()
    tags = {"delivery_id": encoded[:256], "delivery_id-2": encoded[256:], "kind": "activity"}
    payload = email(
        text="Hi",
        cc="Bo <bo@example.com>",
        reply_to="help@example.com",
        headers={"List-Unsubscribe": "<https://example.com/u>"},
        tags=[{"name": name, "value": value} for name, value in tags.items()],
        attachments=[
            {"content": "aGk=", "filename": "chart.png", "content_id": "chart"},
            {"content": [104, 105], "filename": "data.csv"},
        ],
    )
    mail = resend.to_mail(payload, email_id="4ef9a417", received_at=NOW, size=9)
    assert mail.envelope.sender == Address(email="reports@example.com", name="Example")
    assert (mail.envelope.to, mail.envelope.cc) == (
        (Address(email="ann@example.com"),),
        (Address(email="bo@example.com", name="Bo"),),
    )
    assert mail.envelope.custom_args == {"delivery_id": delivery, "kind": "activity"}
    assert (mail.text, mail.html, mail.headers["List-Unsubscribe"]) == ("Hi", "<p>Hi", "<https://example.com/u>")
    assert [(each.filename, each.type, each.inline, each.content) for each in mail.attachments] == [
        ("chart.png", "image/png", True, b"hi"),
        ("data.csv", "text/csv", False, b"hi"),
    ]
    message = mail.as_message()
    assert (message["Reply-To"], message["Subject"]) == ("help@example.com", "Your report")


def test_a_delivery_id_that_is_not_in_base64_is_kept_as_it_is() -> None:
    payload = email(tags=[{"name": "delivery_id", "value": "u42"}])
    mail = resend.to_mail(payload, email_id="4ef9a417", received_at=NOW, size=9)
    assert mail.envelope.custom_args == {"delivery_id": "u42"}


TEXT = st.text(max_size=9)
ADDRESS = st.sampled_from(["ann@example.com", "Ann <ann@example.com>", '"A\\"n" <ann@example.com>']) | TEXT
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "value", "content", "content_id"]), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = {
    **dict.fromkeys(("to", "cc", "bcc", "reply_to"), ADDRESS | st.lists(ADDRESS, max_size=2) | JSON),
    **dict.fromkeys(("subject", "html", "text", "attachments", "tags"), JSON),
    "headers": st.dictionaries(TEXT, TEXT, max_size=2) | JSON,
}


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS))
def test_whatever_is_posted_is_refused_or_can_be_written(changes: dict[str, Any]) -> None:
    payload = email(**changes)
    if found := resend.find_refusal(payload, sender_domains=["example.com"]):
        json.dumps(found.body)
        return
    mail = resend.to_mail(payload, email_id="4ef9a417", received_at=NOW, size=9)
    mail.as_message().as_bytes()
    mail.standalone_html()
    json.dumps(resend.to_email(mail, tags=resend.tags_of(payload), last_event="sent"))
