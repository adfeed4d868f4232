"""Rescues reports whose task died, and gives up those that no task will send any more.

A normal report never comes here: it fell due since the run before, and the run simply enqueues it. The order of steps
is always the same: what the delivery says, then whether a queue still holds a task, then another task or a dead letter.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.fan_out import FanOut
from functions.dispatcher.late_reports import LateReports
from functions.dispatcher.malformed_documents import MalformedDocuments, unservable
from functions.dispatcher.rescue.dead_lettering import DeadLettering, LostReport
from functions.dispatcher.rescue.orphaned_deliveries import OrphanedDeliveries, OrphanedDelivery
from functions.dispatcher.rescue.policy import LOST_AFTER, RescueStep, rescue_step, task_died
from functions.dispatcher.rescue.queue_outlook import QueueOutlook
from functions.dispatcher.rescue.run_history import TaskAge, TaskStatus
from functions.dispatcher.rescue.untold_letters import tell_untold
from functions.dispatcher.rescue.waiting_tasks import AskedQueues, QueueAnswer, WaitingTasks, task_ids
from functions.dispatcher.run_counters import RunCounters
from functions.dispatcher.run_dependencies import RunDependencies
from functions.dispatcher.run_store import RunStore
from functions.shared.delivery import Delivery
from functions.shared.delivery_store import DeliveryStore
from functions.shared.delivery_table import Event, Noted
from functions.shared.ids import run_id
from functions.shared.mark import due_period
from functions.shared.period import Period
from functions.shared.report_task import ReportTask
from functions.shared.run import QueueCondition, RunCounter

_GROUP = 100
"""How many reports to check by their deliveries at once."""

_logger = structlog.get_logger()


class _Case(NamedTuple):
    """A report that gets another task, or is given up, if no queue holds a task for it any more.

    Attributes:
        due: its subscription.
        delivery: its delivery.
        tasks: the ids that its tasks may have.
        lost: why it is given up; None where it gets another task.
        salt: distinguishes that task from the report's others.
        is_overdue: whether it then counts as a report whose task died.
    """

    due: DueSubscription
    delivery: Delivery | None
    tasks: Sequence[str]
    lost: LostReport | None = None
    salt: str = ""
    is_overdue: bool = False


class Rescuer:
    """Checks the reports that a run cannot simply enqueue.

    Args:
        dependencies: what the run works with.
        run_time: the time that the run is for.
        outlook: the state of the queues.
        malformed: makes dead letters for subscriptions that the run cannot serve.
        late: counts the reports that are late.
        fan_out: enqueues reports.
        counters: the run's.
        store: where the run notes that the queues are behind.
    """

    def __init__(
        self,
        dependencies: RunDependencies,
        *,
        run_time: datetime,
        outlook: QueueOutlook,
        malformed: MalformedDocuments,
        late: LateReports,
        fan_out: FanOut,
        counters: RunCounters,
        store: RunStore,
    ) -> None:
        self._client = dependencies.firestore
        self._outlook = outlook
        self._malformed = malformed
        self._late = late
        self._fan_out = fan_out
        self._counters = counters
        self._store = store
        self._run_id = run_id(run_time)
        self._run_time = run_time
        self._restored_at = dependencies.restored_at
        self._begun = datetime.now(UTC)
        self._deliveries = DeliveryStore(
            dependencies.firestore, dependencies.defaults, restored_at=dependencies.restored_at
        )
        self._dead_lettering = DeadLettering(
            dependencies.dead_letters,
            self._deliveries,
            counters,
            run_id=self._run_id,
            run_time=run_time,
        )
        self._dead_letter_topic = dependencies.dead_letters
        self._waiting_tasks = WaitingTasks(
            dependencies.report_queues,
            run_id=self._run_id,
            run_time=run_time,
            retry_time=outlook.retry_time,
            clock=outlook.clock,
        )
        self._suspects: list[tuple[DueSubscription, TaskAge]] = []
        self._is_behind = False

    def needs_look(self, due: DueSubscription, age: TaskAge) -> bool:
        """Whether the rescuer must check a report before the run enqueues it.

        Args:
            due: the report's subscription.
            age: of its newest task.
        """
        return bool(due.problem) or age.status is TaskStatus.OVERDUE or self._is_old(due, age)

    def add(self, due: DueSubscription, age: TaskAge) -> None:
        """Add a report to check. The rescuer checks reports in groups of a hundred, and the rest at `finish()`.

        Args:
            due: the report's subscription.
            age: of its newest task.
        """
        self._suspects.append((due, age))
        if len(self._suspects) == _GROUP:
            self.finish()

    def finish(self) -> None:
        """Check the reports that were added and not checked yet."""
        suspects, self._suspects = self._suspects, []
        self._malformed.tell([due for due, _ in suspects if due.problem])
        sound = [(due, age) for due, age in suspects if not due.problem]
        if sound:
            self._look(sound)

    def find_orphaned(self) -> list[OrphanedDelivery]:
        """The deliveries that no subscription's due time leads to; none while a queue is paused. It raises nothing:
        a failure is counted and logged."""
        if self._outlook.is_paused:
            return []
        orphaned = OrphanedDeliveries(self._deliveries, run_time=self._run_time, clock=self._outlook.clock)
        try:
            return orphaned.find(self._outlook.retry_time)
        except Exception:
            self._counters.add_error()
            _logger.exception("orphaned_deliveries_unreadable", run_id=self._run_id)
            return []

    def tell_untold(self) -> None:
        """Publish the dead letters that a restore of Firestore has lost. It raises nothing: a failure is counted and
        logged."""
        try:
            tell_untold(
                self._client,
                self._dead_letter_topic,
                run_time=self._run_time,
                restored_at=self._restored_at,
            )
        except Exception:
            self._counters.add_error()
            _logger.exception("dead_letters_not_told_again", run_id=self._run_id)

    def rescue(self, orphaned: Sequence[OrphanedDelivery]) -> None:
        """Give each of these deliveries another task, or give it up."""
        self._counters.add(RunCounter.DUE, len(orphaned))
        cases: list[_Case] = []
        broken: list[DueSubscription] = []
        for found in orphaned:
            due, delivery = found
            if not delivery.by_hand:
                self._late.note(due)
            try:
                if delivery.is_claimed(self._run_time):
                    self._counters.add(RunCounter.ALREADY_DISPATCHED)
                    continue
                tasks = task_ids(due, delivery, self._outlook.history.salts(due.due_at))
                is_lost = found.is_lost(self._run_time, self._outlook.clock)
                lost = self._dead_lettering.lost(due, delivery) if is_lost else None
                cases.append(_Case(due, delivery, tasks, lost, salt=self._run_id, is_overdue=True))
            except Exception as error:  # noqa: BLE001  it is logged there
                broken.append(unservable(due, error, run_id=self._run_id))
        broken += self._settle(cases)
        self._malformed.tell(broken)

    def _is_old(self, due: DueSubscription, age: TaskAge) -> bool:
        return age.status is TaskStatus.QUEUED and self._outlook.clock.between(due.due_at, self._run_time) >= LOST_AFTER

    def _look(self, suspects: Sequence[tuple[DueSubscription, TaskAge]]) -> None:
        """Decide about reports by their deliveries, and by what the queues still hold."""
        dues = [due for due, _ in suspects]
        try:
            deliveries = self._read(dues)
        except Exception:  # noqa: BLE001  it is logged there
            self._deliveries_failed(dues)
            return
        cases: list[_Case] = []
        broken: list[DueSubscription] = []
        for (due, age), delivery in zip(suspects, deliveries, strict=True):
            try:
                if case := self._case(due, age, delivery):
                    cases.append(case)
            except Exception as error:  # noqa: BLE001  it is logged there
                broken.append(unservable(due, error, run_id=self._run_id))
        broken += self._settle(cases)
        self._malformed.tell(broken)

    def _case(self, due: DueSubscription, age: TaskAge, delivery: Delivery | None) -> _Case | None:
        """The case to ask the queues about; None if the report needs nothing more."""
        step = rescue_step(delivery, due_at=due.due_at, run_time=self._run_time, clock=self._outlook.clock)
        if step is RescueStep.IN_PROGRESS or self._has_just_ended(delivery):
            self._counters.add(RunCounter.ALREADY_DISPATCHED)
            return None
        if step is RescueStep.GIVE_UP:
            # Asks for all names that its tasks may have: no report is lost while one of them may still send it.
            tasks = task_ids(due, delivery, self._outlook.history.salts(due.due_at))
            return _Case(due, delivery, tasks, self._dead_lettering.lost(due, delivery))
        if age.status is TaskStatus.OVERDUE:
            died = task_died(delivery, updated_at=due.updated_at, newest_task_from=age.newest_task_from)
            tasks = task_ids(due, delivery, age.likely_salts_first(due.updated_at))
            return _Case(due, delivery, tasks, salt=age.salt, is_overdue=died)
        self._fan_out.add(due, age.salt)
        return None

    def _has_just_ended(self, delivery: Delivery | None) -> bool:
        """Whether a delivery became final after the run began to read who is due: its subscription has moved on since
        the run read it, and needs no task. In any other case the next run meets it again."""
        version = delivery.version if delivery is not None and delivery.is_final else None
        return version is not None and version >= self._begun

    def _settle(self, cases: Sequence[_Case]) -> list[DueSubscription]:
        """Give each of these reports another task or give it up, unless a queue still holds a task of it.

        Returns:
            subscriptions that the run cannot serve.
        """
        answers = self._waiting_tasks.ask(
            [(case.due, case.tasks, AskedQueues.ALL if case.lost else AskedQueues.OWN) for case in cases]
        )
        if QueueAnswer.HELD_LONG in answers and not self._is_behind:
            self._is_behind = True
            self._store.note_queues(QueueCondition.BEHIND)
        self._counters.add(RunCounter.ALREADY_DISPATCHED, sum(answer.is_held for answer in answers))
        self._counters.add_error(answers.count(QueueAnswer.UNKNOWN))
        gone = [case for case, answer in zip(cases, answers, strict=True) if answer is QueueAnswer.GONE]
        self._dead_lettering.give_up([case.lost for case in gone if case.lost])
        retried = [case for case in gone if not case.lost]
        try:
            retried = self._still_unfinished(retried)
            # From now on their time counts.
            self._note([case.due for case in retried if case.delivery is None])
        except Exception:  # noqa: BLE001  it is logged there
            self._deliveries_failed([case.due for case in retried])
            return []
        broken: list[DueSubscription] = []
        for case in retried:
            try:
                self._counters.add(RunCounter.OVERDUE, int(case.is_overdue))
                self._fan_out.add(case.due, case.salt)
            except Exception as error:  # noqa: BLE001  it is logged there
                broken.append(unservable(case.due, error, run_id=self._run_id))
        return broken

    def _still_unfinished(self, cases: Sequence[_Case]) -> list[_Case]:
        """The cases that no task has finished since their deliveries were read: a task that succeeds leaves the
        queue."""
        if not cases:
            return []
        left = []
        for case, delivery in zip(cases, self._read([case.due for case in cases]), strict=True):
            was_final = case.delivery is not None and case.delivery.is_final
            if delivery is not None and delivery.is_final and not was_final:
                self._counters.add(RunCounter.ALREADY_DISPATCHED)
            else:
                left.append(case)
        return left

    def _read(self, dues: Sequence[DueSubscription]) -> list[Delivery | None]:
        return self._deliveries.read_deliveries([due.task(self._run_id) for due in dues])

    def _note(self, dues: Sequence[DueSubscription]) -> None:
        """Make the deliveries of reports that have none: from now on their time counts, and their periods stay. None of
        a report whose subscription is gone, or due for another one."""
        tasks = [due.task(self._run_id) for due in dues]
        found, now = self._deliveries.read_many(tasks), datetime.now(UTC)
        noted: list[tuple[ReportTask, Event, Period | None]] = []
        for task in tasks:
            (user, subscription), period = found[task], None
            if subscription is not None and subscription.next_report_at == task.due_at:
                schedule = subscription.schedule(user)
                period = due_period(subscription, schedule, due_at=task.due_at, run_time=self._run_time, now=now)
            noted.append((task, Noted(), period))
        if noted:
            self._deliveries.note_all(noted, now=self._run_time)

    def _deliveries_failed(self, dues: Sequence[DueSubscription]) -> None:
        self._counters.add_error(len(dues))
        _logger.exception("deliveries_failed", run_id=self._run_id, delivery_ids=[due.delivery_id for due in dues])
