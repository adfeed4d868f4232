"""Reads and changes subscriptions one at a time. Each write is conditional on the version that was read."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from functions.shared.firestore.database import Database
from functions.shared.firestore.write import Write, update
from functions.shared.records.subscription import Subscription, SubscriptionDefaults, subscription_path
from functions.shared.records.user import USERS, User


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
        database: the Firestore database.
        defaults: what a document does not say.
    """

    def __init__(self, database: Database, defaults: SubscriptionDefaults) -> None:
        self._database = database
        self._defaults = defaults

    def read(self, user_id: str, subscription_id: str) -> StoredSubscription | None:
        """A subscription and its user, by one call; None where there is no such subscription."""
        places = f"{USERS}/{user_id}", subscription_path(user_id, subscription_id)
        found = self._database.get_all(places)
        user, subscription = (found[path] for path in places)
        read = Subscription.from_snapshot(subscription, self._defaults)
        if read is None:
            return None
        return StoredSubscription(User.from_snapshot(user), read, subscription.fields or {})

    def change(
        self,
        user_id: str,
        subscription_id: str,
        decide: Callable[[StoredSubscription], Mapping[str, Any]],
        *,
        also: Callable[[Mapping[str, Any]], Sequence[Write]] = lambda _fields: (),
    ) -> WrittenChange | None:
        """Read a subscription, decide, and write; start again if another program writes in between.

        Args:
            user_id: whose it is.
            subscription_id: its id.
            decide: returns the fields to write; none for no change. Called again after each read.
            also: what to write beside these fields, both or neither.

        Returns:
            None where there is no such subscription.

        Raises:
            functions.shared.firestore.errors.ChangedMeanwhile: other programs write it all the time.
        """

        def turn() -> tuple[WrittenChange | None, list[Write]]:
            stored = self.read(user_id, subscription_id)
            if stored is None:
                return None, []
            fields = decide(stored)
            path = subscription_path(user_id, subscription_id)
            writes = [update(path, fields, stored.subscription.version), *also(fields)] if fields else []
            return WrittenChange(before=stored, fields=fields), writes

        change, version = self._database.written(turn)
        return change and change._replace(version=version)
