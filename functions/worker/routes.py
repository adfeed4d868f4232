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
        brands: the ways of the emails of all brands, by name; without one: the deployment's own.
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
        return self._elsewhere_of(subscription) or self._of_user(user) or self._email

    def of(self, delivery: Delivery | None, user: User | None, subscription: Subscription | None) -> Route:
        """The way that a report took which a worker may have sent: its user and its subscription may say another one by
        now, and a repeat goes where the first request went, by the secret that belongs to that place.

        Only who has taken a report can say that it does not have it. So nobody is asked where that is not known here.

        Args:
            delivery: as read; None where there is none, as after a restore. Then user and subscription say who it was.
            user: as above.
            subscription: as above.
        """
        if delivery is None or not (taker := delivery.provider):
            of_user = self._elsewhere_of(subscription) or self._of_user(user)
            why = "neither the delivery nor the user's brand says which it is"
            return of_user or self._nobody("an account that is not known", why)
        if self._elsewhere is not None and taker in _DESTINATIONS:
            return self._elsewhere(_taken(delivery) or Deliver(DestinationName(taker)), False)
        # Of brands that share an account, the user's own makes the same email again.
        ways = filter(None, (self._of_user(user), self._email, *self._brands.values()))
        same = (each for each in ways if each.sending.repeating.provider == taker)
        return next(same, None) or self._nobody(
            email_provider(taker), "the worker has no such account (MAIL_PROVIDER, brands.yaml)"
        )

    def _elsewhere_of(self, subscription: Subscription | None) -> Route | None:
        """The way of a subscription whose reports do not go by email."""
        if subscription is None or subscription.is_emailed or self._elsewhere is None:
            return None
        return self._elsewhere(subscription.deliver, subscription.sandbox)

    def _of_user(self, user: User | None) -> Route | None:
        """The way of a user's emails; None where that is not known, and there is more than one account."""
        known = self._brands.get(brand_name_of(user.fields)) if user else None
        accounts = {each.sending.repeating.provider for each in self._brands.values()}
        return known or (self._email if len(accounts) <= 1 else None)

    def _nobody(self, taker: str, why: str) -> Route:
        return self._email._replace(inquiry=self._email.inquiry.of_nobody(taker, why))


def email_provider(name: str) -> str:
    """What a dead letter calls the email provider.

    Args:
        name: with its account, as deliveries keep it.
    """
    return f"the email provider ({name})"


def _taken(delivery: Delivery) -> Deliver | None:
    """Where the kept requests of a delivery go; None where it keeps none."""
    try:
        return read_deliver(delivery.request.deliver) if delivery.request else None
    except ValueError:
        return None
