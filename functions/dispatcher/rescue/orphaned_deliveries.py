"""Finds orphaned deliveries: not final, their task gone, and their user no longer due for them.

Replays and reports sent by hand are of users who have moved on; the operator's command sets `by_hand` in the delivery.
Other users have become inactive or were deleted since a worker began with the report, or their application has set
another due time. The queries find all of them by their state and not by age: an index on `updated_at` would limit all
writes of deliveries to 500 a second. https://firebase.google.com/docs/firestore/best-practices#hotspots
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import structlog
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dispatcher.due_user import DueUser
from functions.dispatcher.rescue.policy import LOST_AFTER
from functions.dispatcher.rescue.queue_clock import QueueClock
from functions.shared.delivery import DELIVERIES, Delivery, DeliveryState
from functions.shared.ids import delivery_id, is_document_id

_MOST = 5_000
"""How many deliveries of each sort a run looks at; the next run finds the others. Seldom are more under way: as many
`sending` as the queues dispatch at once, and as many `pending` as wait for a retry."""

_UNFINISHED = [state.value for state in DeliveryState if not state.is_final]

_logger = structlog.get_logger()


class OrphanedDelivery(NamedTuple):
    """An orphaned delivery, and the user whose it is, at its due time."""

    user: DueUser
    delivery: Delivery

    def idle(self, run_time: datetime, clock: QueueClock) -> timedelta:
        """How long the queues have worked since the delivery was last written."""
        return clock.between(self.delivery.updated_at or run_time, run_time)

    def is_lost(self, run_time: datetime, clock: QueueClock) -> bool:
        """Whether it has been left alone for so long that a person has to look at it.

        Its due time says nothing here: a replay may be of a report that fell due long ago.
        """
        return self.idle(run_time, clock) >= LOST_AFTER


class OrphanedDeliveries:
    """Finds them, at the price of a read or two where nothing is under way.

    Args:
        client: the Firestore client.
        run_time: the time that the run is for.
        clock: the queues'.
    """

    def __init__(self, client: firestore.Client, *, run_time: datetime, clock: QueueClock) -> None:
        self._client = client
        self._run_time = run_time
        self._clock = clock

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
        users = self._client.collection("users")
        references = [users.document(user_id) for user_id in {found.user.user_id for found in idle.values()}]
        documents = {
            snapshot.id: snapshot.to_dict()
            for snapshot in self._client.get_all(references, field_paths=["active", "next_report_at"])
        }
        return [found for found in idle.values() if not is_still_due(found.user, documents.get(found.user.user_id))]


def is_still_due(user: DueUser, document: Mapping[str, Any] | None) -> bool:
    """Whether the run finds the report by its user's due time anyway. Pure.

    Args:
        user: whose report.
        document: the user's document; None where there is none.
    """
    return document is not None and document.get("active") is True and document.get("next_report_at") == user.due_at


def _read(snapshot: Any) -> OrphanedDelivery | None:
    delivery = Delivery.from_snapshot(snapshot)
    if delivery and delivery.due_at and delivery.updated_at and delivery.kind and is_document_id(delivery.user_id):
        due_at = delivery.due_at.astimezone(UTC)
        if delivery_id(delivery.user_id, due_at) == delivery.id:
            return OrphanedDelivery(DueUser(delivery.user_id, due_at, delivery.kind), delivery)
    _logger.warning(
        "delivery_malformed", delivery_id=snapshot.id, hint="the pipeline did not make this document; it is left alone"
    )
    return None
