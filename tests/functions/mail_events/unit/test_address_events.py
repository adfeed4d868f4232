"""What an event about an address makes of a subscription."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.mail_events.address_events import fields_for_event
from functions.shared.address_hash import address_hash
from functions.shared.mail_event import MailEvent, MailStatus
from functions.shared.mark import resumed_fields
from functions.shared.schedule import Cadence
from functions.shared.subscription import (
    PauseReason,
    Subscription,
    SubscriptionDefaults,
    unsuppressed_fields,
)
from functions.shared.user import User

AT = datetime(2026, 11, 24, 13, tzinfo=UTC)
ADA, BOB, CAT = "ada@example.com", "bob@example.com", "cat@example.com"
USER = User.from_fields("u1", {"email": "Ada@example.com", "active": True})
NOW = AT + timedelta(minutes=5)


def paused(because: PauseReason) -> dict[str, Any]:
    return {
        "active": False,
        "paused_because": because.value,
        "paused_at": NOW,
        "paused_until": None,
        "next_report_at": None,
    }


BOUNCED, BOB_BOUNCED = (
    {**paused(PauseReason.BOUNCED), "bounced_address": address_hash(address)} for address in (ADA, BOB)
)


def subscription(**fields: Any) -> Subscription:
    return Subscription.from_fields("u1", "default", fields, SubscriptionDefaults("activity", Cadence.DAILY))


def bounce(address: str = ADA, pauses: PauseReason | None = PauseReason.BOUNCED) -> MailEvent:
    return MailEvent(delivery_id="d1", recipient=address_hash(address), status=MailStatus.BOUNCED, at=AT, pauses=pauses)


def left_out(*addresses: str) -> dict[str, Any]:
    return {"suppressed": sorted(map(address_hash, addresses))}


@pytest.mark.parametrize(
    ("fields", "address", "written"),
    [
        ({}, ADA, BOUNCED),
        ({"cc": [BOB]}, ADA, BOUNCED),
        ({"cc": [BOB]}, BOB, left_out(BOB)),
        ({"to": [BOB]}, BOB, BOB_BOUNCED),
        ({"to": [BOB]}, ADA, {}),
        ({"to": [ADA, BOB]}, ADA, left_out(ADA)),
        ({"to": [ADA, BOB], **left_out(ADA)}, BOB, BOB_BOUNCED),
        ({"to": [ADA, BOB], "cc": [CAT], **left_out(ADA)}, CAT, left_out(ADA, CAT)),
        # Known already.
        ({"cc": [BOB], **left_out(BOB)}, BOB, {}),
        (BOUNCED, ADA, {}),
        # The address has changed since.
        ({}, BOB, {}),
        # People's reasons stay; what would end by itself does not.
        (paused(PauseReason.USER), ADA, {}),
        (paused(PauseReason.OPERATOR), ADA, {}),
        ({"active": False}, ADA, {}),
        (paused(PauseReason.USER_INACTIVE), ADA, BOUNCED),
        ({"paused_because": "user", "paused_until": AT + timedelta(days=9)}, ADA, BOUNCED),
        # Somebody has resumed it since.
        ({"resumed_at": AT + timedelta(seconds=1)}, ADA, {}),
        ({"resumed_at": AT}, ADA, {}),
        ({"resumed_at": AT - timedelta(seconds=1)}, ADA, BOUNCED),
        ({"cc": [BOB], "resumed_at": AT + timedelta(seconds=1)}, BOB, {}),
    ],
)
def test_who_gets_no_more_mail(fields: dict[str, Any], address: str, written: dict[str, Any]) -> None:
    before = subscription(**fields)
    assert fields_for_event(USER, before, bounce(address), now=NOW) == written
    again = subscription(**{**fields, **written})
    assert fields_for_event(USER, again, bounce(address), now=NOW) == {}


@pytest.mark.parametrize("because", [PauseReason.COMPLAINED, PauseReason.UNSUBSCRIBED])
def test_the_reason(because: PauseReason) -> None:
    assert fields_for_event(USER, subscription(), bounce(pauses=because), now=NOW) == paused(because)


def test_what_passes_changes_nothing() -> None:
    assert fields_for_event(USER, subscription(), bounce(pauses=None), now=NOW) == {}


def test_a_user_who_is_gone_has_no_address() -> None:
    assert fields_for_event(None, subscription(), bounce(), now=NOW) == {}
    assert fields_for_event(None, subscription(to=[ADA]), bounce(), now=NOW) == BOUNCED


def test_resuming_outdates_every_earlier_event() -> None:
    before = subscription(to=[ADA, BOB], **left_out(BOB), **BOUNCED)
    now = AT + timedelta(hours=1)
    fields = {**resumed_fields(before, USER, now=now), **unsuppressed_fields(before, now=now)}
    resumed = subscription(to=[ADA, BOB], **fields)
    assert resumed.active
    assert not resumed.leaves_out(BOB)
    for address in (ADA, BOB):
        assert fields_for_event(USER, resumed, bounce(address), now=NOW) == {}


events = st.builds(
    lambda address, pauses, minutes: MailEvent(
        delivery_id="d1",
        recipient=address_hash(address),
        status=MailStatus.BOUNCED,
        at=AT + timedelta(minutes=minutes),
        pauses=pauses,
    ),
    address=st.sampled_from([ADA, BOB, CAT]),
    pauses=st.sampled_from([None, PauseReason.BOUNCED, PauseReason.COMPLAINED, PauseReason.UNSUBSCRIBED]),
    minutes=st.integers(-2, 2),
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "to": st.lists(st.sampled_from([ADA, BOB]), min_size=1, max_size=2, unique=True),
        "cc": st.just([CAT]),
        "resumed_at": st.just(AT),
    },
)


@settings(max_examples=60)
@given(document=documents, reports=st.lists(events, max_size=4))
def test_who_gets_no_more_mail_is_the_same_after_every_order(
    document: dict[str, Any], reports: list[MailEvent]
) -> None:
    """Only the reason of a pause is that of the event that came first."""

    def ends(order: Sequence[MailEvent]) -> list[bool]:
        fields = dict(document)
        for event in [*order, *order]:
            fields |= fields_for_event(USER, subscription(**fields), event, now=NOW)
        after = subscription(**fields)
        return [after.active, *(after.active and after.leaves_out(address) for address in (ADA, BOB, CAT))]

    expected = ends(reports)
    assert all(ends(order) == expected for order in permutations(reports))
