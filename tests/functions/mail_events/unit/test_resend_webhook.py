"""Resend's events in the pipeline's words."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.mail_events.received_events import InvalidBody, Passed
from functions.mail_events.resend.webhook import read_events
from functions.shared.records.address_hash import address_hash
from functions.shared.records.mail_event import MailStatus
from functions.shared.records.subscription import PauseReason
from tests.functions.mail_events.resend_calls import encoded, resend_event, to_body

AT = datetime(2026, 11, 24, 13, 0, 5, 126_000, tzinfo=UTC)
BOUNCE = {"diagnosticCode": ["smtp; 550 5.1.1 user unknown"], "message": "It does not exist.", "subType": "NoEmail"}
SUPPRESSED = {"diagnosticCode": [], "message": "It is on the list.", "type": "Suppressed"}


@pytest.mark.parametrize(
    ("kind", "details", "status", "pauses", "reason"),
    [
        ("email.sent", {}, MailStatus.PROCESSED, None, ""),
        ("email.delivery_delayed", {}, MailStatus.DEFERRED, None, ""),
        ("email.delivered", {}, MailStatus.DELIVERED, None, ""),
        ("email.complained", {}, MailStatus.COMPLAINED, PauseReason.COMPLAINED, ""),
        (
            "email.bounced",
            {"bounce": {**BOUNCE, "type": "Permanent"}},
            *(MailStatus.BOUNCED, PauseReason.BOUNCED, "smtp; 550 5.1.1 user unknown"),
        ),
        ("email.bounced", {}, MailStatus.BOUNCED, PauseReason.BOUNCED, ""),
        (
            "email.bounced",
            {"bounce": {"type": "Transient", "diagnosticCode": "421 later", "message": "It is full."}},
            *(MailStatus.BLOCKED, None, "421 later"),
        ),
        (
            "email.bounced",
            {"bounce": {"type": "Undetermined", "message": "It bounced."}},
            *(MailStatus.BLOCKED, None, "It bounced."),
        ),
        (
            "email.failed",
            {"failed": {"reason": "reached_daily_quota"}},
            *(MailStatus.DROPPED, None, "reached_daily_quota"),
        ),
        (
            "email.suppressed",
            {"suppressed": {**SUPPRESSED, "reason": "previous_bounce"}},
            *(MailStatus.DROPPED, PauseReason.BOUNCED, "It is on the list."),
        ),
        (
            "email.suppressed",
            {"suppressed": {**SUPPRESSED, "reason": "previous_complaint"}},
            *(MailStatus.DROPPED, PauseReason.COMPLAINED, "It is on the list."),
        ),
        ("email.suppressed", {}, MailStatus.DROPPED, PauseReason.BOUNCED, ""),
    ],
)
def test_each_type(
    kind: str, details: dict[str, Any], status: MailStatus, pauses: PauseReason | None, reason: str
) -> None:
    event = resend_event(kind, at=AT, to=["Ada <Ada@Example.com>"], **details)
    [read] = read_events(to_body(event)).events
    assert (read.status, read.pauses, read.reason) == (status, pauses, reason)
    assert (read.recipient, read.at) == (address_hash("ada@example.com"), AT)
    assert read.delivery_id == "u1:default:20261124T1300Z"
    assert read.message_id == "56761188-7520-42d8-8898-ff6fc54ce618"


def test_each_recipient_and_a_long_id() -> None:
    delivery_id = "ü" * 400 + ":default:20261124T1300Z"
    value = encoded(delivery_id)
    parts = [value[start : start + 256] for start in range(0, len(value), 256)]
    tags = {f"delivery_id-{number}" if number > 1 else "delivery_id": each for number, each in enumerate(parts, 1)}
    read = read_events(to_body(resend_event("email.sent", to=["a@example.com", "b@example.com"], tags=tags))).events
    assert [each.recipient for each in read] == [address_hash("a@example.com"), address_hash("b@example.com")]
    assert {each.delivery_id for each in read} == {delivery_id}


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (resend_event("email.opened"), Passed.IGNORED),
        ({"type": "contact.created", "data": {}}, Passed.IGNORED),
        (resend_event("email.sent", tags=None), Passed.WITHOUT_DELIVERY),
        (resend_event("email.sent", tags={"kind": "welcome"}), Passed.WITHOUT_DELIVERY),
        (resend_event("email.sent", tags=[{"name": "delivery_id", "value": "x"}]), Passed.WITHOUT_DELIVERY),
        (resend_event("email.sent", tags={"delivery_id": "u1:d"}), Passed.MALFORMED),
        (resend_event("email.sent", tags={"delivery_id": encoded("a/b")}), Passed.MALFORMED),
        (resend_event("email.sent", tags={"delivery_id": ["x"]}), Passed.MALFORMED),
        (resend_event("email.sent", to=None), Passed.MALFORMED),
        (resend_event("email.sent", to=[7, ""]), Passed.MALFORMED),
        ({**resend_event("email.sent"), "created_at": "yesterday"}, Passed.MALFORMED),
        ({**resend_event("email.sent"), "created_at": "2026-11-24T13:00:05"}, Passed.MALFORMED),
        ({**resend_event("email.sent"), "created_at": "0001-01-01T00:00:00+14:00"}, Passed.MALFORMED),
        ({**resend_event("email.sent"), "data": []}, Passed.MALFORMED),
        ({}, Passed.MALFORMED),
    ],
)
def test_what_is_passed_over(event: Any, why: Passed) -> None:
    received = read_events(to_body(event))
    assert (received.events, received.passed) == ([], {why: 1})


@pytest.mark.parametrize("name", ["(" * 200_000, '"' * 200_000, "<" * 200_000, "\\" * 200_000, "a <b> (c)"])
def test_an_address_is_read_whatever_name_it_has(name: str) -> None:
    to = [f"{name} <ada@example.com>", name, "bob@example.com"]
    received = read_events(to_body(resend_event("email.delivered", to=to)))
    assert [each.recipient for each in received.events] == [
        address_hash("ada@example.com"),
        address_hash("bob@example.com"),
    ]
    assert read_events(to_body(resend_event("email.delivered", to=name))).passed == {Passed.MALFORMED: 1}


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"null", b"{", b"\xff", b'{"a":' * 100_000, b"9" * 5000])
def test_no_event(body: bytes) -> None:
    with pytest.raises(InvalidBody):
        read_events(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.dictionaries(st.sampled_from(["created_at", "data"]), json_values),
    st.dictionaries(st.sampled_from(["to", "tags", "bounce", "email_id"]), json_values),
)
def test_any_fields(fields: dict[str, Any], data: dict[str, Any]) -> None:
    received = read_events(to_body({**resend_event("email.bounced", **data), **fields}))
    assert bool(received.events) != bool(received.passed)
