"""Whether a report is to be sent at all, and what is written to a subscription whose report is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.address_hash import address_hash
from functions.shared.delivery import SkipReason
from functions.shared.schedule import Cadence
from functions.shared.subscription import PauseReason, Subscription, SubscriptionDefaults, paused_fields
from functions.shared.user import User
from functions.worker.skipping import fields_for_inactive_user, fields_for_pause, skip_reason
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
    ("fields", "written"),
    [
        # An application that gives no reason speaks for its user.
        ({"active": False}, {"paused_because": "user", "next_report_at": None}),
        ({"active": False, "next_report_at": None}, {}),
        ({"active": False, "paused_because": "operator"}, {"next_report_at": None}),
        # The pause is over, or ended meanwhile: the subscription is not this function's to move.
        ({}, {}),
        ({"paused_until": DUE}, {}),
        # Moved there already.
        ({"paused_until": NOW + HOUR, "next_report_at": NOW + 2 * HOUR}, {}),
        ({"paused_until": NOW + HOUR, "next_report_at": None}, {}),
    ],
)
def test_no_run_meets_a_paused_subscription_again(fields: dict[str, Any], written: dict[str, Any]) -> None:
    assert fields_for_pause(user(), subscription(**fields), now=NOW) == written


@pytest.mark.parametrize(("because", "written"), [("operator", "operator"), (..., "user")])
def test_a_pause_with_an_end_moves_the_due_time_beyond_it(because: Any, written: str) -> None:
    until = DUE + timedelta(days=3, minutes=20)
    paused = subscription(paused_until=until, paused_because=because)
    fields = fields_for_pause(user(), paused, now=NOW)
    assert fields["next_report_at"] == DUE + timedelta(days=3, hours=1)
    assert fields["reported_until"] == until
    assert (fields["active"], fields["paused_until"], fields["paused_because"]) == (True, until, written)


def test_it_resumes_in_the_users_zone() -> None:
    daily = subscription(cadence="daily", hour=8, paused_until=DUE + timedelta(days=3))
    in_tokyo = fields_for_pause(user(time_zone="Asia/Tokyo"), daily, now=NOW)
    # 8:00 on the day after that on which it resumes.
    assert in_tokyo["next_report_at"] == datetime(2026, 11, 27, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({}, paused_fields(PauseReason.USER_INACTIVE)),
        ({"shard": None, "next_report_at": None}, paused_fields(PauseReason.USER_INACTIVE)),
        ({"paused_because": "operator", "paused_until": DUE}, paused_fields(PauseReason.USER_INACTIVE)),
        ({"active": False, "paused_because": "user-inactive", "next_report_at": None}, {}),
        ({"active": False, "paused_because": "unsubscribed", "next_report_at": None}, {}),
        ({"active": False}, {"paused_because": "user", "next_report_at": None}),
        ({"paused_until": NOW + HOUR, "next_report_at": NOW + HOUR}, {}),
    ],
)
@pytest.mark.parametrize("whose", [INACTIVE, None], ids=["inactive", "gone"])
def test_what_an_inactive_user_has_is_paused_unless_it_is_paused(
    whose: User | None, fields: dict[str, Any], written: dict[str, Any]
) -> None:
    assert fields_for_inactive_user(whose, subscription(**fields), now=NOW) == written
