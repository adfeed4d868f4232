"""Sends one report of a subscription now, as a task of its own."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition
from google.api_core.exceptions import NotFound as NotFoundInFirestore
from google.cloud import firestore

from functions.shared.delivery import (
    DELIVERIES,
    Delivery,
    DeliveryState,
    new_task_fields,
    pending_fields,
    period_fields,
)
from functions.shared.ids import delivery_id, run_id, task_id
from functions.shared.mark import by_hand_fields, due_period, period_until
from functions.shared.period import Period
from functions.shared.report_task import ReportTask
from functions.shared.stored_fields import stored_version
from functions.shared.subscription import SUBSCRIPTIONS, Subscription
from functions.shared.subscription_documents import WRITTEN_FIRST
from functions.shared.task_queue import NewTask, TaskQueue
from functions.shared.user import USERS, User
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
    user: User, subscription: Subscription, *, client: firestore.Client, queue: TaskQueue, now: datetime
) -> EnqueuedReport:
    """Enqueue a subscription's report.

    If a report is due and not yet sent, it enqueues that one: the delivery record keeps it from going out twice. If no
    report is due, the subscription becomes due now, for a delivery of the time since the mark (functions.shared.mark);
    after it, the schedule goes on.

    Args:
        user: whose report it is.
        subscription: of which of the user's subscriptions.
        client: the Firestore client.
        queue: where the task goes.
        now: the present, in UTC.

    Raises:
        OperatorError: the worker would send nothing, or the queue refuses the task.
        google.api_core.exceptions.GoogleAPIError: Firestore or the queue did not answer or refused.
    """
    now = now.replace(microsecond=0)
    _check(user, subscription, now)
    standing = subscription.next_report_at
    is_due = standing is not None and standing <= now
    was_due = is_due and not _is_final(client, delivery_id(user.id, subscription.id, standing or now))
    due_at = standing if was_due and standing else now
    schedule = subscription.schedule(user)
    if was_due:
        period = due_period(subscription, schedule, due_at=due_at, run_time=now, now=now)
    elif (period := period_until(subscription, schedule, now)) is None:
        raise OperatorError(f"The reports of {user.id}/{subscription.id} cover everything until now.")
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
    opened = _open(client, task, now, period=period, task_name=new.task_id)
    # Before the task: a worker sends only the report that its subscription is due for.
    version = (
        subscription.version if was_due else _write(client, subscription, by_hand_fields(subscription, user, now=now))
    )
    [outcome] = queue.enqueue([new]) if version else [None]
    if outcome is None or not (outcome.is_created or outcome.is_known):
        if opened is not None:
            _withdraw(client, delivery, opened)
        if outcome is None:
            raise OperatorError(f"{user.id}/{subscription.id} was changed meanwhile: repeat this. Nothing is sent.")
        if not was_due:
            _write(client, subscription._replace(version=version), {"next_report_at": standing})
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


def _write(client: firestore.Client, subscription: Subscription, fields: Mapping[str, Any]) -> datetime | None:
    """Write fields of a subscription, unless it has changed since it was read.

    Returns:
        Its new version; None where it has changed.
    """
    document = client.document(f"{USERS}/{subscription.user_id}/{SUBSCRIPTIONS}/{subscription.id}")
    option = client.write_option(last_update_time=subscription.version)
    try:
        written: Any = document.update(dict(fields), option=option)
    except WRITTEN_FIRST:
        return None
    version: datetime = stored_version(written)
    return version


def _open(
    client: firestore.Client, task: ReportTask, now: datetime, *, period: Period | None, task_name: str
) -> datetime | None:
    """Note the delivery as pending, with the name of its task: should the task die without a trace, the dispatcher
    finds it.

    Returns:
        The record's version, None where there was one already.
    """
    record = {**pending_fields(task, now=now, by_hand=False, task_name=task_name), **period_fields(period)}
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


def _withdraw(client: firestore.Client, delivery: str, version: datetime) -> None:
    """Take the record back, unless something has happened to it since."""
    with contextlib.suppress(FailedPrecondition, NotFoundInFirestore):
        option = client.write_option(last_update_time=version)
        client.collection(DELIVERIES).document(delivery).delete(option=option)


def _is_final(client: firestore.Client, delivery: str) -> bool:
    found = Delivery.from_snapshot(client.collection(DELIVERIES).document(delivery).get())
    return found is not None and found.is_final
