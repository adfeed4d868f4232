"""Which subscriptions that are paused because email bounced go to another address by now."""

from typing import Any

import pytest

from functions.dispatcher.address_changes import has_another_address
from functions.shared.records.address_hash import address_hash
from functions.shared.records.subscription import (
    Subscription,
    SubscriptionDefaults,
)
from functions.shared.records.user import User
from functions.shared.times.schedule import Cadence

OLD, NEW, LEFT_OUT = "old@example.com", "new@example.com", "left-out@example.com"
HASHED = address_hash(OLD)
BOUNCED = {"active": False, "paused_because": "bounced", "bounced_address": HASHED}
ONE_LEFT_OUT = {**BOUNCED, "suppressed": [address_hash(LEFT_OUT)]}


@pytest.mark.parametrize(
    ("fields", "user", "expected"),
    [
        (BOUNCED, {"email": NEW}, True),
        (BOUNCED, {"email": OLD}, False),
        (BOUNCED, {"email": " Old@Example.com"}, False),
        # The list counts, where there is one.
        ({**BOUNCED, "to": [NEW]}, {"email": OLD}, True),
        ({**BOUNCED, "to": [OLD]}, {"email": NEW}, False),
        ({**BOUNCED, "to": [OLD, NEW]}, {"email": OLD}, True),
        ({**BOUNCED, "to": [OLD], "cc": [NEW]}, {"email": OLD}, False),
        ({**ONE_LEFT_OUT, "to": [OLD, LEFT_OUT]}, {"email": OLD}, False),
        ({**ONE_LEFT_OUT, "to": [LEFT_OUT]}, {"email": OLD}, False),
        ({**ONE_LEFT_OUT, "to": [NEW, LEFT_OUT]}, {"email": OLD}, True),
        # A copy that was left out becomes the only one of the lists.
        ({**BOUNCED, "cc": [OLD]}, {"email": NEW}, True),
        # There is no address, or no one to write to.
        (BOUNCED, {}, False),
        (BOUNCED, {"email": 7}, False),
        (BOUNCED, {"email": "no address"}, False),
        (BOUNCED, {"email": NEW, "active": False}, False),
        # Paused for another reason, by an application, or not at all.
        ({**BOUNCED, "paused_because": "complained"}, {"email": NEW}, False),
        ({**BOUNCED, "paused_because": "unsubscribed"}, {"email": NEW}, False),
        ({"active": False, "paused_because": "bounced"}, {"email": NEW}, False),
        ({**BOUNCED, "bounced_address": 7}, {"email": NEW}, False),
        ({**BOUNCED, "active": True}, {"email": NEW}, False),
    ],
)
def test_a_new_address(fields: dict[str, Any], user: dict[str, Any], expected: bool) -> None:
    subscription = Subscription.from_fields("u1", "s1", fields, SubscriptionDefaults("activity", Cadence.DAILY))
    assert has_another_address(subscription, User.from_fields("u1", {"active": True, **user})) is expected
