"""SendGrid's events in the pipeline's words."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.mail_events.event_fields import MOST_REASON_CHARACTERS
from functions.mail_events.received_events import InvalidBody, Passed
from functions.mail_events.sendgrid.webhook import read_events
from functions.shared.records.address_hash import address_hash
from functions.shared.records.mail_event import MailStatus
from functions.shared.records.subscription import PauseReason
from tests.functions.mail_events.signing import sendgrid_event, to_body

AT = 1_764_000_000


@pytest.mark.parametrize(
    ("fields", "status", "pauses"),
    [
        ({"event": "processed"}, MailStatus.PROCESSED, None),
        ({"event": "deferred", "response": "400 try again later", "attempt": "5"}, MailStatus.DEFERRED, None),
        ({"event": "delivered", "response": "250 OK"}, MailStatus.DELIVERED, None),
        ({"event": "bounce", "type": "bounce", "status": "5.1.1"}, MailStatus.BOUNCED, PauseReason.BOUNCED),
        ({"event": "bounce"}, MailStatus.BOUNCED, PauseReason.BOUNCED),
        ({"event": "bounce", "type": "blocked", "status": "4.0.0"}, MailStatus.BLOCKED, None),
        ({"event": "dropped", "reason": "Bounced Address"}, MailStatus.DROPPED, PauseReason.BOUNCED),
        ({"event": "dropped", "reason": "Invalid"}, MailStatus.DROPPED, PauseReason.BOUNCED),
        ({"event": "dropped", "reason": "Spam Reporting Address"}, MailStatus.DROPPED, PauseReason.COMPLAINED),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, MailStatus.DROPPED, PauseReason.UNSUBSCRIBED),
        ({"event": "dropped", "reason": "Spam Content (if spam checker app enabled)"}, MailStatus.DROPPED, None),
        ({"event": "spamreport"}, MailStatus.COMPLAINED, PauseReason.COMPLAINED),
        ({"event": "unsubscribe"}, MailStatus.UNSUBSCRIBED, PauseReason.UNSUBSCRIBED),
        ({"event": "group_unsubscribe", "asm_group_id": 10}, MailStatus.UNSUBSCRIBED, PauseReason.UNSUBSCRIBED),
        ({"event": "group_resubscribe", "asm_group_id": 10}, MailStatus.RESUBSCRIBED, None),
    ],
)
def test_each_type(fields: dict[str, Any], status: MailStatus, pauses: PauseReason | None) -> None:
    received = read_events(to_body(sendgrid_event(fields["event"], at=AT, **{**fields, "email": "Ada@Example.com"})))
    [event] = received.events
    assert (event.status, event.pauses) == (status, pauses)
    assert event.recipient == address_hash("ada@example.com")
    assert event.at == datetime.fromtimestamp(AT, UTC)
    assert event.delivery_id == "u1:default:20261124T1300Z"
    assert event.reason == (fields.get("reason") or fields.get("response") or "")


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (sendgrid_event("open"), Passed.IGNORED),
        (sendgrid_event("click"), Passed.IGNORED),
        (sendgrid_event("account_status_change"), Passed.IGNORED),
        (sendgrid_event("delivered", delivery_id=None), Passed.WITHOUT_DELIVERY),
        (sendgrid_event("delivered", delivery_id="a/b"), Passed.MALFORMED),
        (sendgrid_event("delivered", delivery_id=""), Passed.MALFORMED),
        (sendgrid_event("delivered", delivery_id="\ud800"), Passed.MALFORMED),
        (sendgrid_event("delivered", delivery_id=["d1"]), Passed.MALFORMED),
        (sendgrid_event("delivered", delivery_id="x" * 1501), Passed.MALFORMED),
        (sendgrid_event("delivered", email=None), Passed.MALFORMED),
        (sendgrid_event("delivered", timestamp="1764000000"), Passed.MALFORMED),
        (sendgrid_event("delivered", timestamp=10**30), Passed.MALFORMED),
        (sendgrid_event("delivered", timestamp=-1), Passed.MALFORMED),
        (sendgrid_event("delivered", timestamp=True), Passed.MALFORMED),
        (sendgrid_event("delivered", timestamp=1.5), Passed.MALFORMED),
        ({}, Passed.MALFORMED),
        ({"event": {}}, Passed.MALFORMED),
        (None, Passed.MALFORMED),
        ([[]], Passed.MALFORMED),
        (7, Passed.MALFORMED),
    ],
)
def test_an_event_that_is_passed_over_stops_no_other(event: Any, why: Passed) -> None:
    received = read_events(to_body(sendgrid_event("processed"), event, sendgrid_event("delivered")))
    assert [each.status for each in received.events] == [MailStatus.PROCESSED, MailStatus.DELIVERED]
    assert received.passed == {why: 1}


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'"x"', b"null", b"[", b"\xff", b"[" * 100_000, b"[" + b"9" * 5000 + b"]"]
)
def test_no_array_of_events(body: bytes) -> None:
    with pytest.raises(InvalidBody):
        read_events(body)


def test_a_reason_is_kept_without_addresses_and_within_a_limit() -> None:
    bounce = sendgrid_event("bounce", reason="550 <ada@example.com>:\r\n\ud800 no such user " + "x" * 9999)
    [event] = read_events(to_body(bounce)).events
    assert event.reason.startswith("550 <[address]>: no such user")
    assert len(event.reason) <= MOST_REASON_CHARACTERS


@pytest.mark.parametrize("before", range(MOST_REASON_CHARACTERS - 10, MOST_REASON_CHARACTERS))
@pytest.mark.parametrize("blanks", [1, 499, 500, 510])
def test_a_reason_that_is_cut_has_no_part_of_an_address(before: int, blanks: int) -> None:
    reason = "." * before + " " * blanks + "jane@example.com is unknown"
    [event] = read_events(to_body(sendgrid_event("bounce", reason=reason))).events
    assert "j" not in event.reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(st.dictionaries(st.sampled_from(list(sendgrid_event("bounce"))), json_values), max_size=3))
def test_any_fields(events: list[dict[str, Any]]) -> None:
    received = read_events(to_body(*events))
    assert len(received.events) + received.passed.total() == len(events)
