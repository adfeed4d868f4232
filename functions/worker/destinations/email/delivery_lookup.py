"""Asking the provider whether it has the email of a delivery. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol


class WantedMail(NamedTuple):
    """An email that the provider may have, or not.

    Attributes:
        delivery_id: as the email's arguments have it: what tells it from any other.
        addresses: to whom it went, as far as that is known.
        claimed_at: when a worker claimed the delivery, shortly before it handed the email over, in UTC.
        category: one that the email has.
    """

    delivery_id: str
    addresses: Sequence[str]
    claimed_at: datetime
    category: str


class MailFound(NamedTuple):
    """The provider has the email. `message_id` is its id there; empty where that is not known."""

    message_id: str


class MailNotFound(NamedTuple):
    """The provider has no such email, or does not show it yet.

    Attributes:
        note: how far the search went.
        is_complete: whether it looked at each email to each recipient that could be the one.
    """

    note: str = "it has no record of it"
    is_complete: bool = False


class LookupUnavailable(NamedTuple):
    """The provider does not say.

    Attributes:
        error: why.
        lasting: whether asking again later is pointless.
    """

    error: str
    lasting: bool


class Neighbors(NamedTuple):
    """When the provider accepted other emails of this pipeline, in UTC; None where its records show none.

    Attributes:
        before: one that was accepted before the claim.
        after: one that was accepted later than was asked for.
    """

    before: datetime | None
    after: datetime | None


LookupAnswer = MailFound | MailNotFound | LookupUnavailable


class DeliveryLookup(Protocol):
    """The provider's records of the emails that it accepted."""

    key_id: str
    """The id of the key that asks: other keys may belong to other accounts. Empty where it has none."""

    keeps: timedelta
    """How long the records show an email."""

    def find(self, wanted: WantedMail, *, seconds: float) -> LookupAnswer:
        """Look for the email of a delivery.

        Args:
            wanted: the email.
            seconds: how long it may take.
        """

    def neighbors(self, wanted: WantedMail, *, after: datetime, seconds: float) -> Neighbors | LookupUnavailable:
        """Look for other emails of this pipeline, from before the delivery's claim and from later.

        Args:
            wanted: the email.
            after: later than when, in UTC.
            seconds: how long it may take.
        """
