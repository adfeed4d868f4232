"""Makes, changes, pauses, resumes and removes subscriptions, for the operator.

Each write is conditional on the version that was read. If another program writes first, such as a worker that moves the
subscription on, the change is worked out again from the new version.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.subscription_documents import StoredSubscription, SubscriptionDocuments
from functions.shared.firestore.write import create, delete
from functions.shared.records.mark import paused_fields, resumed_fields
from functions.shared.records.objections import all_taken_back, objection_fields
from functions.shared.records.subscription import (
    PauseReason,
    Subscription,
    SubscriptionDefaults,
    subscription_path,
)
from functions.shared.records.subscription_edit import SubscriptionEdit, added_fields, edited_fields
from functions.shared.records.user import User
from operations.errors import NotFound, OperatorError
from operations.operator_actions import said_changes
from operations.subscriptions.subscriptions import subscription_row

_FOLLOWS = frozenset({"schedule", "next_report_at", "reported_until", "resumed_at", "problem"})
"""What follows from other fields, or from the time."""

Decide = Callable[[StoredSubscription], Mapping[str, Any]]
"""Returns the fields to write; none for no change."""


class SubscriptionChanges:
    """Changes subscriptions. Every method raises GoogleAPICallError if Firestore does not answer or refuses.

    Args:
        check: raises where a subscription is not to be changed as it was read.
    """

    def __init__(
        self,
        *,
        database: Database,
        defaults: SubscriptionDefaults,
        now: Callable[[], datetime],
        check: Callable[[Subscription], None] = lambda _subscription: None,
    ) -> None:
        self._database = database
        self._documents = SubscriptionDocuments(database, defaults)
        self._defaults = defaults
        self._now = now
        self._check = check

    def add(self, user: User, subscription_id: str, edit: SubscriptionEdit) -> Subscription:
        """Make a subscription.

        Raises:
            InvalidEdit: it would be malformed.
            OperatorError: there is one of this id already.
        """
        document = added_fields(user, subscription_id, edit, self._defaults, now=self._now())
        try:
            version = self._database.commit([create(subscription_path(user.id, subscription_id), document)])
        except ChangedMeanwhile as error:
            raise OperatorError(
                f"{user.id} has a subscription {subscription_id} already: reports subscriptions set changes it."
            ) from error
        return Subscription.from_fields(user.id, subscription_id, document, self._defaults, version=version)

    def edit(self, user_id: str, subscription_id: str, edit: SubscriptionEdit) -> tuple[Subscription, bool]:
        """Change fields of a subscription, and its due time with its schedule.

        Returns:
            the subscription as it is now, and whether this call changed it.

        Raises:
            InvalidEdit: it would be malformed.
            NotFound: there is no such subscription.
        """
        return self.change(
            user_id,
            subscription_id,
            lambda stored: edited_fields(
                stored.user, stored.subscription, stored.document, edit, self._defaults, now=self._now()
            ),
        )

    def pause(self, user_id: str, subscription_id: str, *, until: datetime | None) -> tuple[Subscription, bool]:
        """Pause a subscription. A pause of the operator's own can be given another end.

        Args:
            until: when it resumes by itself, in UTC; None for not by itself.

        Returns:
            the subscription as it is now, and whether this call changed it.

        Raises:
            NotFound: there is no such subscription.
            OperatorError: it is paused for another reason, which would be lost, or is malformed.
        """

        def decide(stored: StoredSubscription) -> Mapping[str, Any]:
            subscription = stored.subscription
            if subscription.is_paused(self._now()) and subscription.paused_because is not PauseReason.OPERATOR:
                because = f" ({subscription.paused_because})" if subscription.paused_because else ""
                raise OperatorError(f"{user_id}/{subscription_id} is paused already{because}: nothing was changed.")
            fields = paused_fields(subscription, stored.user, PauseReason.OPERATOR, now=self._now(), until=until)
            return fields if until is None else self._checked(stored, fields)

        return self.change(user_id, subscription_id, decide)

    def resume(self, user_id: str, subscription_id: str) -> tuple[Subscription, bool]:
        """Resume a subscription. Its next report goes to all of its addresses.

        Returns:
            the subscription as it is now, and whether this call changed it.

        Raises:
            NotFound: there is no such subscription.
            OperatorError: its user is gone or not active, or it is malformed.
        """

        def decide(stored: StoredSubscription) -> Mapping[str, Any]:
            subscription, now = stored.subscription, self._now()
            unobjected = objection_fields(subscription, all_taken_back(subscription, at=now))
            if not subscription.is_paused(now) and subscription.next_report_at is not None:
                return unobjected if subscription.objecting else {}
            if stored.user is None:
                raise NotFound(f"There is no user {user_id}, so nothing would be sent.")
            if not stored.user.active:
                raise OperatorError(
                    f"users/{user_id} is not active, so nothing would be sent. Set active to true: what is paused "
                    f"for that ({PauseReason.USER_INACTIVE}) then resumes by itself."
                )
            return self._checked(stored, {**resumed_fields(subscription, stored.user, now=now), **unobjected})

        return self.change(user_id, subscription_id, decide)

    def remove(self, subscription: Subscription) -> None:
        """Delete a subscription as it was read.

        Raises:
            OperatorError: it was changed since.
        """
        path = subscription_path(subscription.user_id, subscription.id)
        try:
            self._database.commit([delete(path, subscription.version)])
        except ChangedMeanwhile as error:
            raise OperatorError(
                f"{subscription.user_id}/{subscription.id} was changed meanwhile: look at it again. Nothing is removed."
            ) from error

    def change(self, user_id: str, subscription_id: str, decide: Decide) -> tuple[Subscription, bool]:
        """Read a subscription, decide, and write; start again if another program writes in between.

        Args:
            decide: returns what to write. Called again after each read.

        Returns:
            the subscription as it is now, and whether this call changed it.

        Raises:
            NotFound: there is no such subscription.
            OperatorError: other programs change it all the time.
        """

        def checked(stored: StoredSubscription) -> Mapping[str, Any]:
            self._check(stored.subscription)
            return decide(stored)

        try:
            change = self._documents.change(user_id, subscription_id, checked)
        except ChangedMeanwhile as error:
            raise OperatorError(
                f"{user_id}/{subscription_id} is changed by others all the time: repeat this later."
            ) from error
        if change is None:
            raise NotFound(f"{user_id} has no subscription {subscription_id} any more.")
        if not change.fields:
            return change.before.subscription, False
        document = {**change.before.document, **change.fields}
        version = change.version
        return Subscription.from_fields(user_id, subscription_id, document, self._defaults, version=version), True

    def _checked(self, stored: StoredSubscription, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """The fields to write, if the schedule that they follow from is not malformed."""
        before = stored.subscription
        after = Subscription.from_fields(before.user_id, before.id, {**stored.document, **fields}, self._defaults)
        if after.problem:
            raise OperatorError(
                f"{before.user_id}/{before.id}: {after.problem}. Correct it first: reports subscriptions set."
            )
        return fields


def said_difference(before: Subscription, after: Subscription, *, now: datetime) -> str:
    """What has changed between two readings of a subscription, for the action log, without addresses; empty where
    nothing has."""
    was, became = (subscription_row(each, None, now=now) for each in (before, after))
    return said_changes(was, became, (name for name in was if name not in _FOLLOWS))
