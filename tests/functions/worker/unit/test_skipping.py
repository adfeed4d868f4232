"""Whether a report is to be sent at all, and what is written to a subscription whose report is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.address_hash import address_hash
from functions.shared.records.delivery import SkipReason
from functions.shared.records.subscription import Subscription, SubscriptionDefaults
from functions.shared.records.user import User
from functions.shared.times.schedule import Cadence
from functions.worker.skipping import fields_for_inactive_user, skip_reason
from tests.seeding import subscription_document, user_document

DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = DUE + timedelta(seconds=5)
DEFAULTS = SubscriptionDefaults(kind="activity", cadence=Cadence.HOURLY)


def user(**fields: Any) -> User:
    return User.from_fields("u1", user_document("u1", **fields))


def subscription(**fields: Any) -> Subscription:
    document = subscription_document("u1", **{"next_report_at": DUE, **fields})
    return Subscription.from_fields("u1", "default", document, DEFAULTS)


INACTIVE = user(active=False)


@pytest.mark.parametrize(
    ("whose", "which", "reason"),
    [
        (user(), subscription(), None),
        (None, subscription(), SkipReason.USER_GONE),
        (None, None, SkipReason.USER_GONE),
        (INACTIVE, subscription(), SkipReason.USER_INACTIVE),
        (INACTIVE, None, SkipReason.USER_INACTIVE),
        (INACTIVE, subscription(active=False), SkipReason.USER_INACTIVE),
        (user(), None, SkipReason.SUBSCRIPTION_GONE),
        (user(), subscription(active=False), SkipReason.PAUSED),
        (user(), subscription(paused_until=NOW + HOUR), SkipReason.PAUSED),
        (user(), subscription(paused_until=NOW), None),
        (user(), subscription(suppressed=[address_hash("u1@example.com")]), SkipReason.SUPPRESSED),
        (
            user(),
            subscription(suppressed=[address_hash("u1@example.com")], cc=["b@example.com"]),
            SkipReason.SUPPRESSED,
        ),
        (user(), subscription(suppressed=[address_hash("b@example.com")], to=["a@example.com", "b@example.com"]), None),
        (user(email="new@example.com"), subscription(suppressed=[address_hash("u1@example.com")]), None),
        # The worker checks the documents' other fields only once it knows that the report is wanted.
        (user(active=False, email=7), subscription(hour=25), SkipReason.USER_INACTIVE),
        (user(email=7), subscription(active=False, hour=25), SkipReason.PAUSED),
        (user(active="false"), subscription(), None),
        (user(), subscription(active="false"), None),
    ],
)
def test_why_a_report_is_not_sent(whose: User | None, which: Subscription | None, reason: SkipReason | None) -> None:
    assert skip_reason(whose, which, now=NOW) is reason


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({}, "user-inactive"),
        ({"shard": None, "next_report_at": None}, "user-inactive"),
        ({"paused_because": "operator", "paused_until": DUE}, "user-inactive"),
        ({"active": False, "paused_because": "user-inactive", "next_report_at": None}, None),
        ({"active": False, "paused_because": "unsubscribed", "next_report_at": None}, None),
        ({"active": False}, "user"),
        ({"paused_until": NOW + HOUR, "next_report_at": NOW + HOUR}, None),
    ],
)
@pytest.mark.parametrize("whose", [INACTIVE, None], ids=["inactive", "gone"])
def test_what_an_inactive_user_has_is_paused_unless_it_is_paused(
    whose: User | None, fields: dict[str, Any], because: str | None
) -> None:
    written = fields_for_inactive_user(whose, subscription(**fields), due_at=DUE, now=NOW)
    assert written.get("paused_because") == because
    assert subscription(**{**fields, **written}).is_paused(NOW)
    assert written.get("next_report_at") is None


def test_the_pause_of_an_inactive_user_begins_when_the_application_has_written_so() -> None:
    version = DUE - timedelta(minutes=40)
    left = User.from_fields("u1", {"active": False}, version=version)
    assert fields_for_inactive_user(left, subscription(), due_at=DUE, now=NOW)["paused_at"] == version
    assert fields_for_inactive_user(None, subscription(), due_at=DUE, now=NOW)["paused_at"] == DUE
    assert fields_for_inactive_user(None, subscription(), due_at=DUE - HOUR, now=NOW)["paused_at"] == NOW
