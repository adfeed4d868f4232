"""Keeps emails from addresses that bounce or want none: has the user's subscriptions leave the address out, and pauses
those that are for nobody else."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog
from google.api_core import exceptions
from google.cloud import firestore

from functions.mail_events.address_events import fields_for_event
from functions.mail_events.firestore_calls import ONE_CALL, RETRY
from functions.shared.mail_event import MailEvent
from functions.shared.subscription import SUBSCRIPTIONS, Subscription, SubscriptionDefaults
from functions.shared.subscription_documents import WRITTEN_FIRST
from functions.shared.user import USERS, User

_MOST_SUBSCRIPTIONS = 400
"""How many subscriptions of a user are looked at. What goes to the address besides is dropped by the provider."""

_MOST_TRIES = 5

_logger = structlog.get_logger()


class News(NamedTuple):
    """An event, and the subscription that its email is of."""

    event: MailEvent
    subscription_id: str


class AddressPauses:
    """Pauses what goes to an address. Safe for threads.

    Args:
        client: the Firestore client.
        defaults: what a subscription's document does not say.
    """

    def __init__(self, client: firestore.Client, defaults: SubscriptionDefaults) -> None:
        self._client: Any = client  # whose types know of no timeouts other than numbers
        self._defaults = defaults

    def apply(self, user_id: str, news: Sequence[News]) -> None:
        """Carry out what events mean for a user's subscriptions. A second time it changes nothing.

        Args:
            user_id: whose deliveries the events are of.
            news: the events that have `pauses`, in any order.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore failed, or others kept writing the documents.
        """
        for each in sorted(news, key=lambda each: (each.event.at, each.event.recipient)):
            event, changed = each.event, self._apply(user_id, each)
            paused = sum("active" in fields for fields in changed)
            if changed:
                _logger.info(
                    "address_paused",
                    user_id=user_id,
                    delivery_id=event.delivery_id,
                    reason=event.pauses and event.pauses.value,
                    paused=paused,
                    left_out=len(changed) - paused,
                )

    def _apply(self, user_id: str, news: News) -> list[Any]:
        reference = self._client.collection(USERS).document(user_id)
        for _ in range(_MOST_TRIES):
            user = User.from_snapshot(reference.get(retry=RETRY, timeout=ONE_CALL))
            found = reference.collection(SUBSCRIPTIONS).limit(_MOST_SUBSCRIPTIONS).stream(retry=RETRY, timeout=ONE_CALL)
            batch, changed = self._client.batch(), []
            for snapshot in found:
                subscription = Subscription.from_snapshot(snapshot, self._defaults)
                if subscription is None:
                    continue
                is_of_it = subscription.id == news.subscription_id
                fields = fields_for_event(user, subscription, news.event, is_of_it=is_of_it, now=datetime.now(UTC))
                if fields:
                    option = self._client.write_option(last_update_time=subscription.version)
                    batch.update(snapshot.reference, dict(fields), option=option)
                    changed.append(fields)
            if not changed:
                return []
            try:
                batch.commit(retry=RETRY, timeout=ONE_CALL)
            except WRITTEN_FIRST:
                continue
            return changed
        raise exceptions.Aborted("others kept writing the subscriptions")  # type: ignore[no-untyped-call]
