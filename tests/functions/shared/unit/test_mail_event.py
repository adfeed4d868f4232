"""What a provider reports has one result, however often, in which order and in which portions it comes."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.address_hash import address_hash
from functions.shared.records.mail_event import MailEvent, MailRecord, MailStatus, status_of
from tests.values import anything

SENT_AT = datetime(2026, 11, 24, 13, tzinfo=UTC)
ADA, BOB = map(address_hash, ("ada@example.com", "bob@example.com"))
EMPTY = MailRecord(id="d1", user_id="u1", subscription_id="default")


def event(status: MailStatus, minutes: float = 0, recipient: str = ADA, **fields: Any) -> MailEvent:
    at = SENT_AT + timedelta(minutes=minutes)
    return MailEvent(delivery_id="d1", recipient=recipient, status=status, at=at, **fields)


events = st.builds(
    event,
    status=st.sampled_from(list(MailStatus)),
    minutes=st.integers(0, 5) | st.just(24 * 60),
    recipient=st.sampled_from([ADA, BOB]),
    reason=st.sampled_from(["", "full", "gone"]),
    message_id=st.sampled_from(["", "m1", "m2"]),
)


@settings(max_examples=40)
@given(reports=st.lists(events, max_size=5))
def test_every_order_has_the_same_result(reports: list[MailEvent]) -> None:
    document = EMPTY.folded(reports).to_fields()
    assert all(EMPTY.folded(order).to_fields() == document for order in permutations(reports))


@given(reports=st.lists(events, max_size=12), data=st.data())
def test_repeated_shuffled_and_split_anywhere(reports: list[MailEvent], data: st.DataObject) -> None:
    repeated = data.draw(st.lists(st.sampled_from(reports), max_size=8)) if reports else []
    order = data.draw(st.permutations([*reports, *repeated]))
    record = EMPTY
    while order:
        size = data.draw(st.integers(1, len(order)))
        record, order = stored(record.folded(order[:size])), order[size:]
    assert record.to_fields() == EMPTY.folded(reports).to_fields()


@given(reports=st.lists(events, max_size=8), late=events)
def test_an_event_that_is_known_changes_nothing(reports: list[MailEvent], late: MailEvent) -> None:
    record = EMPTY.folded([*reports, late])
    assert record.folded([late, *reports]) == record


def stored(record: MailRecord) -> MailRecord:
    """The record after its way through Firestore."""
    if not record.recipients:
        return record
    read = MailRecord.from_snapshot(FoundDocument(f"mail_events/{record.id}", record.to_fields(), SENT_AT))
    assert read is not None
    assert read.version == SENT_AT
    return read._replace(version=None)


@pytest.mark.parametrize(
    ("reports", "status"),
    [
        ([], None),
        ([event(MailStatus.PROCESSED), event(MailStatus.DELIVERED, 1)], MailStatus.DELIVERED),
        ([event(MailStatus.DELIVERED, 9), event(MailStatus.DEFERRED, 1)], MailStatus.DELIVERED),
        # Some servers take an email and then send it back.
        ([event(MailStatus.DELIVERED), event(MailStatus.BOUNCED, 60)], MailStatus.BOUNCED),
        ([event(MailStatus.DELIVERED), event(MailStatus.COMPLAINED, 60)], MailStatus.COMPLAINED),
        ([event(MailStatus.COMPLAINED, 60), event(MailStatus.UNSUBSCRIBED, 61)], MailStatus.COMPLAINED),
        ([event(MailStatus.UNSUBSCRIBED), event(MailStatus.RESUBSCRIBED, 1)], MailStatus.RESUBSCRIBED),
        (
            [event(MailStatus.DELIVERED), event(MailStatus.UNSUBSCRIBED, 1), event(MailStatus.RESUBSCRIBED, 2)],
            MailStatus.DELIVERED,
        ),
        (
            [event(MailStatus.UNSUBSCRIBED), event(MailStatus.RESUBSCRIBED, 1), event(MailStatus.UNSUBSCRIBED, 2)],
            MailStatus.UNSUBSCRIBED,
        ),
        ([event(MailStatus.DELIVERED), event(MailStatus.BOUNCED, recipient=BOB)], MailStatus.BOUNCED),
    ],
)
def test_the_status_is_what_says_most(reports: list[MailEvent], status: MailStatus | None) -> None:
    assert EMPTY.folded(reports).status is status


@pytest.mark.parametrize(
    ("reports", "minutes"),
    [
        ([event(MailStatus.DELIVERED), event(MailStatus.COMPLAINED, 9)], None),
        ([event(MailStatus.DEFERRED), event(MailStatus.BLOCKED, 60)], 60),
        ([event(MailStatus.DROPPED, 2), event(MailStatus.BOUNCED, 1, BOB), event(MailStatus.DELIVERED)], 1),
    ],
)
def test_it_says_when_a_mail_turned_out_not_to_arrive(reports: list[MailEvent], minutes: int | None) -> None:
    assert EMPTY.folded(reports).undelivered_at == (None if minutes is None else SENT_AT + timedelta(minutes=minutes))


def test_the_document() -> None:
    record = EMPTY.folded(
        [
            event(MailStatus.DELIVERED, 2),
            event(MailStatus.PROCESSED, 1),
            event(MailStatus.PROCESSED, recipient=BOB),
            event(MailStatus.BOUNCED, 3, BOB, reason="550 no such user", classification="Invalid Address"),
        ]
    )

    def moment(minutes: int) -> datetime:
        return SENT_AT + timedelta(minutes=minutes)

    assert record.to_fields() == {
        "user_id": "u1",
        "subscription_id": "default",
        "shard": 17,
        "status": "bounced",
        "reason": "550 no such user",
        "classification": "Invalid Address",
        "first_at": {"processed": moment(0), "delivered": moment(2), "bounced": moment(3)},
        "undelivered_at": moment(3),
        "recipients": {
            ADA: {"processed": {"at": moment(1)}, "delivered": {"at": moment(2)}},
            BOB: {
                "processed": {"at": moment(0)},
                "bounced": {"at": moment(3), "reason": "550 no such user", "classification": "Invalid Address"},
            },
        },
        "message_id": None,
        "unfinished": False,
        "expire_at": moment(3) + timedelta(days=90),
    }
    assert record.statuses == {ADA: MailStatus.DELIVERED, BOB: MailStatus.BOUNCED}


@given(
    document=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("user_id", "status", "recipients", "expire_at"), anything)
    )
)
def test_any_document_can_be_read(document: dict[str, Any]) -> None:
    record = MailRecord.from_snapshot(FoundDocument("mail_events/d1", document, SENT_AT))
    assert record is not None
    assert record.folded([event(MailStatus.DELIVERED)]).status is not None


def test_an_address_is_hashed_without_regard_to_capitals() -> None:
    assert address_hash(" Ada@Example.com") == ADA != BOB
    assert status_of({}) is None
