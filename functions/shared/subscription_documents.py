"""Reads and changes subscriptions one at a time. Each write is conditional on the version that was read."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from google.api_core.exceptions import Aborted, FailedPrecondition, NotFound
from google.cloud import firestore

from functions.shared.stored_fields import stored_version
from functions.shared.subscription import SUBSCRIPTIONS, Subscription, SubscriptionDefaults
from functions.shared.user import USERS, User

WRITTEN_FIRST = (FailedPrecondition, Aborted, NotFound)
"""How Firestore refuses a conditional write because another program has written or deleted the document."""

_ATTEMPTS = 10
"""How often to work out a change again: a worker moves a subscription on only once for each report."""


class ChangedAllTheTime(Exception):
    """Other programs wrote the document before each attempt."""


class StoredSubscription(NamedTuple):
    """A subscription and its user, both as they were at one moment.

    Attributes:
        user: None where there is no such user.
        subscription: what the document says.
        document: its fields.
    """

    user: User | None
    subscription: Subscription
    document: Mapping[str, Any]


class WrittenChange(NamedTuple):
    """What a change has come to.

    Attributes:
        before: what the change was worked out from.
        fields: what was written; none where there was nothing to change.
        version: the update time of the document that has them; None where nothing was written.
    """

    before: StoredSubscription
    fields: Mapping[str, Any]
    version: datetime | None = None


class SubscriptionDocuments:
    """The documents of subscriptions. Safe for threads. Every method raises GoogleAPICallError if Firestore does not
    answer or refuses.

    Args:
        client: the Firestore client.
        defaults: what a document does not say.
    """

    def __init__(self, client: firestore.Client, defaults: SubscriptionDefaults) -> None:
        self._client = client
        self._defaults = defaults

    def reference(self, user_id: str, subscription_id: str) -> Any:
        """The document of a subscription."""
        return self._user(user_id).collection(SUBSCRIPTIONS).document(subscription_id)

    def unchanged_since(self, version: datetime | None) -> Any:
        """The condition of a write: that the document is as it was read.

        Args:
            version: its update time.
        """
        return self._client.write_option(last_update_time=version)

    def read(self, user_id: str, subscription_id: str) -> StoredSubscription | None:
        """A subscription and its user, by one call; None where there is no such subscription."""
        references = [self._user(user_id), self.reference(user_id, subscription_id)]
        # In no order.
        found = {snapshot.reference.path: snapshot for snapshot in self._client.get_all(references)}
        user, snapshot = User.from_snapshot(found[references[0].path]), found[references[1].path]
        subscription = Subscription.from_snapshot(snapshot, self._defaults)
        if subscription is None:
            return None
        return StoredSubscription(user=user, subscription=subscription, document=snapshot.to_dict() or {})

    def change(
        self, user_id: str, subscription_id: str, decide: Callable[[StoredSubscription], Mapping[str, Any]]
    ) -> WrittenChange | None:
        """Read a subscription, decide, and write; start again if another program writes in between.

        Args:
            user_id: whose it is.
            subscription_id: its id.
            decide: returns the fields to write; none for no change. Called again after each read.

        Returns:
            None where there is no such subscription.

        Raises:
            ChangedAllTheTime: other programs write it all the time.
        """
        for _ in range(_ATTEMPTS):
            stored = self.read(user_id, subscription_id)
            if stored is None:
                return None
            fields = decide(stored)
            if not fields:
                return WrittenChange(before=stored, fields={})
            option = self.unchanged_since(stored.subscription.version)
            try:
                written = self.reference(user_id, subscription_id).update(dict(fields), option=option)
            except WRITTEN_FIRST:
                continue
            return WrittenChange(before=stored, fields=fields, version=stored_version(written))
        raise ChangedAllTheTime

    def _user(self, user_id: str) -> Any:
        return self._client.collection(USERS).document(user_id)
