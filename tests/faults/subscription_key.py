"""The key by which the harness knows a subscription. Pure."""

from datetime import datetime
from typing import NamedTuple

from functions.shared.ids import delivery_id


class SubscriptionKey(NamedTuple):
    """The ids of a user and of one of the user's subscriptions."""

    user_id: str
    subscription_id: str

    def delivery(self, due_at: datetime) -> str:
        """The id of the subscription's delivery for a due time."""
        return delivery_id(self.user_id, self.subscription_id, due_at)

    def __str__(self) -> str:
        return f"{self.user_id}/{self.subscription_id}"
