"""Gives up reports that the pipeline will not send by itself: publishes a dead letter for each."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import structlog

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.run_counters import RunCounters
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.firestore.delivery_store import DeliveryChanged, DeliveryStore, Occasion
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import Delivery, DeliveryFailure
from functions.shared.records.delivery_table import GivenUp
from functions.shared.records.mark import due_period, moved_fields
from functions.shared.records.run import RunCounter
from functions.shared.records.states import DeliveryState
from functions.shared.threads import Threads

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
    due: DueSubscription, delivery: Delivery | None, *, run_time: datetime, now: datetime
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
    """
    if delivery and delivery.state is DeliveryState.GIVING_UP and delivery.failure:
        return delivery.failure
    hours = (run_time - due.due_at) // timedelta(hours=1)
    reason = DeadLetterReason.UNKNOWN_OUTCOME
    if delivery and delivery.is_restored:
        error = (
            f"it may have been sent before Firestore was restored, and {hours} hours after it was due no worker "
            "has found that out"
        )
    elif delivery and delivery.is_in_doubt:
        error = f"a worker began to send it, and {hours} hours after it was due no worker has said how that went"
    else:
        reason = DeadLetterReason.LOST
        error = f"still not sent {hours} hours after it was due, and no worker has said why"
    return DeliveryFailure(reason, error, failed_at=now)


class DeadLettering:
    """Publishes dead letters, and marks their deliveries dead.

    Args:
        dead_letters: the topic.
        deliveries: where a report is marked dead.
        counters: where `lost` and `errors` are counted.
        run_id: the id of the run.
        run_time: the time that the run is for.
    """

    def __init__(
        self,
        dead_letters: DeadLetterTopic,
        deliveries: DeliveryStore,
        counters: RunCounters,
        *,
        run_id: str,
        run_time: datetime,
    ) -> None:
        self._dead_letters = dead_letters
        self._deliveries = deliveries
        self._counters = counters
        self._run_id = run_id
        self._run_time = run_time

    def give_up(self, reports: Sequence[LostReport], *, now: datetime) -> None:
        """Publish the reports' dead letters and mark their deliveries dead. Each failure is counted and logged.

        Args:
            reports: those that the run gives up.
            now: the present, in UTC.
        """
        if reports:
            with Threads(_THREADS) as threads:
                list(threads.map(partial(self._give_up, now=now), reports))

    def _give_up(self, report: LostReport, *, now: datetime) -> None:
        due, failure = report.due, report.failure
        try:
            self._carry_out(report, now)
        except DeliveryChanged:
            self._counters.add(RunCounter.ALREADY_DISPATCHED)
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
        else:
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

    def _carry_out(self, report: LostReport, now: datetime) -> None:
        due, delivery, failure = report
        task = due.task(self._run_id)
        documents = self._deliveries.read(task)._replace(delivery=delivery)
        period = delivery.settled_period(latest=max(due.due_at, self._run_time)) if delivery else None
        if period is None and (subscription := documents.subscription) is not None:
            # The next report covers all the time since the due time.
            schedule = subscription.schedule(documents.user)
            period = due_period(subscription, schedule, due_at=due.due_at, run_time=due.due_at, now=now)
        self._deliveries.give_up(
            task,
            documents,
            GivenUp(secrets.token_hex(16), failure),
            Occasion(self._run_time, period),
            move=lambda user, subscription: moved_fields(subscription, user, due_at=due.due_at, period=period, now=now),
            publish=self._dead_letters.publish,
        )
