"""Whether a report is to be sent at all, by its user and its subscription. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from functions.shared.records.delivery import SkipReason
from functions.shared.records.mark import met_pause_fields, paused_fields
from functions.shared.records.objections import common_objection
from functions.shared.records.stored_request import KeptRequest
from functions.shared.records.subscription import PauseReason, Subscription
from functions.shared.records.user import User
from functions.worker.compose import wanting
from functions.worker.destinations.email.model import MailRecipient

Addressed = TypeVar("Addressed", MailRecipient, KeptRequest)

OF_USERS = frozenset({SkipReason.USER_GONE, SkipReason.USER_INACTIVE})
"""The reasons that hold for all of a user's subscriptions."""


class Subscriber(NamedTuple):
    """A user who gets the reports of a subscription: whatever builds a report or hands it over starts from this.

    Attributes:
        user: who is active.
        subscription: which is not paused.
    """

    user: User
    subscription: Subscription

    @property
    def problem(self) -> str:
        """What is wrong with the two documents; empty where nothing is."""
        problems = {"user": self.subscription.problem_of(self.user), "subscription": self.subscription.problem}
        return next((f"the {document}'s document: {problem}" for document, problem in problems.items() if problem), "")

    def still_wanted(self, addressed: Sequence[Addressed]) -> list[Addressed]:
        """Those of an email's recipients, or of its requests, that the subscription still goes to. What does not go by
        email goes to no address, and so all of it is still wanted.

        Args:
            addressed: those for whom the email was built.
        """
        if not self.subscription.is_emailed:
            return list(addressed)
        wanted = {each.address.casefold() for each in wanting(self.user, self.subscription)}
        return [each for each in addressed if each.address.casefold() in wanted]


def subscriber_of(user: User | None, subscription: Subscription | None, *, now: datetime) -> Subscriber | SkipReason:
    """Who gets a report, or why it is not to be sent.

    It does not depend on what else is in the two documents: a user who is not active is left alone, even if the
    document is malformed.

    Args:
        user: as read; None where there is no such user.
        subscription: as read; None where there is no such subscription.
        now: the present, in UTC.
    """
    if user is None:
        return SkipReason.USER_GONE
    if not user.active:
        return SkipReason.USER_INACTIVE
    if subscription is None:
        return SkipReason.SUBSCRIPTION_GONE
    if subscription.is_paused(now):
        return SkipReason.PAUSED
    # Copies alone are not sent: the report is for those in `to`.
    return SkipReason.SUPPRESSED if common_objection(subscription, user) else Subscriber(user, subscription)


def skip_reason(user: User | None, subscription: Subscription | None, *, now: datetime) -> SkipReason | None:
    """Why a report is not to be sent; None where it is."""
    found = subscriber_of(user, subscription, now=now)
    return None if isinstance(found, Subscriber) else found


def fields_for_inactive_user(
    user: User | None, subscription: Subscription, *, due_at: datetime, now: datetime
) -> Mapping[str, Any]:
    """The fields to write to the subscription whose user is gone or inactive; none where it is paused already.

    A pause of its own stays as it is, so that it goes on when the user is active again.

    Args:
        user: as read; None where there is no such user.
        subscription: as read.
        due_at: the due time of the report that has met the user.
        now: the present, in UTC.
    """
    if subscription.is_paused(now):
        return met_pause_fields(subscription, user, due_at=due_at, now=now)
    # The application's latest write of the user counts as the beginning.
    paused_at = (user and user.version) or (due_at if subscription.next_report_at == due_at else now)
    return paused_fields(subscription, user, PauseReason.USER_INACTIVE, now=paused_at)
