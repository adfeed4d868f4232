"""The record of a delivery: one report of one user for one due time, `deliveries/{delivery_id}`."""

from datetime import timedelta
from enum import StrEnum

DELIVERY_RETENTION = timedelta(days=90)
"""After this Firestore deletes a delivery, by the TTL policy on `expire_at`."""


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    """It waits for a worker. With `reason` and `failed_at` it is being given up: its dead letter may be missing."""
    SENDING = "sending"
    """A worker has claimed it until `lease_expires_at`. After that its outcome is unknown."""
    SENT = "sent"
    """The provider accepted the mail. Final."""
    SKIPPED = "skipped"
    """Its user is gone, inactive or unsubscribed: nothing was sent. Final."""
    DEAD = "dead"
    """It will not be sent by itself, and its dead letter is published. Final, unless an operator replays it."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self in {DeliveryState.SENT, DeliveryState.SKIPPED, DeliveryState.DEAD}
