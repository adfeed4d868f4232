"""Rescues reports whose task died, and gives up those that no task will send any more.

A normal report never comes here: it fell due since the run before, and the run simply enqueues it. The order of steps
is always the same: what the delivery says, then whether a queue still holds a task, then another task or a dead letter.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import structlog

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.fan_out import FanOut
from functions.dispatcher.malformed_documents import MalformedDocuments, unservable
from functions.dispatcher.rescue.dead_lettering import DeadLettering, LostReport, failure_of_lost
from functions.dispatcher.rescue.earlier_tasks import EarlierTasks
from functions.dispatcher.rescue.overdue_deliveries import overdue_deliveries
from functions.dispatcher.rescue.rescue_step import is_lost, is_under_way, task_died
from functions.dispatcher.rescue.untold_letters import tell_untold
from functions.dispatcher.rescue.waiting_tasks import QueueAnswer, ask_queues
from functions.dispatcher.run_counters import RunCounters
from functions.dispatcher.run_dependencies import RunDependencies
from functions.shared.firestore.delivery_store import DeliveryStore, Occasion
from functions.shared.records.delivery import Delivery
from functions.shared.records.delivery_table import Event, Rescued
from functions.shared.records.ids import run_id
from functions.shared.records.kind_pauses import KindPauses
from functions.shared.records.mark import due_period
from functions.shared.records.report_task import ReportTask
from functions.shared.records.run import RunCounter

_GROUP = 100
"""How many reports to check by their deliveries at once."""

_logger = structlog.get_logger()


class _Case(NamedTuple):
    """A report that gets another task, or is given up, if no queue holds a task for it any more.

    Attributes:
        due: its subscription.
        delivery: its delivery; None where there is none.
        task: names it.
    """

    due: DueSubscription
    delivery: Delivery | None
    task: ReportTask


class Rescuer:
    """Checks the reports that a run cannot simply enqueue.

    Args:
        dependencies: what the run works with.
        run_time: the time that the run is for.
        earlier: what the earlier runs have put into the queues.
        malformed: makes dead letters for subscriptions that the run cannot serve.
        fan_out: enqueues reports.
        counters: the run's.
        pauses: of the kinds.
    """

    def __init__(
        self,
        dependencies: RunDependencies,
        *,
        run_time: datetime,
        earlier: EarlierTasks,
        malformed: MalformedDocuments,
        fan_out: FanOut,
        counters: RunCounters,
        pauses: KindPauses,
    ) -> None:
        self._with = dependencies
        self._earlier = earlier
        self._malformed = malformed
        self._fan_out = fan_out
        self._counters = counters
        self._pauses = pauses
        self._run_id = run_id(run_time)
        self._run_time = run_time
        self._begun = dependencies.now()
        restored_at = dependencies.restored_at
        self._deliveries = DeliveryStore(
            dependencies.firestore, dependencies.defaults, restored_at=restored_at, outcomes=dependencies.outcomes
        )
        self._dead_lettering = DeadLettering(
            dependencies.dead_letters, self._deliveries, counters, run_id=self._run_id, run_time=run_time
        )
        self._suspects: list[DueSubscription] = []
        self.is_behind = False
        """Whether a queue holds a task that should be over by now."""

    def first_salt(self, due_at: datetime) -> str:
        """What sets the first task apart of a report that fell due at a moment: after a restore of Firestore, Cloud
        Tasks still refuses the names of the time before."""
        restored_at = self._with.restored_at
        return f"restored-{run_id(restored_at)}" if restored_at and due_at < restored_at else ""

    def needs_look(self, due: DueSubscription) -> bool:
        """Whether the rescuer must check a report before the run enqueues it: no report can be made, its task should be
        over by now, or may have met a paused kind."""
        over = self._earlier.over
        is_over = over is not None and due.due_at <= over.scheduled_for
        return bool(due.problem) or is_over or self._pauses.has_waited(due.kind, due.due_at)

    def add(self, due: DueSubscription) -> None:
        """Add a report to check. The rescuer checks reports in groups of a hundred, and the rest at `finish()`."""
        self._suspects.append(due)
        if len(self._suspects) == _GROUP:
            self.finish()

    def finish(self) -> None:
        """Check the reports that were added and not checked yet."""
        suspects, self._suspects = self._suspects, []
        self._malformed.tell([due for due in suspects if due.problem])
        if not (sound := [due for due in suspects if not due.problem]):
            return
        try:
            deliveries = self._deliveries.read_deliveries([due.task(self._run_id) for due in sound])
        except Exception:  # noqa: BLE001  it is logged there
            self._deliveries_failed(sound)
        else:
            self._rescue(list(zip(sound, deliveries, strict=True)))

    def find_overdue(self) -> list[tuple[DueSubscription, Delivery]]:
        """The deliveries that no subscription's due time leads to, and their subscriptions, as they were due; none
        while a queue is paused. It raises nothing: a failure is counted and logged."""
        if self._earlier.is_paused:
            return []
        try:
            return overdue_deliveries(
                self._deliveries,
                run_time=self._run_time,
                retry_time=self._earlier.retry_time,
                paused=self._pauses.paused,
            )
        except Exception:
            self._counters.add_error()
            _logger.exception("overdue_deliveries_unreadable", run_id=self._run_id)
            return []

    def rescue_overdue(self, overdue: Sequence[tuple[DueSubscription, Delivery]]) -> None:
        """Give each of these deliveries another task, or give it up."""
        self._counters.add(RunCounter.DUE, len(overdue))
        for start in range(0, len(overdue), _GROUP):
            self._rescue(overdue[start : start + _GROUP])

    def tell_untold(self) -> None:
        """Publish the dead letters that a restore of Firestore has lost, and the outcomes that are kept and untold.
        It raises nothing: a failure is counted and logged."""
        try:
            tell_untold(
                self._with.firestore,
                self._with.dead_letters,
                run_time=self._run_time,
                restored_at=self._with.restored_at,
            )
        except Exception:
            self._counters.add_error()
            _logger.exception("dead_letters_not_told_again", run_id=self._run_id)
        try:
            if self._with.outcomes:
                self._with.outcomes.tell_kept()
        except Exception:
            self._counters.add_error()
            _logger.exception("kept_outcomes_not_told", run_id=self._run_id)

    def _rescue(self, reports: Sequence[tuple[DueSubscription, Delivery | None]]) -> None:
        """Give each of these reports another task or give it up, unless a worker or a task may still send it."""
        cases, broken = [], []
        for due, delivery in reports:
            if is_under_way(delivery, run_time=self._run_time, read_from=self._begun):
                self._counters.add(RunCounter.ALREADY_DISPATCHED)
                continue
            try:
                cases.append(_Case(due, delivery, due.task(self._run_id)))
            except Exception as error:  # noqa: BLE001  it is logged there
                broken.append(unservable(due, error, run_id=self._run_id))
        asked = [(case.due, case.delivery, self.first_salt(case.due.due_at)) for case in cases]
        answers = ask_queues(self._with.report_queues, asked, run_id=self._run_id)
        lost, retried = list[LostReport](), list[_Case]()
        for each, answer in zip(cases, answers, strict=True):
            match answer:
                case QueueAnswer.HELD:
                    self._counters.add(RunCounter.ALREADY_DISPATCHED)
                    # All these tasks should be over, but for those of this run, which is called again, and those
                    # that wait for a time.
                    self.is_behind |= each.delivery is None or not (
                        each.delivery.run_id == self._run_id or each.delivery.settling_tasks
                    )
                case QueueAnswer.UNKNOWN:
                    self._counters.add_error()
                case QueueAnswer.GONE if self._is_lost(each):
                    lost.append(self._lost(each))
                case QueueAnswer.GONE:
                    retried.append(each)
        self._dead_lettering.give_up(lost, now=self._with.now())
        try:
            noted = self._note(retried)
        except Exception:  # noqa: BLE001  it is logged there
            self._deliveries_failed([each.due for each in retried])
            retried = []
        made_from = self._earlier.over.started_at if self._earlier.over else self._run_time
        for due, delivery, task in retried:
            if task not in noted:
                # A worker has written its delivery meanwhile.
                self._counters.add(RunCounter.ALREADY_DISPATCHED)
                continue
            try:
                died = task_died(delivery, updated_at=due.updated_at, made_from=made_from)
                # A worker may have ended its task, since its kind was paused.
                died = died and not self._pauses.has_waited(due.kind, due.due_at)
                self._counters.add(RunCounter.OVERDUE, int(died))
                self._fan_out.add(due, self._run_id)
            except Exception as error:  # noqa: BLE001  it is logged there
                broken.append(unservable(due, error, run_id=self._run_id))
        self._malformed.tell(broken)

    def _is_lost(self, case: _Case) -> bool:
        pause = self._pauses.pause_of(case.due.kind)
        return not pause.is_on and is_lost(
            case.delivery, due_at=case.due.due_at, run_time=self._run_time, resumed_at=pause.resumed_at
        )

    def _lost(self, case: _Case) -> LostReport:
        failure = failure_of_lost(case.due, case.delivery, run_time=self._run_time, now=self._with.now())
        return LostReport(case.due, case.delivery, failure)

    def _note(self, cases: Sequence[_Case]) -> set[ReportTask]:
        """Write down that these reports get another task. From now on the periods of those that had no record stay,
        unless the subscription is gone, or due for another report.

        Returns:
            the tasks of those whose delivery no other process has written since it was read.
        """
        if not cases:
            return set()
        now, changes = self._with.now(), dict[ReportTask, tuple[Delivery | None, Event, Occasion]]()
        found = self._deliveries.read_many([each.task for each in cases if each.delivery is None])
        for due, delivery, task in cases:
            (user, subscription), period = found.get(task, (None, None)), None
            if subscription is not None and subscription.next_report_at == due.due_at:
                schedule = subscription.schedule(user)
                period = due_period(subscription, schedule, due_at=due.due_at, run_time=self._run_time, now=now)
            changes[task] = delivery, Rescued(self._run_id), Occasion(self._run_time, period)
        return self._deliveries.write_all(changes)

    def _deliveries_failed(self, dues: Sequence[DueSubscription]) -> None:
        self._counters.add_error(len(dues))
        _logger.exception("deliveries_failed", run_id=self._run_id, delivery_ids=[due.delivery_id for due in dues])
