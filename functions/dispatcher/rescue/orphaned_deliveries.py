"""Finds orphaned deliveries: not final, their task gone, and their subscription no longer due for them.

Replays and reports sent by hand are of subscriptions that have moved on; the operator's command sets `by_hand` in the
delivery. Other subscriptions were paused or removed since a worker began with the report, or their application has set
another due time. The queries find all of them by their state and not by age: an index on `updated_at` would limit all
writes of deliveries to 500 a second. https://firebase.google.com/docs/firestore/best-practices#hotspots

An orphaned delivery gets a task like any other: the worker skips the report if its subscription is paused or gone.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.rescue.policy import LOST_AFTER
from functions.dispatcher.rescue.queue_clock import QueueClock
from functions.shared.delivery import Delivery
from functions.shared.delivery_store import DeliveryStore
from functions.shared.ids import KIND_PATTERN, is_document_id, run_id
from functions.shared.report_task import ReportTask
from functions.shared.subscription import Subscription

_MOST = 5_000
"""How many deliveries of each sort a run looks at; the next run finds the others. Seldom are more under way: as many
`sending` as the queues dispatch at once, and as many `pending` as wait for a retry."""


_logger = structlog.get_logger()


class OrphanedDelivery(NamedTuple):
    """An orphaned delivery, and its subscription, as it was due."""

    due: DueSubscription
    delivery: Delivery

    def idle(self, run_time: datetime, clock: QueueClock) -> timedelta:
        """How long the queues have worked since the delivery was last written."""
        return clock.between(self.delivery.updated_at or run_time, run_time)

    def is_lost(self, run_time: datetime, clock: QueueClock) -> bool:
        """Whether no process has written it for so long that a person must look at it, after a restore of Firestore
        since then.

        Its due time does not matter here: an operator may replay a report that fell due long ago.
        """
        restored_at = self.delivery.restored_at
        is_restored_of_late = restored_at is not None and clock.between(restored_at, run_time) < LOST_AFTER
        return self.idle(run_time, clock) >= LOST_AFTER and not is_restored_of_late


class OrphanedDeliveries:
    """Finds orphaned deliveries. This costs a read or two if no delivery is under way.

    Args:
        deliveries: reads them.
        run_time: the time that the run is for.
        clock: the queues'.
    """

    def __init__(self, deliveries: DeliveryStore, *, run_time: datetime, clock: QueueClock) -> None:
        self._deliveries = deliveries
        self._run_time = run_time
        self._clock = clock

    def find(self, retry_time: timedelta) -> list[OrphanedDelivery]:
        """Unfinished deliveries that no process has written for longer than a task is tried.

        Args:
            retry_time: how long a task is tried.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        idle: dict[ReportTask, OrphanedDelivery] = {}
        for delivery in self._deliveries.unfinished(_MOST):
            found = _read(delivery)
            if found and found.idle(self._run_time, self._clock) >= retry_time:
                idle[found.due.task(run_id(self._run_time))] = found
        documents = self._deliveries.read_many(idle) if idle else {}
        return [found for task, found in idle.items() if not is_still_due(found.due, documents[task][1])]


def is_still_due(due: DueSubscription, subscription: Subscription | None) -> bool:
    """Whether the run finds the report by its subscription's due time anyway. Pure.

    The run does not check whether the subscription and its user are active: it finds the subscription by its due time,
    and the worker skips the report.

    Args:
        due: the report's subscription, as it was due.
        subscription: as it is now; None where there is no document.
    """
    return subscription is not None and subscription.next_report_at == due.due_at


def _read(delivery: Delivery) -> OrphanedDelivery | None:
    if delivery.due_at and delivery.updated_at and delivery.kind:
        due_at = delivery.due_at.astimezone(UTC)
        due = DueSubscription(delivery.user_id, delivery.subscription_id, due_at, delivery.kind)
        is_named = is_document_id(due.user_id) and is_document_id(due.subscription_id)
        if is_named and due.delivery_id == delivery.id and re.fullmatch(KIND_PATTERN, due.kind):
            return OrphanedDelivery(due, delivery)
    _logger.warning(
        "delivery_malformed", delivery_id=delivery.id, hint="the pipeline did not make this document; it is left alone"
    )
    return None
