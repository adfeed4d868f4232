"""Reads and changes a recipient's subscriptions. Each write is conditional on the version that was read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from functions.preferences.undo import Change, before_change
from functions.shared.firestore.database import Database
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.query import Query
from functions.shared.firestore.subscription_documents import StoredSubscription, SubscriptionDocuments
from functions.shared.firestore.write import update
from functions.shared.records.recipient_pauses import Stored
from functions.shared.records.subscription import (
    Subscription,
    SubscriptionDefaults,
    subscription_path,
    subscriptions_of,
)
from functions.shared.records.user import USERS, User

MOST_SUBSCRIPTIONS = 100
"""How many of a user's subscriptions a page shows."""

Decide = Callable[[Stored], Mapping[str, Any]]
"""Returns the fields to write; none for no change. Called again after each read."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user and the user's subscriptions, in the order of their ids."""

    user: User
    subscriptions: list[Subscription]


class PreferencesStore:
    """The documents of users and subscriptions. Safe for threads. Every method raises GoogleAPICallError if Firestore
    does not answer.

    Args:
        database: the Firestore database.
        defaults: what a subscription's document does not say.
    """

    def __init__(self, database: Database, defaults: SubscriptionDefaults) -> None:
        self._database = database
        self._defaults = defaults
        self._documents = SubscriptionDocuments(database, defaults)

    def account(self, user_id: str) -> Account | None:
        """A user and the subscriptions; None where there is no such user."""
        user = User.from_snapshot(self._database.get(f"{USERS}/{user_id}"))
        if user is None:
            return None
        found = self._database.stream(Query.of(subscriptions_of(user_id)).limit(MOST_SUBSCRIPTIONS))
        read = (Subscription.from_snapshot(each, self._defaults) for each in found)
        return Account(user=user, subscriptions=[subscription for subscription in read if subscription])

    def subscription(self, user_id: str, subscription_id: str) -> Stored | None:
        """A subscription and its user; None where one of them is gone."""
        return _whole(self._documents.read(user_id, subscription_id))

    def change(self, user_id: str, subscription_id: str, decide: Decide) -> Change | None:
        """Read a subscription, decide, and write; start again if another program writes in between.

        Args:
            user_id: whose it is.
            subscription_id: its id.
            decide: returns what to write.

        Returns:
            what was changed; None where nothing was, or where user or subscription are gone.

        Raises:
            ChangedMeanwhile: other programs write it all the time.
        """

        def decide_for_user(found: StoredSubscription) -> Mapping[str, Any]:
            stored = _whole(found)
            return decide(stored) if stored else {}

        change = self._documents.change(user_id, subscription_id, decide_for_user)
        if change is None or change.version is None:
            return None
        found = change.before
        before = before_change(found.subscription, found.document, change.fields, at=change.version)
        return Change(subscription_id=subscription_id, version=change.version, before=before)

    def take_back(self, user_id: str, change: Change) -> bool:
        """Write what a subscription had before a change, if nothing else has changed it since.

        Returns:
            Whether it did.
        """
        path = subscription_path(user_id, change.subscription_id)
        try:
            self._database.commit([update(path, change.before, change.version)])
        except ChangedMeanwhile:
            return False
        return True


def _whole(found: StoredSubscription | None) -> Stored | None:
    """A subscription whose user exists."""
    if found is None or found.user is None:
        return None
    return Stored(user=found.user, subscription=found.subscription, document=found.document)
