"""Sends one report of a subscription now, as a task of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.firestore.delivery_store import DeliveryChanged, DeliveryStore, Occasion, TaskDocuments
from functions.shared.queues.task_queue import NewTask, TaskQueue
from functions.shared.records.delivery import Delivery
from functions.shared.records.delivery_table import TaskMade
from functions.shared.records.ids import run_id, task_id
from functions.shared.records.mark import by_hand_fields, due_period, period_until
from functions.shared.records.report_task import ReportTask
from functions.shared.records.states import DeliveryState
from functions.shared.records.subscription import Subscription, SubscriptionDefaults, subscription_path
from functions.shared.records.user import User
from operations.errors import OperatorError


@dataclass(frozen=True, kw_only=True)
class EnqueuedReport:
    """A report that was enqueued by hand.

    Attributes:
        was_due: whether this is the report that was due anyway, ahead of its own task.
    """

    delivery_id: str
    task: str
    due_at: datetime
    was_due: bool


def send_now(
    user: User,
    subscription: Subscription,
    *,
    database: Database,
    defaults: SubscriptionDefaults,
    queue: TaskQueue,
    now: datetime,
    by_next: bool = False,
) -> EnqueuedReport:
    """Enqueue a subscription's report.

    If a report is due and not yet sent, it enqueues that one: the delivery record keeps it from going out twice. If no
    report is due, the subscription becomes due now, for a delivery of the time since the mark
    (functions.shared.records.mark); after it, the schedule goes on.

    Args:
        by_next: whether the next version of the kind is to make it.

    Raises:
        OperatorError: the worker would send nothing, or is sending it already, or the queue refuses the task.
        google.api_core.exceptions.GoogleAPIError: Firestore or the queue did not answer or refused.
    """
    now = now.replace(microsecond=0)
    _check(user, subscription, now)
    deliveries, standing = DeliveryStore(database, defaults), subscription.next_report_at
    task_due_at = partial(ReportTask.of, user.id, subscription.id, run_id=run_id(now), kind=subscription.kind)
    task = task_due_at(standing if standing and standing <= now else now)
    delivery = deliveries.read_delivery(task)
    if delivery and delivery.is_final:
        task, delivery = task_due_at(now), None
    new = NewTask(task_id(task.delivery_id, f"send{run_id(now)}"), task.to_json())
    made = TaskMade(new.task_id, by_next)
    noted = _note(deliveries, TaskDocuments(delivery, user, subscription), task, made, now)
    [outcome] = queue.enqueue([new])
    if not outcome.is_made:
        if delivery is None:
            _take_back(deliveries, noted, task, standing)
        raise OperatorError(f"The queue {queue.queue} does not take the task: {outcome.status} {outcome.message}")
    return EnqueuedReport(
        delivery_id=task.delivery_id, task=new.task_id, due_at=task.due_at, was_due=task.due_at == standing
    )


def _note(
    deliveries: DeliveryStore, documents: TaskDocuments, task: ReportTask, made: TaskMade, now: datetime
) -> Delivery:
    """Note the delivery, with the name of its task: should the task die without a trace, the dispatcher finds it.

    In the same commit the subscription becomes due for it: a worker sends only the report that its subscription is due
    for.
    """
    delivery, user, subscription = documents
    assert subscription is not None  # noqa: S101  it is the caller's
    if delivery and delivery.state is not DeliveryState.PENDING:
        # One that a worker has claimed stays as it is: the worker's next write is conditional on that.
        if made.by_next:
            raise OperatorError(f"A worker has begun to send this report already: {task.delivery_id}.")
        return delivery
    schedule, move = subscription.schedule(user), None
    if subscription.next_report_at == task.due_at:
        period = due_period(subscription, schedule, due_at=task.due_at, run_time=now, now=now)
    elif period := period_until(subscription, schedule, now):
        move = partial(_due_now, read=subscription.version, now=now)
    else:
        raise OperatorError(f"The reports of {task.user_id}/{task.subscription_id} cover everything until now.")
    period = None if delivery else period
    try:
        return deliveries.write(task, documents, made, Occasion(now, period), move=move)
    except DeliveryChanged:
        raise _changed(subscription) from None


def _due_now(
    user: User | None, subscription: Subscription, *, read: datetime | None, now: datetime
) -> Mapping[str, Any]:
    if subscription.version != read:
        raise _changed(subscription)
    return by_hand_fields(subscription, user, now=now)


def _changed(subscription: Subscription) -> OperatorError:
    return OperatorError(
        f"{subscription.user_id}/{subscription.id} was changed meanwhile: repeat this. Nothing is sent."
    )


def _take_back(deliveries: DeliveryStore, noted: Delivery, task: ReportTask, standing: datetime | None) -> None:
    """Take the record back, unless something has happened to it since, and the due time."""

    def move(_user: User | None, subscription: Subscription) -> Mapping[str, Any]:
        return {"next_report_at": standing} if subscription.next_report_at == task.due_at != standing else {}

    deliveries.withdraw(task, noted)
    deliveries.move(task, move)


def _check(user: User, subscription: Subscription, now: datetime) -> None:
    """See whether the worker would send a report."""
    document = subscription_path(user.id, subscription.id)
    if problem := subscription.problem_of(user):
        raise OperatorError(f"users/{user.id}: {problem}")
    if not user.active:
        raise OperatorError(f"users/{user.id}: active is false, so the worker would send nothing.")
    if subscription.problem:
        raise OperatorError(f"{document}: {subscription.problem}")
    if subscription.is_paused(now):
        because = f" ({subscription.paused_because})" if subscription.paused_because else ""
        raise OperatorError(
            f"{document} is paused{because}, so the worker would send nothing: reports subscriptions resume."
        )
