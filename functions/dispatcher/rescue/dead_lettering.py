"""Gives up reports that the pipeline will not send by itself: publishes a dead letter for each."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.rescue.delivery_store import RescueDeliveryStore
from functions.dispatcher.run_counters import RunCounters
from functions.shared.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.dead_letter_topic import DeadLetterTopic, PublishRefused
from functions.shared.delivery import Delivery, DeliveryFailure
from functions.shared.restored_copy import is_outdated
from functions.shared.run import RunCounter

_THREADS = 16

_logger = structlog.get_logger()


class LostReport(NamedTuple):
    """A report to give up.

    Attributes:
        due: the report's subscription.
        delivery: its delivery as it was read; None where there was none.
        failure: why.
    """

    due: DueSubscription
    delivery: Delivery | None
    failure: DeliveryFailure


def failure_of_lost(
    due: DueSubscription,
    delivery: Delivery | None,
    *,
    run_time: datetime,
    now: datetime,
    is_outdated: bool = False,
) -> DeliveryFailure:
    """The failure of a report that has been due for too long. Pure.

    If another process began to give the report up, its failure holds. If a worker may have sent the report, as its
    delivery says or as a restore of Firestore has forgotten, the dead letter must not say that the report was not sent:
    an operator who replays a lost report means to send it for the first time.

    Args:
        due: the report's subscription.
        delivery: the report's; None where there is none.
        run_time: the time of the run that gives it up.
        now: the present, in UTC.
        is_outdated: whether it may have been sent before a restore of Firestore.
    """
    if delivery and not is_outdated and (settled := delivery.failure):
        return settled
    hours = (run_time - due.due_at) // timedelta(hours=1)
    if is_outdated:
        return DeliveryFailure(
            reason=DeadLetterReason.UNKNOWN_OUTCOME,
            error=f"it may have been sent before Firestore was restored, and {hours} hours after it was due no worker "
            "has found that out",
            failed_at=now,
        )
    if delivery and delivery.is_in_doubt:
        return DeliveryFailure(
            reason=DeadLetterReason.UNKNOWN_OUTCOME,
            error=f"a worker began to send it, and {hours} hours after it was due no worker has said how that went",
            failed_at=now,
        )
    return DeliveryFailure(
        reason=DeadLetterReason.LOST,
        error=f"still not sent {hours} hours after it was due, and no worker has said why",
        failed_at=now,
    )


class DeadLettering:
    """Publishes dead letters, and marks their deliveries dead.

    Args:
        dead_letters: the topic.
        deliveries: where a report is marked dead.
        counters: where `lost` and `errors` are counted.
        run_id: the id of the run.
        run_time: the time that the run is for.
        restored_at: the deployment's RESTORED_AT; None where Firestore was not restored.
    """

    def __init__(
        self,
        dead_letters: DeadLetterTopic,
        deliveries: RescueDeliveryStore,
        counters: RunCounters,
        *,
        run_id: str,
        run_time: datetime,
        restored_at: datetime | None = None,
    ) -> None:
        self._dead_letters = dead_letters
        self._deliveries = deliveries
        self._counters = counters
        self._run_id = run_id
        self._run_time = run_time
        self._restored_at = restored_at

    def lost(self, due: DueSubscription, delivery: Delivery | None) -> LostReport:
        """A report that has been due for too long, and why it is given up.

        Args:
            due: the report's subscription.
            delivery: the report's; None where there is none.
        """
        outdated = is_outdated(delivery, due_at=due.due_at, restored_at=self._restored_at)
        failure = failure_of_lost(due, delivery, run_time=self._run_time, now=datetime.now(UTC), is_outdated=outdated)
        return LostReport(due, delivery, failure)

    def give_up(self, reports: Sequence[LostReport]) -> None:
        """Publish the reports' dead letters and mark their deliveries dead. Each failure is counted and logged."""
        if reports:
            with ThreadPoolExecutor(_THREADS) as threads:
                list(threads.map(self._give_up, reports))

    def _give_up(self, report: LostReport) -> None:
        """Hold the report, publish its dead letter, and mark it dead, as a worker does. Once it is held, no worker
        sends it.

        If this process ends in between, another process finds the report held, publishes the same letter, and marks it
        dead.
        """
        due, failure = report.due, report.failure
        try:
            held = self._deliveries.hold(due, report.delivery, failure)
            if held is None:
                self._counters.add(RunCounter.ALREADY_DISPATCHED)
                return
            try:
                self._dead_letters.publish(self._letter(report))
            except PublishRefused:
                self._deliveries.release(due, held)
                raise
            if not self._deliveries.mark_dead(due, held, failure):
                _logger.warning(
                    "delivery_changed_while_given_up",
                    run_id=self._run_id,
                    delivery_id=due.delivery_id,
                )
        except Exception as error:
            # Catches unexpected errors, too, so that the run still gives up all other reports.
            self._counters.add_error()
            _logger.exception(
                "report_not_given_up",
                run_id=self._run_id,
                user_id=due.user_id,
                subscription_id=due.subscription_id,
                error=type(error).__name__,
            )
            return
        self._counters.add(RunCounter.LOST)
        _logger.error(
            "report_given_up",
            run_id=self._run_id,
            user_id=due.user_id,
            subscription_id=due.subscription_id,
            delivery_id=due.delivery_id,
            reason=failure.reason.value,
            error=failure.error,
        )

    def _letter(self, report: LostReport) -> DeadLetter:
        due, delivery, failure = report
        return DeadLetter(
            user_id=due.user_id,
            subscription_id=due.subscription_id,
            delivery_id=due.delivery_id,
            due_at=due.due_at,
            run_id=self._run_id,
            kind=due.kind,
            reason=failure.reason,
            error=failure.error,
            attempts=delivery.attempts if delivery else 0,
            failed_at=failure.failed_at,
            letter_id=failure.letter_id,
        )
