"""What SendGrid's mail send takes and refuses."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_pipeline.inbox.sendgrid import error_body, find_problems, is_address, is_sandboxed
from tests.local_pipeline.inbox.unit.requests import PIXEL, valid_request

NOW = datetime(2026, 11, 24, 14, tzinfo=UTC)
HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message."
ANN = {"email": "ann@example.com"}


def fields_of(request: object) -> list[str | None]:
    return [problem.field for problem in find_problems(request, now=NOW)]


def personalization(**changes: Any) -> dict[str, Any]:
    return {"personalizations": [{"to": [ANN], **changes}]}


def attachment(**changes: Any) -> dict[str, Any]:
    return {"attachments": [{"content": PIXEL, "filename": "a.png", **changes}]}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"attachments": None},
        {"content": [{"type": "text/plain", "value": "x"}]},
        {"content": [{"type": "text/html", "value": "x"}]},
        {"content": [{"type": "text/html", "value": "x"}, {"type": "text/calendar", "value": "x"}]},
        {"subject": None, **personalization(subject="Own")},
        personalization(cc=[{"email": "bo@example.com"}], bcc=[{"email": "cy@example.com"}]),
        {"personalizations": [{"to": [ANN]}] * 1000},
        personalization(custom_args={"a": "x" * 9_900}),
        personalization(send_at=int((NOW + timedelta(hours=71)).timestamp())),
        {"send_at": 0},
        {"reply_to": ANN},
        {"reply_to_list": [ANN, {"email": "bo@example.com"}]},
        {"categories": ["report", "x" * 255]},
        {"headers": {"List-Unsubscribe": "<https://example.com>"}},
        {"asm": {"group_id": 5, "groups_to_display": [5, 6]}},
        {"mail_settings": {"sandbox_mode": {"enable": False}, "footer": {"enable": True, "text": "x"}}},
        {"tracking_settings": {"click_tracking": {"enable": False, "enable_text": False}}},
        attachment(),
        attachment(disposition="attachment", type="text/csv", content_id="x"),
    ],
)
def test_what_is_taken(changes: dict[str, Any]) -> None:
    assert find_problems(valid_request(**changes), now=NOW) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"personalizations": None}, "personalizations"),
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": {}}, "personalizations"),
        ({"personalizations": ["x"]}, "personalizations.0"),
        ({"personalizations": [{"to": [ANN]}] * 1001}, "personalizations"),
        ({"personalizations": [{}]}, "personalizations.0.to"),
        (personalization(to=[]), "personalizations.0.to"),
        (personalization(to=ANN), "personalizations.0.to"),
        (personalization(to=["ann@example.com"]), "personalizations.0.to.0"),
        (personalization(to=[{"name": "Ann"}]), "personalizations.0.to.0.email"),
        (personalization(to=[{"email": ""}]), "personalizations.0.to.0.email"),
        (personalization(to=[{"email": False}]), "personalizations.0.to.0.email"),
        (personalization(to=[{"email": "nobody"}]), "personalizations.0.to.0.email"),
        (personalization(to=[ANN, {"email": "a..b@example.com"}]), "personalizations.0.to.1.email"),
        (personalization(to=[{"email": "ann@example.com", "name": 5}]), "personalizations.0.to.0.name"),
        (personalization(cc=[{"email": "nobody"}]), "personalizations.0.cc.0.email"),
        (personalization(bcc="x"), "personalizations.0.bcc"),
        (personalization(cc=[{"email": "ANN@example.com"}]), "personalizations.0"),
        (personalization(to=[{"email": f"u{n}@example.com"} for n in range(1001)]), "personalizations"),
        (personalization(subject=""), "personalizations.0.subject"),
        (personalization(subject=5), "personalizations.0.subject"),
        (personalization(custom_args={"a": 5}), "personalizations.0.custom_args"),
        (personalization(custom_args={"a": "x" * 10_000}), "personalizations.0.custom_args"),
        (personalization(custom_args={"a": "é" * 5_000}), "personalizations.0.custom_args"),
        (
            {"custom_args": {"a": "x" * 6_000}, **personalization(custom_args={"b": "x" * 6_000})},
            "personalizations.0.custom_args",
        ),
        ({"custom_args": "x"}, "custom_args"),
        (personalization(headers={"Subject": "x"}), "personalizations.0.headers.Subject"),
        (personalization(substitutions={"a": 5}), "personalizations.0.substitutions"),
        (personalization(substitutions={"a": "x" * 10_000}), "personalizations.0.substitutions"),
        (personalization(send_at="soon"), "personalizations.0.send_at"),
        (personalization(send_at=int((NOW + timedelta(hours=73)).timestamp())), "personalizations.0.send_at"),
        (personalization(colour="red"), "personalizations.0.colour"),
        (personalization(**{"from": {"email": "x"}}), "personalizations.0.from.email"),
        ({"from_": None}, "from.email"),
        ({"from_": {}}, "from.email"),
        ({"from_": "reports@example.com"}, "from"),
        ({"from_": {"email": "reports"}}, "from.email"),
        ({"subject": None}, "subject"),
        ({"subject": ""}, "subject"),
        ({"subject": 5}, "subject"),
        ({"content": None}, "content"),
        ({"content": []}, "content"),
        ({"content": "x"}, "content"),
        ({"content": [{"type": "text/plain"}]}, "content.0.value"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ({"content": [{"type": "text/plain", "value": 5}]}, "content.0.value"),
        ({"content": [{"value": "x"}]}, "content.0.type"),
        ({"content": [{"type": "", "value": "x"}]}, "content.0.type"),
        ({"content": [{"type": "text/plain; charset=utf-8", "value": "x"}]}, "content.0.type"),
        ({"content": [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]}, "content"),
        ({"content": [{"type": "text/amp", "value": "x"}, {"type": "text/html", "value": "x"}]}, "content"),
        ({"content": [{"type": "text/html", "value": "x"}, {"type": "text/html", "value": "x"}]}, "content"),
        ({"attachments": {}}, "attachments"),
        (attachment(content=""), "attachments.0.content"),
        (attachment(content="not base64!"), "attachments.0.content"),
        (attachment(content="abc"), "attachments.0.content"),
        (attachment(content=5), "attachments.0.content"),
        (attachment(filename=""), "attachments.0.filename"),
        (attachment(filename=5), "attachments.0.filename"),
        (attachment(filename="a\nb"), "attachments.0.filename"),
        (attachment(type=""), "attachments.0.type"),
        (attachment(type="image/png;x"), "attachments.0.type"),
        (attachment(disposition="hidden"), "attachments.0.disposition"),
        (attachment(content_id=5), "attachments.0.content_id"),
        (attachment(content_id="a\r\nb"), "attachments.0.content_id"),
        (attachment(size=5), "attachments.0.size"),
        ({"categories": [f"c{n}" for n in range(11)]}, "categories"),
        ({"categories": "a"}, "categories"),
        ({"categories": [5]}, "categories"),
        ({"categories": ["x" * 256]}, "categories.0"),
        ({"categories": ["レポート"]}, "categories.0"),
        ({"categories": ["a", "a"]}, "categories.1"),
        ({"headers": {"X-A": 5}}, "headers"),
        ({"headers": {"X A": "x"}}, "headers"),
        ({"headers": {"X-Ä": "x"}}, "headers"),
        ({"headers": {"dkim-signature": "x"}}, "headers.dkim-signature"),
        ({"headers": {"X-A": "x", "x-a": "x"}}, "headers.x-a"),
        ({"reply_to": {"email": "nobody"}}, "reply_to.email"),
        ({"reply_to": {}}, "reply_to.email"),
        ({"reply_to_list": [{"email": "nobody"}]}, "reply_to_list.0.email"),
        ({"reply_to": ANN, "reply_to_list": [ANN]}, "reply_to_list"),
        ({"send_at": True}, "send_at"),
        ({"send_at": 1.5}, "send_at"),
        ({"asm": {}}, "asm.group_id"),
        ({"asm": {"group_id": "5"}}, "asm.group_id"),
        ({"asm": {"group_id": 5, "groups_to_display": list(range(26))}}, "asm.groups_to_display"),
        ({"asm": {"group_id": 5, "groups_to_display": ["5"]}}, "asm.groups_to_display"),
        ({"mail_settings": {"sandbox_mode": {"enable": "yes"}}}, "mail_settings.sandbox_mode.enable"),
        ({"mail_settings": {"sandbox_mode": True}}, "mail_settings.sandbox_mode"),
        ({"mail_settings": []}, "mail_settings"),
        ({"tracking_settings": {"open_tracking": {"enable": 1}}}, "tracking_settings.open_tracking.enable"),
        ({"template_id": "d-1"}, "template_id"),
        ({"batch_id": 5}, "batch_id"),
        ({"sections": {"a": 5}}, "sections"),
        ({"priority": "high"}, "priority"),
    ],
)
def test_what_is_refused_names_the_field(changes: dict[str, Any], field: str) -> None:
    assert fields_of(valid_request(**changes)) == [field]


@pytest.mark.parametrize("payload", [None, [], "x", 5, True])
def test_what_is_no_object(payload: object) -> None:
    assert error_body(find_problems(payload, now=NOW)) == {
        "errors": [{"message": "Bad Request", "field": None, "help": None}]
    }


def test_the_words_are_sendgrids() -> None:
    request = valid_request(
        subject="", content=[{"type": "text/plain", "value": ""}], **personalization(to=[{"email": "x"}])
    )
    assert error_body(find_problems(request, now=NOW))["errors"] == [
        {
            "message": "Does not contain a valid address.",
            "field": "personalizations.0.to.0.email",
            "help": HELP + "personalizations.to",
        },
        {
            "message": "The subject is required. You can get around this requirement if you use a template with a "
            "subject defined or if every personalization has a subject defined.",
            "field": "subject",
            "help": HELP + "subject",
        },
        {
            "message": "The content value must be a string at least one character in length.",
            "field": "content.0.value",
            "help": HELP + "content.value",
        },
    ]


@pytest.mark.parametrize(
    "address",
    [
        "a@b",
        "ann@example.com",
        "ann.lee+reports@mail.example.co.jp",
        "o'brien@example.com",
        '"ann lee"@example.com',
        "ann@[192.0.2.1]",
        "jörg@example.de",
        "ann@例え.jp",
        "a" * 64 + "@example.com",
    ],
)
def test_addresses(address: str) -> None:
    assert is_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@@example.com",
        "ann@b@example.com",
        ".ann@example.com",
        "ann.@example.com",
        "an..n@example.com",
        "ann@example..com",
        "ann@.example.com",
        "ann@-example.com",
        "ann lee@example.com",
        "ann@exam ple.com",
        "Ann <ann@example.com>",
        "ann@example.com, bo@example.com",
        "ann@example.com\n",
        "a" * 65 + "@example.com",
        "ann@" + "a" * 250 + ".com",
    ],
)
def test_no_addresses(address: str) -> None:
    assert not is_address(address)


def test_the_sandbox() -> None:
    assert is_sandboxed(valid_request(mail_settings={"sandbox_mode": {"enable": True}}))
    assert not is_sandboxed(valid_request(mail_settings={"sandbox_mode": {"enable": False}}))
    assert not is_sandboxed(valid_request(mail_settings={}))
    assert not is_sandboxed(valid_request())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["email", "name", "to", "type", "value", "enable"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            sorted(
                set(valid_request())
                | {"headers", "asm", "mail_settings", "categories", "reply_to", "send_at", "custom_args"}
            )
        ),
        JSON,
    )
)
def test_whatever_is_posted_gets_an_answer(changes: dict[str, Any]) -> None:
    problems = find_problems({**valid_request(), **changes}, now=NOW)
    json.dumps(error_body(problems))
