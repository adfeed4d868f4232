"""What the application is told: which events, with which ids, and that they come back as they were kept."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.delivery import Delivery
from functions.shared.records.ids import delivery_id
from functions.shared.records.mail_event import MailEvent, MailStatus
from functions.shared.records.outcome import (
    DATA_OF,
    Outcome,
    OutcomeType,
    WishOutcome,
    mail_outcome,
    outcome_of,
    wish_outcome,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ID = delivery_id("u1", "weekly", NOON)


def delivery(state: str, **fields: Any) -> Delivery:
    given = {"user_id": "u1", "subscription_id": "weekly", "due_at": NOON, "kind": "usage"}
    found = FoundDocument(f"deliveries/{ID}", {**given, "state": state, "updated_at": NOON, **fields}, NOON)
    read = Delivery.from_snapshot(found)
    assert read is not None
    return read


def told(outcome: Outcome | None) -> Outcome:
    assert outcome is not None
    (*_, data_class) = DATA_OF[OutcomeType(outcome.type)]
    # What is told is what the schema says.
    data_class.model_validate_json(outcome.data)
    return outcome


def test_what_a_final_delivery_tells() -> None:
    sent = told(outcome_of(delivery("sent", provider="resend", message_id="m", archived_as="a/b/20261224-c")))
    assert (sent.id, sent.type, sent.subject, sent.at) == (f"{ID}/report.sent", "report.sent", ID, NOON)
    assert sent.ordering_key == "u1/weekly"
    assert json.loads(sent.data)["archived_as"] == "a/b/20261224-c"
    skipped = told(outcome_of(delivery("skipped", reason="paused", note="n")))
    assert (json.loads(skipped.data)["reason"], json.loads(skipped.data)["note"]) == ("paused", "n")
    dead = told(outcome_of(delivery("dead", reason="lost", last_error="e", failed_at=NOON)))
    again = told(outcome_of(delivery("dead", reason="lost", last_error="e", failed_at=NOON + timedelta(hours=1))))
    assert dead.id != again.id


@pytest.mark.parametrize(
    ("state", "fields"), [("pending", {}), ("sending", {}), ("sent", {"user_id": 5}), ("sent", {"due_at": "never"})]
)
def test_what_tells_nothing(state: str, fields: dict[str, Any]) -> None:
    assert outcome_of(delivery(state, **fields)) is None


def test_the_id_does_not_depend_on_who_tells_it_or_when() -> None:
    first = outcome_of(delivery("sent", attempts=1))
    assert first == outcome_of(delivery("sent", attempts=1, history=[{"at": NOON}]))
    entry = {"at": NOON - timedelta(seconds=2), "seconds": 2.0, "number": 1, "result": "sent"}
    rescued = {"updated_at": NOON + timedelta(hours=1), "rescues": 1}
    assert first == outcome_of(delivery("sent", attempts=1, history=[entry], **rescued))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (MailStatus.DELIVERED, "report.delivered"),
        (MailStatus.BLOCKED, "report.bounced"),
        (MailStatus.DROPPED, "report.bounced"),
        (MailStatus.BOUNCED, "report.bounced"),
        (MailStatus.COMPLAINED, "report.complained"),
        (MailStatus.UNSUBSCRIBED, "report.unsubscribed"),
        (MailStatus.PROCESSED, None),
        (MailStatus.DEFERRED, None),
    ],
)
def test_what_an_event_of_an_email_tells(status: MailStatus, kind: str | None) -> None:
    outcome = mail_outcome("u1", "weekly", MailEvent(ID, "hash", status, NOON))
    assert (outcome and outcome.type) == kind
    if outcome:
        assert json.loads(outcome.data)["status"] == status.value
        other = mail_outcome("u1", "weekly", MailEvent(ID, "other", status, NOON))
        assert other is not None
        assert other.id != outcome.id


def test_what_a_wish_tells() -> None:
    about = WishOutcome(user_id="u1", subscription_id="weekly", wish="stop", fields=["active"])
    assert told(wish_outcome(about, at=NOON)).type == "report.unsubscribed"
    changed = told(wish_outcome(about.model_copy(update={"wish": "pause"}), at=NOON))
    assert (changed.type, changed.subject) == ("subscription.changed", "u1/weekly")
    assert changed.id != wish_outcome(about.model_copy(update={"wish": "pause"}), at=NOON + timedelta(seconds=1)).id


def test_an_event_comes_back_as_it_was_kept() -> None:
    outcome = told(outcome_of(delivery("sent")))
    assert Outcome.from_snapshot(FoundDocument(outcome.path, outcome._asdict(), NOON)) == outcome
    assert Outcome.from_snapshot(FoundDocument(outcome.path, {"id": "x", "at": "y"}, NOON)) is None


def test_what_is_too_long_for_pubsub_is_a_hash() -> None:
    about = WishOutcome(user_id="ü" * 700, subscription_id="weekly", wish="stop", fields=[])
    outcome = wish_outcome(about, at=NOON)
    assert max(len(each.encode()) for each in (outcome.id, outcome.subject, outcome.ordering_key)) <= 1024
