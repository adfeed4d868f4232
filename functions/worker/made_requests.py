"""The requests that hand a mail over to a provider with idempotency keys. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from functions.shared.stored_request import KeptRequest, StoredRequest
from functions.shared.subscription import Subscription


@dataclass(frozen=True, kw_only=True)
class MadeRequests:
    """The requests of a mail, and what the delivery keeps of them.

    Attributes:
        requests: to the byte.
        stored: what the delivery keeps.
        is_repeat: whether a worker may have made them before. What comes of them now says nothing of that time, unless
            the provider accepts them.
    """

    requests: Sequence[KeptRequest]
    stored: StoredRequest
    is_repeat: bool = False

    def still_wanted(self, subscription: Subscription | None) -> dict[str, KeptRequest]:
        """Those whose recipients the subscription does not leave out, each by its idempotency key.

        Args:
            subscription: as it is now.
        """
        return {
            f"{self.stored.key}/{number}": each
            for number, each in enumerate(self.requests, start=1)
            if subscription is not None and not subscription.leaves_out(each.address)
        }
