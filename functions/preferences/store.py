"""Reads and changes a recipient's subscriptions. Each write is conditional on the version that was read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.preferences.undo import Change, before_change
from functions.shared.firestore.database import Database
from functions.shared.firestore.outcomes import keep
from functions.shared.firestore.query import Query
from functions.shared.firestore.subscription_documents import StoredSubscription, SubscriptionDocuments
from functions.shared.firestore.write import Write
from functions.shared.mail.recipient_token import RecipientToken
from functions.shared.records.outcome import WishOutcome, wish_outcome
from functions.shared.records.recipient_changes import RECIPIENT_CHANGES, noted_fields
from functions.shared.records.recipient_pauses import Stored
from functions.shared.records.subscription import (
    Subscription,
    SubscriptionDefaults,
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
        keeps_outcomes: whether the team's application is to be told of the changes: each is kept with its change, and
            the next run tells it (functions.shared.firestore.outcomes).
    """

    def __init__(self, database: Database, defaults: SubscriptionDefaults, *, keeps_outcomes: bool = False) -> None:
        self._database = database
        self._defaults = defaults
        self._keeps_outcomes = keeps_outcomes
        self._documents = SubscriptionDocuments(database, defaults)

    def account(self, user_id: str) -> Account | None:
        """A user and the subscriptions; None where there is no such user."""
        user = User.from_snapshot(self._database.get(f"{USERS}/{user_id}"))
        if user is None:
            return None
        found = self._database.stream(Query.of(subscriptions_of(user_id)).limit(MOST_SUBSCRIPTIONS))
        read = (Subscription.from_snapshot(each, self._defaults) for each in found)
        return Account(user=user, subscriptions=[subscription for subscription in read if subscription])

    def subscription_ids(self, user_id: str) -> list[str]:
        """The ids of all subscriptions of a user, also of those that no page shows."""
        return [found.id for found in self._database.stream(Query.of(subscriptions_of(user_id)).select([]))]

    def subscription(self, user_id: str, subscription_id: str) -> Stored | None:
        """A subscription and its user; None where one of them is gone."""
        return _whole(self._documents.read(user_id, subscription_id))

    def change(
        self, token: RecipientToken, wish: str, decide: Decide, *, now: datetime, outlives_user: bool = False
    ) -> Change | None:
        """Read a subscription, decide, and write, with a note of it; start again if another program writes in between.

        Args:
            token: of the link: which subscription, and who asks for the change.
            wish: what the recipient asks for.
            decide: returns what to write.
            now: the present, in UTC.
            outlives_user: whether it holds also while there is no such user: the application may make the user again.

        Returns:
            what was changed; None if nothing was, or if user or subscription are gone.

        Raises:
            ChangedMeanwhile: other programs write it all the time.
        """

        def decide_for_user(found: StoredSubscription) -> Mapping[str, Any]:
            stored = _whole(found, User(id=token.user_id) if outlives_user else None)
            return noted_fields(found.document, wish, decide(stored) if stored else {}, now=now)

        user_id, subscription_id, _copy_of = token
        change = self._documents.change(
            user_id, subscription_id, decide_for_user, also=lambda fields: self._kept(token, wish, fields, now=now)
        )
        if change is None or change.version is None:
            return None
        found = change.before
        names = change.fields.keys() - {RECIPIENT_CHANGES}
        before = before_change(found.subscription, found.document, names, at=change.version)
        return Change(subscription_id=subscription_id, version=change.version, before=before)

    def take_back(self, token: RecipientToken, wish: str, change: Change, *, now: datetime) -> bool:
        """Write what a subscription of the link's user had before a change, if nothing else has changed it since, with
        a note of it.

        Returns:
            Whether it did.

        Raises:
            ChangedMeanwhile: other programs write it all the time.
        """

        def decide(found: StoredSubscription) -> Mapping[str, Any]:
            is_as_left = found.subscription.version == change.version
            return noted_fields(found.document, wish, change.before if is_as_left else {}, now=now)

        of = token._replace(subscription_id=change.subscription_id)
        written = self._documents.change(
            of.user_id, of.subscription_id, decide, also=lambda fields: self._kept(of, wish, fields, now=now)
        )
        return written is not None and written.version is not None

    def _kept(self, token: RecipientToken, wish: str, fields: Mapping[str, Any], *, now: datetime) -> list[Write]:
        """What keeps the event about a change until it is told."""
        if not self._keeps_outcomes:
            return []
        about = WishOutcome(
            user_id=token.user_id,
            subscription_id=token.subscription_id,
            wish=wish,
            recipient=token.copy_of or None,
            fields=sorted(fields.keys() - {RECIPIENT_CHANGES}),
        )
        return [keep(wish_outcome(about, at=now))]


def _whole(found: StoredSubscription | None, gone: User | None = None) -> Stored | None:
    """A subscription whose user exists, or has this one in place of the one who is gone."""
    user = found and (found.user or gone)
    if found is None or user is None:
        return None
    return Stored(user=user, subscription=found.subscription, document=found.document)
