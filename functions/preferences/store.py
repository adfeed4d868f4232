"""Reads and changes a recipient's subscriptions. Each write is conditional on the version that was read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.api_core.exceptions import Aborted, FailedPrecondition, NotFound
from google.cloud import firestore

from functions.preferences.changes import Stored
from functions.preferences.undo import Change
from functions.shared.stored_fields import stored_version
from functions.shared.subscription import SUBSCRIPTIONS, Subscription, SubscriptionDefaults
from functions.shared.user import USERS, User

MOST_SUBSCRIPTIONS = 100
"""How many of a user's subscriptions a page shows."""

_ATTEMPTS = 10
"""How often a change is worked out again: a worker moves a subscription on only once for each report."""

Decide = Callable[[Stored], Mapping[str, Any]]
"""Returns the fields to write; none for no change. Called again after each read."""


class ChangedAllTheTime(Exception):
    """Others wrote the document before each attempt."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user and the user's subscriptions, in the order of their ids."""

    user: User
    subscriptions: list[Subscription]


class PreferencesStore:
    """The documents of users and subscriptions. Safe for threads. Every method raises GoogleAPICallError if Firestore
    does not answer.

    Args:
        client: the Firestore client.
        defaults: what a subscription's document does not say.
    """

    def __init__(self, client: firestore.Client, defaults: SubscriptionDefaults) -> None:
        self._client = client
        self._defaults = defaults

    def account(self, user_id: str) -> Account | None:
        """A user and the subscriptions; None where there is no such user."""
        document = self._user(user_id)
        user = User.from_snapshot(document.get())
        if user is None:
            return None
        found = document.collection(SUBSCRIPTIONS).limit(MOST_SUBSCRIPTIONS).stream()
        read = (Subscription.from_snapshot(snapshot, self._defaults) for snapshot in found)
        return Account(user=user, subscriptions=[subscription for subscription in read if subscription])

    def subscription(self, user_id: str, subscription_id: str) -> Stored | None:
        """A subscription and its user; None where one of them is gone."""
        references = [self._user(user_id), self._subscription(user_id, subscription_id)]
        # In no order.
        found = {snapshot.reference.path: snapshot for snapshot in self._client.get_all(references)}
        user, snapshot = User.from_snapshot(found[references[0].path]), found[references[1].path]
        subscription = Subscription.from_snapshot(snapshot, self._defaults)
        if user is None or subscription is None:
            return None
        return Stored(user=user, subscription=subscription, document=snapshot.to_dict() or {})

    def change(self, user_id: str, subscription_id: str, decide: Decide) -> Change | None:
        """Read a subscription, decide, and write; start again if another program writes in between.

        Args:
            user_id: whose it is.
            subscription_id: its id.
            decide: returns what to write.

        Returns:
            what was changed; None where nothing was, or where user or subscription are gone.

        Raises:
            ChangedAllTheTime: other programs write it all the time.
        """
        for _ in range(_ATTEMPTS):
            stored = self.subscription(user_id, subscription_id)
            fields = decide(stored) if stored else {}
            if not stored or not fields:
                return None
            unchanged = self._client.write_option(last_update_time=stored.subscription.version)
            try:
                written = self._subscription(user_id, subscription_id).update(dict(fields), option=unchanged)
            except (FailedPrecondition, Aborted, NotFound):
                continue
            before = {name: stored.document.get(name) for name in fields}
            return Change(subscription_id=subscription_id, version=stored_version(written), before=before)
        raise ChangedAllTheTime

    def take_back(self, user_id: str, change: Change) -> bool:
        """Write what a subscription had before a change, if nothing else has changed it since.

        Returns:
            Whether it did.
        """
        unchanged = self._client.write_option(last_update_time=change.version)
        try:
            self._subscription(user_id, change.subscription_id).update(dict(change.before), option=unchanged)
        except (FailedPrecondition, Aborted, NotFound):
            return False
        return True

    def _user(self, user_id: str) -> Any:
        return self._client.collection(USERS).document(user_id)

    def _subscription(self, user_id: str, subscription_id: str) -> Any:
        return self._user(user_id).collection(SUBSCRIPTIONS).document(subscription_id)
