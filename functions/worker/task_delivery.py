"""The delivery of a task, and what an attempt needs to work on it. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from functions.shared.delivery import Delivery
from functions.shared.ids import time_of_run
from functions.shared.lateness import lateness_seconds
from functions.shared.period import Period
from functions.shared.report_task import ReportTask
from functions.shared.stored_request import KeptRequest
from functions.shared.subscription import Subscription
from functions.shared.user import User
from functions.worker.attempt import Attempt
from functions.worker.compose import addresses
from functions.worker.delivery_store import TaskDocuments
from functions.worker.mail.model import MailRecipient
from functions.worker.moving_on import first_period, moved_on, stands_before

Addressed = TypeVar("Addressed", MailRecipient, KeptRequest)


class TaskDelivery(NamedTuple):
    """The delivery of a task, and what an attempt needs to work on it.

    Attributes:
        task: the task.
        attempt: the queue's call.
        owner: the token of this attempt, which no other has.
        delivery: as it was read; None where there was none.
        user: as read; None where there is no such user.
        subscription: as read; None where there is no such subscription, or it is to be left alone.
        period: what the report covers; None where that cannot be told.
        is_outdated: whether it may have been sent although its record does not say so, since Firestore was restored
            (functions.shared.restored_copy).
    """

    task: ReportTask
    attempt: Attempt
    owner: str
    delivery: Delivery | None
    user: User | None
    subscription: Subscription | None
    period: Period | None
    is_outdated: bool = False

    @classmethod
    def from_documents(
        cls,
        task: ReportTask,
        attempt: Attempt,
        owner: str,
        documents: TaskDocuments,
        *,
        now: datetime,
        is_outdated: bool = False,
    ) -> "TaskDelivery":
        """What Firestore has about a task.

        Args:
            task: the task.
            attempt: the queue's call.
            owner: a token that no other attempt has.
            documents: the task's, as read.
            now: the present, in UTC.
            is_outdated: see the attribute.
        """
        delivery, user, subscription = documents.delivery, documents.user, documents.subscription
        work = cls(
            task=task,
            attempt=attempt,
            owner=owner,
            delivery=delivery,
            user=user,
            subscription=subscription,
            period=None,
            is_outdated=is_outdated,
        )
        # A task made by hand may name no run.
        run_time = time_of_run(task.run_id) or task.due_at
        # An attempt after an interrupted one, or a replay, covers what the first attempt covered.
        period = delivery.settled_period(max(task.due_at, run_time, now)) if delivery else None
        if period is None and subscription is not None:
            period = first_period(
                user,
                subscription,
                due_at=task.due_at,
                # What may have been sent before a restore covers nothing after its due time: the next report does.
                run_time=task.due_at if is_outdated else run_time,
                is_ahead=work._is_ahead(subscription),
            )
        return work._replace(period=period)

    def move_on(self, user: User | None, subscription: Subscription) -> Mapping[str, Any]:
        """The fields to write to the subscription when the delivery is final (functions.worker.moving_on.moved_on).

        Args:
            user: as it is now.
            subscription: as it is now.
        """
        if self.period is None or self._is_ahead(subscription):
            return {}
        return moved_on(user, subscription, due_at=self.task.due_at, period=self.period)

    def lateness_seconds(self, now: datetime) -> int | None:
        """How late the report is; None where an operator has it sent, which no schedule promises, and where it may have
        been sent before a restore of Firestore.

        Args:
            now: the present, in UTC.
        """
        by_hand = self.delivery is not None and self.delivery.by_hand
        return None if by_hand or self.is_outdated else lateness_seconds(self.task.due_at, now=now)

    def _is_ahead(self, subscription: Subscription) -> bool:
        """Whether the subscription is due for an earlier report, which must not be passed over. An operator who sends a
        report now has it cover everything until now."""
        is_by_hand = self.delivery is not None and self.delivery.by_hand and not self.is_outdated
        return stands_before(subscription, self.task.due_at) and not is_by_hand

    def still_wanted(self, addressed: Sequence[Addressed]) -> list[Addressed]:
        """Those of a mail's recipients, or of its requests, that the subscription still goes to.

        Args:
            addressed: those for whom the mail was built.
        """
        if self.user is None or self.subscription is None:
            return []
        wanted = {address.casefold() for address, _role in addresses(self.user, self.subscription)}
        return [each for each in addressed if each.address.casefold() in wanted]
