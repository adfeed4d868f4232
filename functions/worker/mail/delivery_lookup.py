"""Asking the provider whether it has the mail of a delivery. Pure."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class MailFound:
    """The provider has the mail. `message_id` is its id there."""

    message_id: str


@dataclass(frozen=True, kw_only=True)
class MailNotFound:
    """The provider has no such mail, or does not show it yet."""


@dataclass(frozen=True, kw_only=True)
class LookupUnavailable:
    """The provider does not say.

    Attributes:
        error: why.
        lasting: whether asking again later is pointless.
    """

    error: str
    lasting: bool


LookupAnswer = MailFound | MailNotFound | LookupUnavailable


class DeliveryLookup(Protocol):
    """The provider's records of the mails that it accepted."""

    def find(self, delivery_id: str, *, seconds: float) -> LookupAnswer:
        """Look for the mail of a delivery.

        Args:
            delivery_id: as the mail's arguments have it.
            seconds: how long it may take.
        """
