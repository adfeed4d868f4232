"""The requests that hand a mail over to a provider with idempotency keys. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from functions.shared.stored_request import KeptRequest, StoredRequest


class MadeRequests(NamedTuple):
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

    def by_key(self, requests: Sequence[KeptRequest]) -> dict[str, KeptRequest]:
        """Some of the requests, each by its idempotency key.

        Args:
            requests: those that are to be made.
        """
        keys = {f"{self.stored.key}/{number}": each for number, each in enumerate(self.requests, start=1)}
        return {key: each for key, each in keys.items() if each in requests}
