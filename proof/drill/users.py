"""The users of a drill, each with a report of their own that is due. Pure."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from functions.shared.firestore.write import Write, create
from functions.shared.records.ids import delivery_id
from functions.shared.records.subscription import (
    DEFAULT_SUBSCRIPTION,
    SUBSCRIPTIONS,
    SubscriptionDefaults,
    default_fields,
)
from functions.shared.records.user import USERS, enrolled_fields
from functions.shared.times.schedule import Cadence

WRITES_A_USER = 3
KIND = "activity"
# Daily, so that no second report falls due within a drill.
_DEFAULTS = SubscriptionDefaults(KIND, Cadence.DAILY)


def user_id_of(number: int) -> str:
    """The id of a user. It begins with a hash, since Firestore slows down where neighboring documents are written at a
    high rate."""
    return f"{hashlib.sha256(f'{number}'.encode()).hexdigest()[:8]}-{number}"


def number_of(user_id: str) -> int:
    """The user's number."""
    return int(user_id.rpartition("-")[2])


def due_delivery(number: int, due_at: datetime) -> str:
    """The id of the delivery that a user is owed."""
    return delivery_id(user_id_of(number), DEFAULT_SUBSCRIPTION, due_at)


def documents_of(number: int, due_at: datetime) -> Iterator[Write]:
    """The writes that make a user, WRITES_A_USER of them.

    Args:
        number: the user's.
        due_at: when the report is due, in UTC.
    """
    user_id = user_id_of(number)
    path = f"{USERS}/{user_id}"
    yield create(
        path,
        {
            "email": f"user-{number}@example.com",
            "name": f"User {number}",
            "active": True,
            "time_zone": "UTC",
            "locale": "en",
            **enrolled_fields(now=due_at),
        },
    )
    yield create(f"{path}/{SUBSCRIPTIONS}/{DEFAULT_SUBSCRIPTION}", default_fields(user_id, _DEFAULTS, due_at=due_at))
    yield create(
        f"{path}/events/e1", {"at": due_at - timedelta(days=1), "type": "order.placed", "amount": float(number)}
    )
