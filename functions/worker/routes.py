"""The way of a report to its destination: who takes it, who finds out about it, and who keeps it back."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from functions.shared.named_brand import brand_name_of
from functions.shared.records.deliver import Deliver, DestinationName, read_deliver
from functions.shared.records.delivery import Delivery
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User
from functions.worker.outcome_inquiry import OutcomeInquiry
from functions.worker.sending import Sending

_DESTINATIONS = frozenset(DestinationName)


class Route(NamedTuple):
    """The way to one destination.

    Attributes:
        sending: hands over the report.
        inquiry: finds out about a report of unknown outcome.
    """

    sending: Sending
    inquiry: OutcomeInquiry


class Routes:
    """The ways to all destinations. Safe for threads.

    Args:
        email: the way of emails.
        elsewhere: makes the way to any other destination, of a sandbox subscription if so.
        brands: the ways of emails of brands, by name.
    """

    def __init__(
        self,
        email: Route,
        elsewhere: Callable[[Deliver, bool], Route] | None = None,
        brands: Mapping[str, Route] | None = None,
    ) -> None:
        self._email = email
        self._elsewhere = elsewhere
        self._brands = brands or {}

    def to(self, subscription: Subscription | None, user: User | None) -> Route:
        """The way that a subscription's reports take now.

        Args:
            subscription: None where it is gone.
            user: whose it is; None where the user is gone. No report of an unknown brand is built.
        """
        if subscription is None or subscription.is_emailed or self._elsewhere is None:
            return self._of_user(user)
        return self._elsewhere(subscription.deliver, subscription.sandbox)

    def of(self, delivery: Delivery | None, user: User | None) -> Route:
        """The way that a report took which a worker may have sent: its user and its subscription may say another one by
        now, and a repeat goes where the first request went, by the secret that belongs to that place.

        Args:
            delivery: as read; None where there is none.
            user: as above.
        """
        if delivery is None or not delivery.provider:
            return self._email
        taker = delivery.provider
        if self._elsewhere is not None and taker in _DESTINATIONS:
            return self._elsewhere(_taken(delivery) or Deliver(DestinationName(taker)), False)
        # Of brands that share an account, the user's own makes the same email again.
        ways = (self._of_user(user), self._email, *self._brands.values())
        same = (each for each in ways if each.sending.repeating.provider == taker)
        # No other account can say that it does not have the email.
        return next(same, self._email._replace(inquiry=self._email.inquiry.without_records()))

    def _of_user(self, user: User | None) -> Route:
        return self._brands.get(brand_name_of(user.fields) if user else "", self._email)


def _taken(delivery: Delivery) -> Deliver | None:
    """Where the kept requests of a delivery go; None where it keeps none."""
    try:
        return read_deliver(delivery.request.deliver) if delivery.request else None
    except ValueError:
        return None
