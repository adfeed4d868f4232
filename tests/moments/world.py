"""One subscription, its user, its deliveries and its tasks, without services: what decides is the pipeline's own code,
in the order in which the worker, the dispatcher and the commands call it.

Time is what the sequence says it is. Each attempt of a worker has two halves, so anything can happen between its look
at the subscription and the commit that settles it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from functions.dispatcher.scheduling import new_place
from functions.preferences.undo import OFFERED_FOR, before_change
from functions.shared.firestore.delivery_store import TaskDocuments
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.calendar import days_off_of
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import Delivery, DeliveryFailure, DeliveryState, SkipReason
from functions.shared.records.delivery_table import (
    Claimed,
    Event,
    GivenUp,
    Published,
    Refused,
    Replayed,
    Rescued,
    Sent,
    Skipped,
    TaskMade,
    written,
)
from functions.shared.records.ids import delivery_id, held_shard, run_id
from functions.shared.records.mark import (
    Others,
    by_hand_fields,
    due_period,
    is_untouched,
    met_pause_fields,
    paused_fields,
    period_until,
    rescheduled_fields,
    resumed_fields,
)
from functions.shared.records.recipient_pauses import Stored
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import PauseReason, Subscription, SubscriptionDefaults
from functions.shared.records.user import User
from functions.shared.times.days_off import DaysOff
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence
from functions.worker.attempt import Attempt
from functions.worker.skipping import fields_for_inactive_user, skip_reason
from functions.worker.task_delivery import TaskDelivery
from functions.worker.time_budget import LEASE
from functions.worker.transitions import NextStep, next_step
from tests.moments.oracle import CALENDARS


def _calendar(name: str) -> DaysOff:
    dates, then = CALENDARS[name]
    return days_off_of(name, {"dates": list(dates), "on_day_off": then})


DEFAULTS = SubscriptionDefaults("activity", Cadence.HOURLY, _calendar)
Read = TypeVar("Read")
TICK = timedelta(microseconds=7)
HOUR = timedelta(hours=1)
U, S = "u1", "default"


class Task(NamedTuple):
    """A task in the queue."""

    due_at: datetime
    run_time: datetime

    @property
    def report(self) -> ReportTask:
        """Its body."""
        delivery = delivery_id(U, S, self.due_at)
        return ReportTask(
            user_id=U,
            subscription_id=S,
            delivery_id=delivery,
            due_at=self.due_at,
            run_id=run_id(self.run_time),
            kind="a",
        )


@dataclass
class Begun:
    """An attempt between its look at the subscription and its end."""

    work: TaskDelivery
    version: datetime
    is_repeat: bool = False


@dataclass
class World:
    """What is stored, what waits, and what time it is."""

    now: datetime
    document: dict[str, Any]
    zone: str = "UTC"
    is_active: bool = True
    is_enrolled: bool = True
    is_kind_paused: bool = False
    version: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    user_version: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    deliveries: dict[str, tuple[dict[str, Any], datetime]] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    begun: Begun | None = None
    undo: tuple[datetime, Mapping[str, Any]] | None = None
    restored_at: datetime | None = None
    handed_over: set[datetime] = field(default_factory=set)
    """The due times of the deliveries whose email may be out."""
    sends: Callable[["World"], None] = lambda world: None
    """Called before an email is handed over."""
    _read_before: dict[tuple[int, datetime], tuple[Mapping[str, Any], Any]] = field(default_factory=dict)
    """What was read from fields, with these: no fields are changed where they stand, and many are read often."""

    # What is stored

    def tick(self) -> datetime:
        """Let a little time pass: no two writes are of one moment."""
        self.now += TICK
        return self.now

    @property
    def subscription(self) -> Subscription:
        """The subscription as it is read."""
        return self._kept(
            self.document,
            self.version,
            lambda: Subscription.from_fields(U, S, self.document, DEFAULTS, version=self.version),
        )

    @property
    def user(self) -> User:
        """The user as it is read."""
        fields = {"active": self.is_active, "email": "a@example.com", "time_zone": self.zone}
        return User.from_fields(U, fields, version=self.user_version)

    def delivery(self, due_at: datetime) -> Delivery | None:
        """A delivery as it is read."""
        found = self.deliveries.get(delivery_id(U, S, due_at))
        return self._read(delivery_id(U, S, due_at), *found) if found else None

    def every_delivery(self) -> list[Delivery]:
        """All deliveries, the newest first."""
        read = [self._read(name, *stored) for name, stored in self.deliveries.items()]
        return sorted(filter(None, read), key=lambda each: each.due_at or self.now, reverse=True)

    def _read(self, name: str, fields: dict[str, Any], version: datetime) -> Delivery | None:
        return self._kept(
            fields, version, lambda: Delivery.from_snapshot(FoundDocument(f"deliveries/{name}", fields, version))
        )

    def _kept(self, fields: Mapping[str, Any], version: datetime, read: Callable[[], Read]) -> Read:
        key = (id(fields), version)
        if key not in self._read_before:
            self._read_before[key] = (fields, read())
        found: Read = self._read_before[key][1]
        return found

    def write(self, fields: Mapping[str, Any]) -> None:
        """Write fields of the subscription, if there are any."""
        if fields:
            self.document = {**self.document, **fields}
            self.version = self.tick()

    def put(self, due_at: datetime, fields: Mapping[str, Any]) -> None:
        """Write fields of a delivery."""
        name = delivery_id(U, S, due_at)
        before = self.deliveries.get(name, ({}, self.now))[0]
        self.deliveries[name] = ({**before, **fields}, self.tick())

    def happens(self, task: Task, event: Event, period: Period | None = None) -> None:
        """Something happens to a delivery."""
        before = self._as_it_counts(task.due_at)
        self.put(task.due_at, written(before, event, task=task.report, now=self.now, period=period))

    def restore(self, copy: "World") -> None:
        """Firestore is as it was. The queue keeps its tasks, and an attempt that was under way has nowhere to end."""
        if self.begun:
            self.tasks.append(Task(self.begun.work.task.due_at, self.now))
        self.begun = self.undo = None
        self.document, self.deliveries = dict(copy.document), dict(copy.deliveries)
        self.zone, self.is_active, self.is_enrolled = copy.zone, copy.is_active, copy.is_enrolled
        self.version, self.user_version = copy.version, copy.user_version
        self.restored_at = self.tick()

    # The worker

    def begin(self, task: Task) -> Begun | None:
        """The first half of an attempt, as SendReport has it: up to the look at the subscription after the claim.

        Returns:
            None where nothing is to be sent, or not now.
        """
        delivery = self._as_it_counts(task.due_at)
        step = next_step(delivery, now=self.now)
        if step is NextStep.IN_PROGRESS:
            self.tasks.append(task)
            return None
        attempt = Attempt(number=2, task_name="t", last=False, started_at=self.now)
        work = TaskDelivery(task.report, attempt, "owner").with_documents(
            TaskDocuments(delivery, self.user, self.subscription), now=self.now
        )
        if step is NextStep.ALREADY_FINAL and delivery:
            self._already_final(work, delivery)
            return None
        if step is NextStep.INQUIRE:
            # Nobody knows: a dead letter.
            self._dead(work)
            return None
        if reason := skip_reason(work.user, work.subscription, now=self.now):
            self._skip(work, reason)
            return None
        if self.is_kind_paused:
            return None
        if work.may_be_next:
            others = Others.of(self.every_delivery()[:20], but=work.task.delivery_id, now=self.now)
            work = work._replace(others=others)
        left = work.uncovered(self.now)
        if left is None:
            self._skip(work, SkipReason.COVERED)
            return None
        self.happens(task, Claimed("owner", self.now + LEASE, "sendgrid"), left)
        work = work._replace(period=left, delivery=self.delivery(task.due_at), is_claimed=True)
        return self._look_again(work, task)

    def _look_again(self, work: TaskDelivery, task: Task) -> Begun | None:
        current = work._replace(subscription=self.subscription)
        if current.subscription and not (is_untouched(current.subscription) or work.is_replay):
            others = Others.of(self.every_delivery()[:20], but=work.task.delivery_id, now=self.now)
            current = current._replace(others=others)
        if reason := skip_reason(current.user, current.subscription, now=self.now):
            self._skip(current, reason)
            return None
        assert current.period is not None
        if current.others and current.others.may_have_sent(current.period):
            self._release(task, current.period)
            return None
        left = current.uncovered(self.now)
        if left is None:
            self._skip(current, SkipReason.COVERED)
            return None
        if left != current.period:
            self._release(task, left)
            return None
        self.handed_over.add(task.due_at)
        self.sends(self)
        return Begun(current, self.version)

    def _release(self, task: Task, period: Period) -> None:
        self.happens(task, Refused("e"), period)
        self.tasks.append(task)

    def end(self, begun: Begun, outcome: str) -> None:
        """The second half of an attempt: what comes of the email."""
        task = Task(begun.work.task.due_at, self.now)
        if self.delivery(task.due_at) != begun.work.delivery:
            # Its lease was over, and another attempt has acted on the delivery: nothing is written.
            return
        match outcome:
            case "accepted":
                self._final(begun.work, Sent("m", "owner"), counts=True)
            case "throttled":
                assert begun.work.period
                self._release(task, begun.work.period)
            case "refused":
                self._dead(begun.work)
            case "unknown":
                # The claim stays until its lease is over.
                self.tasks.append(task)

    def _final(self, work: TaskDelivery, event: Event, *, counts: bool) -> None:
        moved = work.moved_fields(self.user, self.subscription, counts=counts, now=self.now)
        self._settle(work, event, moved)

    def _settle(self, work: TaskDelivery, event: Event, moved: Mapping[str, Any]) -> None:
        self.happens(Task(work.task.due_at, self.now), event, work.period)
        self.write(moved)

    def _dead(self, work: TaskDelivery) -> None:
        failure = DeliveryFailure(reason=DeadLetterReason.PERMANENT_ERROR, error="e", failed_at=self.now)
        self.happens(Task(work.task.due_at, self.now), GivenUp("owner", failure), work.period)
        self._final(work, Published("owner"), counts=True)

    def _skip(self, work: TaskDelivery, reason: SkipReason) -> None:
        event = Skipped("owner", reason)
        match reason:
            case SkipReason.PAUSED:
                moved = met_pause_fields(self.subscription, self.user, due_at=work.task.due_at, now=self.now)
                self._settle(work, event, moved)
            case SkipReason.USER_INACTIVE:
                self._settle(work, event, {})
                self._pause_inactive(work.task.due_at)
            case _:
                self._final(work, event, counts=False)

    def _pause_inactive(self, due_at: datetime) -> None:
        self.write(fields_for_inactive_user(self.user, self.subscription, due_at=due_at, now=self.now))
        self.is_enrolled = False

    def _already_final(self, work: TaskDelivery, delivery: Delivery) -> None:
        if self.subscription.next_report_at != work.task.due_at:
            return
        match skip_reason(self.user, self.subscription, now=self.now):
            case SkipReason.USER_INACTIVE:
                self._pause_inactive(work.task.due_at)
            case SkipReason.PAUSED:
                self.write(met_pause_fields(self.subscription, self.user, due_at=work.task.due_at, now=self.now))
            case _:
                others = Others.of(self.every_delivery()[:20], but=delivery.id, now=self.now)
                work = work._replace(others=others)
                moved = work.moved_fields(self.user, self.subscription, counts=delivery.is_counted, now=self.now)
                self.write(moved)

    def _as_it_counts(self, due_at: datetime) -> Delivery | None:
        """A delivery as the store reads it."""
        found = self.delivery(due_at)
        if found is None and self.restored_at is not None and due_at <= self.restored_at:
            found = Delivery(delivery_id(U, S, due_at), DeliveryState.PENDING, None, due_at=due_at)
        return found and found.restored(self.restored_at)

    def deliver(self, outcome: str = "accepted") -> None:
        """All tasks that wait are carried out, one after the other."""
        waiting, self.tasks = self.tasks, []
        for task in waiting:
            self.tick()
            if begun := self.begin(task):
                self.end(begun, outcome)

    # The dispatcher

    def run(self, run_time: datetime) -> None:
        """A run: it schedules what is new, resumes for users who are active again, makes tasks, and holds what is due
        while the kind is paused."""
        if isinstance(self.document["shard"], str) and not self.is_kind_paused:
            self.write({"shard": self.subscription.shard})
        if self.is_active and not self.is_enrolled:
            if not self.document.get("active", True) and self.document.get("paused_because") == "user-inactive":
                fields = resumed_fields(self.subscription, self.user, now=run_time)
                self.write(fields)
            self.is_enrolled = True
        if self.subscription.shard is None:
            self.write(new_place(self.subscription, self.user, run_time))
        due_at = self.subscription.next_report_at
        if self.is_kind_paused:
            if due_at is not None and due_at <= run_time and self.subscription.shard is not None:
                self.write({"shard": held_shard("activity", self.subscription.shard)})
            return
        waiting = {task.due_at for task in self.tasks} | ({self.begun.work.task.due_at} if self.begun else set())
        if due_at is not None and due_at <= run_time and due_at not in waiting:
            if self.delivery(due_at) is None and due_at < run_time - HOUR:
                # Overdue: from now on its time counts.
                task = Task(due_at, run_time)
                schedule = self.subscription.schedule(self.user)
                period = due_period(self.subscription, schedule, due_at=due_at, run_time=run_time, now=self.now)
                self.put(
                    due_at, written(None, Rescued(task.report.run_id), task=task.report, now=run_time, period=period)
                )
            self.tasks.append(Task(due_at, run_time))
        for each in self.every_delivery():
            if not each.is_final and each.due_at not in {*waiting, due_at, None}:
                assert each.due_at
                self.tasks.append(Task(each.due_at, run_time))

    # People

    def change(self, decide: Callable[[Stored], Mapping[str, Any]]) -> bool:
        """A change of the recipient's page. It can be taken back."""
        stored = Stored(user=self.user, subscription=self.subscription, document=self.document)
        fields = decide(stored)
        if not fields:
            return False
        self.write(fields)
        self.undo = (self.version, before_change(stored.subscription, stored.document, fields, at=self.version))
        return True

    def take_back(self) -> None:
        """Undo the latest change of the page, if nothing has changed since."""
        if self.undo and self.undo[0] == self.version and self.now < self.version + OFFERED_FOR:
            self.write(self.undo[1])
        self.undo = None

    def reschedule(self, fields: Mapping[str, Any]) -> None:
        """The operator changes the schedule."""
        after = Subscription.from_fields(U, S, {**self.document, **fields}, DEFAULTS, version=self.version)
        self.write({**fields, **rescheduled_fields(self.subscription, after, self.user, now=self.now)})

    def pause(self, until: datetime | None) -> None:
        """The operator pauses."""
        self.write(paused_fields(self.subscription, self.user, PauseReason.OPERATOR, now=self.now, until=until))

    def resume(self) -> None:
        """The operator resumes."""
        if not self.subscription.is_paused(self.now) and self.subscription.next_report_at is not None:
            return
        if self.is_active:
            self.write(resumed_fields(self.subscription, self.user, now=self.now))

    def send(self) -> None:
        """The operator has a report sent now."""
        subscription, now = self.subscription, self.now.replace(microsecond=0)
        if subscription.is_paused(now) or not self.is_active:
            return
        standing = subscription.next_report_at
        is_due = standing is not None and standing <= now
        if is_due and standing and not ((found := self.delivery(standing)) and found.is_final):
            self.tasks.append(Task(standing, now))
            return
        period = period_until(subscription, subscription.schedule(self.user), now)
        if period is None or self.delivery(now):
            return
        task = Task(now, now)
        self.put(now, written(None, TaskMade("x"), task=task.report, now=now, period=period))
        self.write(by_hand_fields(subscription, self.user, now=now))
        self.tasks.append(task)

    def replay(self) -> None:
        """The operator replays the latest dead letter."""
        dead = next((each for each in self.every_delivery() if each.state is DeliveryState.DEAD), None)
        if dead and dead.due_at:
            task = Task(dead.due_at, self.now)
            self.happens(task, Replayed("x"))
            self.tasks.append(task)
