"""Pauses the subscriptions of users who are inactive or gone, and takes the mark of their enrollment away."""

from datetime import datetime
from typing import Any

from google.api_core.exceptions import Aborted
from google.cloud import firestore

from functions.shared.subscription import SUBSCRIPTIONS, Subscription, SubscriptionDefaults
from functions.shared.user import USERS, User, unenrolled_fields
from functions.worker.skipping import fields_for_inactive_user

_MOST_SUBSCRIPTIONS = 400
"""How many subscriptions of a user one transaction pauses, besides the one whose report is skipped. Any others are
paused when they fall due."""


class InactiveUsers:
    """Pauses the subscriptions of users who are inactive or gone. Safe for threads.

    Args:
        client: the Firestore client.
        defaults: what a subscription's document does not say.
    """

    def __init__(self, client: firestore.Client, defaults: SubscriptionDefaults) -> None:
        self._client = client
        self._defaults = defaults

    def pause(self, user_id: str, subscription_id: str, *, due_at: datetime, now: datetime) -> int:
        """Pause the subscriptions of a user, and take `enrolled_at` away, so that the first run after the user is
        active again enrolls the user again and resumes them.

        All in one transaction, which reads the user, too: it pauses nothing of a user who is active again, since no run
        would enroll that user again.

        Args:
            user_id: which user.
            subscription_id: the subscription whose report is skipped.
            due_at: that report's due time.
            now: the present, in UTC.

        Returns:
            How many subscriptions it paused: 0 where they are paused already, or the user is active again.

        Raises:
            GoogleAPIError: Firestore failed, or others kept writing the documents.
        """
        user_document = self._client.collection(USERS).document(user_id)
        subscriptions = user_document.collection(SUBSCRIPTIONS)

        @firestore.transactional
        def carry_out(transaction: Any) -> int:
            user = User.from_snapshot(user_document.get(transaction=transaction))
            if user is not None and user.active:
                return 0
            found = [subscriptions.document(subscription_id).get(transaction=transaction)]
            others = subscriptions.limit(_MOST_SUBSCRIPTIONS).stream(transaction=transaction)
            found += [snapshot for snapshot in others if snapshot.id != subscription_id]
            paused = 0
            for snapshot in found:
                subscription = Subscription.from_snapshot(snapshot, self._defaults)
                fields = fields_for_inactive_user(user, subscription, due_at=due_at, now=now) if subscription else {}
                if fields:
                    transaction.update(snapshot.reference, fields)
                    paused += 1
            if user is not None and user.fields.get("enrolled_at", "") is not None:
                transaction.update(user_document, unenrolled_fields())
            return paused

        try:
            paused: int = carry_out(self._client.transaction())
        except ValueError as error:
            # The client library raises it when a transaction cannot begin, or loses to other writers five times.
            raise Aborted("the subscriptions were not paused") from error  # type: ignore[no-untyped-call]
        return paused
