"""Finds overdue deliveries whose subscription is no longer due for them: not final, and their task gone.

Replays and reports sent by hand are of subscriptions that have moved on; the operator's command sets `by_hand` in the
delivery. Other subscriptions were paused or removed since a worker began with the report, or their application has set
another due time. The queries find all of them by their state and not by age: an index on `updated_at` would limit all
writes of deliveries to 500 a second. https://firebase.google.com/docs/firestore/best-practices#hotspots

Such a delivery gets a task like any other: the worker skips the report if its subscription is paused or gone.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from functions.dispatcher.due_subscription import DueSubscription
from functions.shared.firestore.delivery_store import DeliveryStore
from functions.shared.records.delivery import Delivery
from functions.shared.records.ids import KIND_PATTERN, is_document_id, run_id
from functions.shared.records.subscription import Subscription

_MOST = 5_000
"""How many deliveries of each sort a run looks at; the next run finds the others. Seldom are more under way: as many
`sending` as the queues dispatch at once, and as many `pending` as wait for a retry."""

_logger = structlog.get_logger()


def overdue_deliveries(
    deliveries: DeliveryStore, *, run_time: datetime, retry_time: timedelta, paused: Sequence[str]
) -> list[tuple[DueSubscription, Delivery]]:
    """Unfinished deliveries that no process has written for longer than a task is tried, and their subscriptions, as
    they were due. This costs a read or two if no delivery is under way.

    Args:
        deliveries: reads them.
        run_time: the time that the run is for.
        retry_time: how long a task is tried.
        paused: the kinds that are paused. Of these only what a worker may have sent is looked for: the worker settles
            that.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
    """
    idle = {}
    for delivery in deliveries.unfinished(_MOST, paused=paused):
        due = _due(delivery)
        if due and delivery.updated_at and run_time - delivery.updated_at >= retry_time:
            idle[due.task(run_id(run_time))] = due, delivery
    documents = deliveries.read_many(idle) if idle else {}
    # What is due of a paused kind is held.
    return [
        found for task, found in idle.items() if task.kind in paused or not is_still_due(found[0], documents[task][1])
    ]


def is_still_due(due: DueSubscription, subscription: Subscription | None) -> bool:
    """Whether the run finds the report by its subscription's due time anyway. Pure.

    The run does not check whether the subscription and its user are active: it finds the subscription by its due time,
    and the worker skips the report.

    Args:
        due: the report's subscription, as it was due.
        subscription: as it is now; None where there is no document.
    """
    return subscription is not None and subscription.next_report_at == due.due_at


def _due(delivery: Delivery) -> DueSubscription | None:
    if delivery.due_at and delivery.updated_at and delivery.kind:
        due_at = delivery.due_at.astimezone(UTC)
        due = DueSubscription(delivery.user_id, delivery.subscription_id, due_at, delivery.kind)
        is_named = is_document_id(due.user_id) and is_document_id(due.subscription_id)
        if is_named and due.delivery_id == delivery.id and re.fullmatch(KIND_PATTERN, due.kind):
            return due
    _logger.warning(
        "delivery_malformed", delivery_id=delivery.id, hint="the pipeline did not make this document; it is left alone"
    )
    return None
