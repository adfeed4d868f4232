"""Users and subscriptions as an application writes them, for tests of every part."""

from datetime import datetime
from typing import Any

from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.ids import shard_of
from functions.shared.records.subscription import (
    DEFAULT_SUBSCRIPTION,
    SUBSCRIPTIONS,
    PauseReason,
    Subscription,
    SubscriptionDefaults,
)
from functions.shared.records.user import USERS

ENROLLED_AT = datetime.fromisoformat("2026-01-01T00:00:00Z")


def user_document(user_id: str, **fields: Any) -> dict[str, Any]:
    """An active user who is enrolled. A field that is given as ... is left out."""
    return _without_gaps({"email": f"{user_id}@example.com", "active": True, "enrolled_at": ENROLLED_AT, **fields})


def subscription_document(
    user_id: str, subscription_id: str = DEFAULT_SUBSCRIPTION, /, *, next_report_at: Any, **fields: Any
) -> dict[str, Any]:
    """A subscription in the due index, which gets a report even if nothing happened.

    A field that is given as ... is left out.
    """
    return _without_gaps(
        {
            "user_id": user_id,
            "shard": shard_of(user_id, subscription_id),
            "active": True,
            "kind": "activity",
            "cadence": "hourly",
            "skip_empty": False,
            "next_report_at": next_report_at,
            **fields,
        }
    )


def user_reference(client: Any, user_id: str) -> Any:
    """The reference of a user's document."""
    return client.collection(USERS).document(user_id)


def subscription_reference(client: Any, user_id: str, subscription_id: str = DEFAULT_SUBSCRIPTION) -> Any:
    """The reference of a subscription's document."""
    return user_reference(client, user_id).collection(SUBSCRIPTIONS).document(subscription_id)


def seed(
    client: Any,
    user_id: str,
    *,
    next_report_at: Any,
    subscription_id: str = DEFAULT_SUBSCRIPTION,
    user: dict[str, Any] | None = None,
    batch: Any = None,
    **subscription: Any,
) -> None:
    """Write a user with one subscription.

    Args:
        client: a google.cloud.firestore.Client.
        user_id: the user's id.
        next_report_at: when the subscription's report is due.
        subscription_id: the subscription's id.
        user: further fields of the user.
        batch: what to add them to, instead of writing them at once.
        subscription: further fields of the subscription.
    """
    # One without writes is false.
    writes = client.batch() if batch is None else batch
    writes.set(user_reference(client, user_id), user_document(user_id, **(user or {})))
    writes.set(
        subscription_reference(client, user_id, subscription_id),
        subscription_document(user_id, subscription_id, next_report_at=next_report_at, **subscription),
    )
    if batch is None:
        writes.commit()


def _without_gaps(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not ...}


def paused(because: PauseReason, *, at: datetime | None = None) -> dict[str, Any]:
    """The fields of a subscription that is paused without an end.

    Args:
        because: why.
        at: since when; None for a pause of version 0.1.0, which did not say.
    """
    fields = {"active": False, "paused_because": because.value, "paused_until": None, "next_report_at": None}
    return {**fields, **({"paused_at": at} if at else {})}


def as_found(snapshot: Any) -> FoundDocument:
    """A document as Google's client has read it."""
    return FoundDocument(snapshot.reference.path, snapshot.to_dict(), snapshot.update_time)


def subscription_of(snapshot: Any, defaults: SubscriptionDefaults) -> Subscription | None:
    """A subscription as Google's client has read it."""
    return Subscription.from_snapshot(as_found(snapshot), defaults)
