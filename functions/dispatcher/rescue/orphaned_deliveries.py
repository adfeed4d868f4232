"""Finds orphaned deliveries: not final, their task gone, and their subscription no longer due for them.

Replays and reports sent by hand are of subscriptions that have moved on; the operator's command sets `by_hand` in the
delivery. Other subscriptions were paused or removed since a worker began with the report, or their application has set
another due time. The queries find all of them by their state and not by age: an index on `updated_at` would limit all
writes of deliveries to 500 a second. https://firebase.google.com/docs/firestore/best-practices#hotspots

An orphaned delivery gets a task like any other: the worker skips the report if its subscription is paused or gone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import structlog
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.rescue.policy import LOST_AFTER
from functions.dispatcher.rescue.queue_clock import QueueClock
from functions.shared.delivery import DELIVERIES, Delivery, DeliveryState
from functions.shared.ids import is_document_id
from functions.shared.subscription import SUBSCRIPTIONS, Subscription, SubscriptionDefaults
from functions.shared.user import USERS

_MOST = 5_000
"""How many deliveries of each sort a run looks at; the next run finds the others. Seldom are more under way: as many
`sending` as the queues dispatch at once, and as many `pending` as wait for a retry."""

_UNFINISHED = [state.value for state in DeliveryState if not state.is_final]

_logger = structlog.get_logger()


class OrphanedDelivery(NamedTuple):
    """An orphaned delivery, and its subscription, as it was due."""

    due: DueSubscription
    delivery: Delivery

    def idle(self, run_time: datetime, clock: QueueClock) -> timedelta:
        """How long the queues have worked since the delivery was last written."""
        return clock.between(self.delivery.updated_at or run_time, run_time)

    def is_lost(self, run_time: datetime, clock: QueueClock, *, restored_at: datetime | None = None) -> bool:
        """Whether no process has written it for so long that a person must look at it, after a restore of Firestore
        since then.

        Its due time does not matter here: an operator may replay a report that fell due long ago.
        """
        is_restored_of_late = restored_at is not None and clock.between(restored_at, run_time) < LOST_AFTER
        return self.idle(run_time, clock) >= LOST_AFTER and not is_restored_of_late


class OrphanedDeliveries:
    """Finds orphaned deliveries. This costs a read or two if no delivery is under way.

    Args:
        client: the Firestore client.
        run_time: the time that the run is for.
        clock: the queues'.
        defaults: what a subscription's document does not say.
    """

    def __init__(
        self, client: firestore.Client, *, run_time: datetime, clock: QueueClock, defaults: SubscriptionDefaults
    ) -> None:
        self._client = client
        self._run_time = run_time
        self._clock = clock
        self._defaults = defaults

    def find(self, retry_time: timedelta) -> list[OrphanedDelivery]:
        """Unfinished deliveries that no process has written for longer than a task is tried.

        Args:
            retry_time: how long a task is tried.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        deliveries = self._client.collection(DELIVERIES)
        queries = [
            deliveries.where(filter=FieldFilter("by_hand", "==", True)).where(
                filter=FieldFilter("state", "in", _UNFINISHED)
            ),
            *(deliveries.where(filter=FieldFilter("state", "==", state)) for state in _UNFINISHED),
        ]
        idle: dict[str, OrphanedDelivery] = {}
        for query in queries:
            for snapshot in query.limit(_MOST).stream():
                found = _read(snapshot)
                if found and found.idle(self._run_time, self._clock) >= retry_time:
                    idle[found.delivery.id] = found
        if not idle:
            return []
        subscriptions = self._subscriptions([found.due for found in idle.values()])
        return [
            found
            for found in idle.values()
            if not is_still_due(found.due, subscriptions.get((found.due.user_id, found.due.subscription_id)))
        ]

    def _subscriptions(self, dues: Sequence[DueSubscription]) -> dict[tuple[str, str], Subscription]:
        """The existing subscriptions, by the ids of user and subscription."""
        users = self._client.collection(USERS)
        references = [
            users.document(user_id).collection(SUBSCRIPTIONS).document(subscription_id)
            for user_id, subscription_id in {(due.user_id, due.subscription_id) for due in dues}
        ]
        snapshots = self._client.get_all(references, field_paths=["next_report_at"])
        found = (Subscription.from_snapshot(snapshot, self._defaults) for snapshot in snapshots)
        return {(subscription.user_id, subscription.id): subscription for subscription in found if subscription}


def is_still_due(due: DueSubscription, subscription: Subscription | None) -> bool:
    """Whether the run finds the report by its subscription's due time anyway. Pure.

    The run does not check whether the subscription and its user are active: it finds the subscription by its due time,
    and the worker skips the report.

    Args:
        due: the report's subscription, as it was due.
        subscription: as it is now; None where there is no document.
    """
    return subscription is not None and subscription.next_report_at == due.due_at


def _read(snapshot: Any) -> OrphanedDelivery | None:
    delivery = Delivery.from_snapshot(snapshot)
    if delivery and delivery.due_at and delivery.updated_at and delivery.kind:
        due_at = delivery.due_at.astimezone(UTC)
        due = DueSubscription(delivery.user_id, delivery.subscription_id, due_at, delivery.kind)
        is_named = is_document_id(due.user_id) and is_document_id(due.subscription_id)
        if is_named and due.delivery_id == delivery.id:
            return OrphanedDelivery(due, delivery)
    _logger.warning(
        "delivery_malformed", delivery_id=snapshot.id, hint="the pipeline did not make this document; it is left alone"
    )
    return None
