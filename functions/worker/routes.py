"""The way of a report to its destination: who takes it, who finds out about it, and who keeps it back."""

from collections.abc import Callable
from typing import NamedTuple

from functions.shared.records.deliver import Deliver, DestinationName
from functions.shared.records.delivery import Delivery
from functions.shared.records.subscription import Subscription
from functions.worker.outcome_inquiry import OutcomeInquiry
from functions.worker.sending import Sending


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
    """

    def __init__(self, email: Route, elsewhere: Callable[[Deliver, bool], Route] | None = None) -> None:
        self._email = email
        self._elsewhere = elsewhere

    def to(self, subscription: Subscription | None) -> Route:
        """The way that a subscription's reports take now.

        Args:
            subscription: None where it is gone.
        """
        if subscription is None or subscription.is_emailed or self._elsewhere is None:
            return self._email
        return self._elsewhere(subscription.deliver, subscription.sandbox)

    def of(self, delivery: Delivery | None) -> Route:
        """The way that a report took which a worker may have sent: its subscription may say another one by now.

        Args:
            delivery: as read; None where there is none.
        """
        for name in DestinationName:
            if self._elsewhere is not None and delivery is not None and delivery.provider == name:
                return self._elsewhere(Deliver(name), False)
        return self._email
