"""Sends one report of a subscription now, as a task of its own."""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition
from google.api_core.exceptions import NotFound as NotFoundInFirestore

from functions.shared.databases import PipelineDatabase
from functions.shared.delivery import DELIVERIES, Delivery, DeliveryState, new_task_fields, pending_fields
from functions.shared.ids import delivery_id, run_id, task_id
from functions.shared.report_task import ReportTask
from functions.shared.subscription import SUBSCRIPTIONS, Subscription
from functions.shared.task_queue import NewTask, TaskQueue
from functions.shared.user import User
from operations.errors import OperatorError


@dataclass(frozen=True, kw_only=True)
class EnqueuedReport:
    """A report that was enqueued by hand.

    Attributes:
        delivery_id: its delivery.
        task: the task's id.
        due_at: the delivery's due time.
        was_due: whether this is the report that was due anyway, ahead of its own task.
    """

    delivery_id: str
    task: str
    due_at: datetime
    was_due: bool


def send_now(
    user: User, subscription: Subscription, *, client: PipelineDatabase, queue: TaskQueue, now: datetime
) -> EnqueuedReport:
    """Enqueue a subscription's report.

    If a report is due and not yet sent, it enqueues that one: the delivery record keeps it from going out twice. If no
    report is due, it makes a delivery that is due now and covers the time since the last one; the schedule stays.

    Args:
        user: whose report it is.
        subscription: of which of the user's subscriptions.
        client: of the pipeline's database.
        queue: where the task goes.
        now: the present, in UTC.

    Raises:
        OperatorError: the worker would send nothing, or the queue refuses the task.
        google.api_core.exceptions.GoogleAPIError: Firestore or the queue did not answer or refused.
    """
    now = now.replace(microsecond=0)
    _check(user, subscription, now)
    due_at, was_due = now, False
    if subscription.next_report_at is not None and subscription.next_report_at <= now:
        was_due = not _is_final(client, delivery_id(user.id, subscription.id, subscription.next_report_at))
        due_at = subscription.next_report_at if was_due else now
    delivery = delivery_id(user.id, subscription.id, due_at)
    task = ReportTask(
        user_id=user.id,
        subscription_id=subscription.id,
        delivery_id=delivery,
        due_at=due_at,
        run_id=run_id(now),
        kind=subscription.kind,
    )
    new = NewTask(task_id(delivery, f"send{run_id(now)}"), task.to_json())
    opened = _open(client, task, now, by_hand=not was_due, task_name=new.task_id)
    [outcome] = queue.enqueue([new])
    if not (outcome.is_created or outcome.is_known):
        if opened is not None:
            _withdraw(client, delivery, opened)
        raise OperatorError(f"The queue {queue.queue} does not take the task: {outcome.status} {outcome.message}")
    return EnqueuedReport(delivery_id=delivery, task=new.task_id, due_at=due_at, was_due=was_due)


def _check(user: User, subscription: Subscription, now: datetime) -> None:
    """See whether the worker would send a report."""
    document = f"users/{user.id}/{SUBSCRIPTIONS}/{subscription.id}"
    if user.problem:
        raise OperatorError(f"users/{user.id}: {user.problem}")
    if not user.active:
        raise OperatorError(f"users/{user.id}: active is false, so the worker would send nothing.")
    if subscription.problem:
        raise OperatorError(f"{document}: {subscription.problem}")
    if subscription.is_paused(now):
        because = f" ({subscription.paused_because})" if subscription.paused_because else ""
        raise OperatorError(
            f"{document} is paused{because}, so the worker would send nothing: reports subscriptions resume."
        )


def _open(
    client: PipelineDatabase, task: ReportTask, now: datetime, *, by_hand: bool, task_name: str
) -> datetime | None:
    """Note the delivery as pending, with the name of its task: should the task die without a trace, the dispatcher
    finds it.

    Returns:
        The record's version, None where there was one already.
    """
    record = pending_fields(task, now=now, by_hand=by_hand, task_name=task_name)
    document = client.collection(DELIVERIES).document(task.delivery_id)
    try:
        written: Any = document.create(record)
    except AlreadyExists:
        delivery = Delivery.from_snapshot(document.get())
        # One that a worker has claimed stays as it is: the worker's next write is conditional on that.
        if delivery is not None and delivery.state is DeliveryState.PENDING:
            with contextlib.suppress(FailedPrecondition, NotFoundInFirestore):
                unchanged = client.write_option(last_update_time=delivery.version)
                document.update(new_task_fields(task_name), option=unchanged)
        return None
    version: datetime = written.update_time
    return version


def _withdraw(client: PipelineDatabase, delivery: str, version: datetime) -> None:
    """Take the record back, unless something has happened to it since."""
    with contextlib.suppress(FailedPrecondition, NotFoundInFirestore):
        option = client.write_option(last_update_time=version)
        client.collection(DELIVERIES).document(delivery).delete(option=option)


def _is_final(client: PipelineDatabase, delivery: str) -> bool:
    found = Delivery.from_snapshot(client.collection(DELIVERIES).document(delivery).get())
    return found is not None and found.is_final
