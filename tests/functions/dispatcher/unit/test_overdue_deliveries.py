"""Whether a run finds an unfinished delivery by its subscription's due time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.rescue.overdue_deliveries import is_still_due
from functions.shared.records.subscription import (
    Subscription,
    SubscriptionDefaults,
)
from functions.shared.times.schedule import Cadence
from tests.seeding import subscription_document

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DEFAULTS = SubscriptionDefaults(kind="activity", cadence=Cadence.HOURLY)
DUE = DueSubscription("u1", "default", NOON, "activity")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, True, id="as it was"),
        pytest.param({"active": False}, True, id="inactive, but the due time leads to it"),
        pytest.param({"kind": 7}, True, id="malformed: it has a dead letter of its own"),
        pytest.param({"next_report_at": NOON + timedelta(hours=1)}, False, id="moved on"),
        pytest.param({"active": False, "next_report_at": None}, False, id="paused"),
        pytest.param({"shard": None}, True, id="the run gives it back its place in the due index"),
        pytest.param({"shard": None, "next_report_at": None}, False, id="to be scheduled anew"),
        pytest.param({"next_report_at": "noon"}, False, id="no due time"),
    ],
)
def test_is_still_due(fields: dict[str, Any], expected: bool) -> None:
    document = {**subscription_document("u1", next_report_at=NOON), **fields}
    assert is_still_due(DUE, Subscription.from_fields("u1", "default", document, DEFAULTS)) is expected


def test_a_subscription_that_is_gone_is_not_due() -> None:
    assert not is_still_due(DUE, None)
