"""The key by which the harness knows a subscription. Pure."""

from datetime import UTC, datetime
from typing import NamedTuple

from functions.shared.records.ids import delivery_id

_ANY_TIME = datetime.fromtimestamp(0, UTC)


class SubscriptionKey(NamedTuple):
    """The ids of a user and of one of the user's subscriptions."""

    user_id: str
    subscription_id: str

    def delivery(self, due_at: datetime) -> str:
        """The id of the subscription's delivery for a due time."""
        return delivery_id(self.user_id, self.subscription_id, due_at)

    def owns(self, delivery: str) -> bool:
        """Whether a delivery is the subscription's.

        Args:
            delivery: its id, which has the due time behind the last colon.
        """
        return delivery.rpartition(":")[0] == self.delivery(_ANY_TIME).rpartition(":")[0]

    def __str__(self) -> str:
        return f"{self.user_id}/{self.subscription_id}"
