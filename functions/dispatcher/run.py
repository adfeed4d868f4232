"""One run of the dispatcher, or the part of it that this request does: the order of the steps.

1. Ask the breaker whether the run may send (mail_breaker.py). If not, the run makes no task and only notes that.
2. Give the queues the rate of the ramp's day, if there is a ramp (ramp_rates.py), and note that the run begins. No
   report gets a task from a run that has no record. Have workers read who the recipients are (audience_tasks.py).
3. Enqueue the reports that are due, each with the first task of its due time (due_subscriptions.py, fan_out.py). Those
   of a paused kind are held instead, and those of a kind that was resumed are due again (held_subscriptions.py).
4. Look closer at those whose task of an earlier run should be over, and at other overdue deliveries (rescue/).
5. Schedule new subscriptions, enroll new users and resume what has a new address, and enqueue what is due at once
   (admission.py).
6. Note how the run ended. What does not fit into this request's time goes to the next part (run_part.py).

What only reads may begin before the step that it belongs to: a run of few reports waits for calls more than it works.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple

import structlog

from functions.dispatcher.admission import Admission
from functions.dispatcher.audience_tasks import enqueue_audiences
from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.due_subscriptions import due_subscriptions
from functions.dispatcher.erased_users import erase_leftovers
from functions.dispatcher.fan_out import FanOut
from functions.dispatcher.held_subscriptions import HeldSubscriptions
from functions.dispatcher.late_reports import LateReports
from functions.dispatcher.mail_breaker import MailBreaker
from functions.dispatcher.malformed_documents import MalformedDocuments, unservable
from functions.dispatcher.ramp_rates import set_ramp_rates
from functions.dispatcher.rescue.earlier_tasks import EarlierTasks, earlier_tasks
from functions.dispatcher.rescue.rescuer import Rescuer
from functions.dispatcher.run_counters import RunCounters
from functions.dispatcher.run_dependencies import RunDependencies
from functions.dispatcher.run_part import RunPart, RunStage, enqueue_part
from functions.dispatcher.run_store import RunStore
from functions.shared.records.kind_pauses import KIND_PAUSES_STATE, KindPauses
from functions.shared.records.mail_breaker import BreakerState, StatisticsReading
from functions.shared.records.run import QueueCondition, RunCounter, RunState
from functions.shared.threads import Threads

_THREADS = 16

_Ahead = tuple[KindPauses, EarlierTasks]
"""What a run reads while it asks the breaker."""

_logger = structlog.get_logger()


class PartEnd(Enum):
    """How a part of a run ends."""

    RUN_ENDED = auto()
    """The whole run has ended, though some of it may have failed."""
    RUN_GOES_ON = auto()
    """Another request goes on with it."""
    RUN_STOPPED = auto()
    """The breaker has stopped it before it made a task."""


class RunSummary(NamedTuple):
    """The result of a part of a run.

    Attributes:
        run_id: the id of the run.
        counters: what the run counted until now, by the names in RUN_COUNTERS.
        seconds: how long this part took.
        end: how it ended.
        has_errors: whether something failed that may go well when the run is repeated.
        ramp_failure: why the queues do not have the rate of the ramp's day; empty where they have.
        held_back: how many new users wait for a person, since they are more than a run enrolls.
    """

    run_id: str
    counters: dict[str, int]
    seconds: float
    end: PartEnd
    has_errors: bool
    ramp_failure: str
    held_back: int


class Run:
    """A run, or the part of it that this request does.

    No malformed document, and no failed call, stops a run for the other reports. The run counts an error that a retry
    may fix, such as a queue or Firestore that does not answer, in `errors`, and is `failed`: Cloud Scheduler repeats
    it, and deterministic names make that harmless. The run counts a malformed document, which only a person can fix, in
    `malformed`, and it gets a dead letter with its own alert. Repeating the run for it would only hide the other
    errors.

    Args:
        dependencies: what the run works with.
        run_time: the time that the run is for. Decisions use it as the present, so that a repeated run decides alike.
        part: the part to take over; None where Cloud Scheduler calls.
    """

    def __init__(self, dependencies: RunDependencies, *, run_time: datetime, part: RunPart | None = None) -> None:
        self._with = dependencies
        self._run_time = run_time
        self._is_first = part is None
        self._assigned = part or RunPart.first(run_time)
        self._run_id = self._assigned.run_id
        self._counters = RunCounters(self._assigned.counters)
        self._store = RunStore(
            dependencies.firestore, run_id=self._run_id, attempt=self._assigned.attempt, now=dependencies.now
        )
        self._malformed = MalformedDocuments(
            dependencies.firestore, dependencies.dead_letters, self._counters, run_id=self._run_id, now=dependencies.now
        )
        self._admission = Admission(
            dependencies,
            run_id=self._run_id,
            run_time=run_time,
            store=self._store,
            counters=self._counters,
            malformed=self._malformed,
        )
        self._statistics: StatisticsReading | None = None
        self._begun = time.monotonic()
        self._late_from = self._begun + dependencies.time_limit.total_seconds()
        self._ramp_failure = ""
        self.last_read: DueSubscription | None = None
        """The subscription that was read last: it shows where a failed run ended."""

    def carry_out(self) -> RunSummary:
        """Carry out the run, or the part.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore or a queue's configuration cannot be read. What was
                found due until then has its tasks, and the run is noted as failed.
            Exception: an error that no code foresees, with the same consequences.
        """
        try:
            with Threads(_THREADS) as threads:
                ahead = threads.submit(self._read_ahead, threads) if self._assigned.stage is RunStage.DUE else None
                if (breaker := self._breaker()) and breaker.is_stopped:
                    end = self._stop(breaker)
                else:
                    end = self._work(ahead, threads)
            if end is PartEnd.RUN_ENDED:
                self._note(RunState.FAILED if self._counters.has_errors_here else RunState.FINISHED)
        except Exception:
            try:
                self._note(RunState.FAILED)
            except Exception:
                _logger.exception("run_failure_not_noted", run_id=self._run_id)
            raise
        return RunSummary(
            run_id=self._run_id,
            counters=self._counters.to_dict(),
            seconds=round(time.monotonic() - self._begun, 3),
            end=end,
            has_errors=self._counters.has_errors_here,
            ramp_failure=self._ramp_failure,
            held_back=self._admission.held_back,
        )

    def _breaker(self) -> BreakerState | None:
        """The breaker, asked once in each run: its parts go on as it has begun."""
        if not self._is_first:
            return None
        check = MailBreaker(self._with, run_id=self._run_id, run_time=self._run_time).check()
        self._statistics = check.reading
        return check.state

    def _stop(self, breaker: BreakerState) -> PartEnd:
        self._store.stop(self._run_time, because=breaker.because)
        _logger.warning("run_stopped", run_id=self._run_id, since=f"{breaker.stopped_at}", because=breaker.because)
        return PartEnd.RUN_STOPPED

    def _read_ahead(self, threads: Threads) -> _Ahead:
        pauses = KindPauses.from_snapshot(self._with.firestore.get(KIND_PAUSES_STATE))
        earlier = earlier_tasks(
            self._with.report_queues,
            self._store,
            run_time=self._run_time,
            threads=threads,
            is_held_back=self._with.ramp is not None,
        )
        return pauses, earlier

    def _work(self, ahead: "Future[_Ahead] | None", threads: Threads) -> PartEnd:
        part, look = self._assigned, None
        if ahead:
            started = threads.submit(self._start)
            if self._is_first:
                threads.submit(self._admission.warn_of_malformed_active)
                look = threads.submit(self._admission.look)
            if left := self._fan_out_due(part, ahead, started, threads):
                return self._hand_over(left)
            if part.shares > 1:
                # Of a run that version 0.2.0 divided: admission comes after all shares, so it is for the next run.
                return PartEnd.RUN_ENDED
            part = part.at(RunStage.SCHEDULING)
        found = look.result() if look else self._admission.look()
        with self._fan_out() as fan_out:
            left = self._admission.admit(part, found, fan_out, self._is_late)
        return self._hand_over(left) if left else PartEnd.RUN_ENDED

    def _start(self) -> None:
        if self._is_first:
            if ramp := self._with.ramp:
                today = self._run_time.date()
                self._ramp_failure = set_ramp_rates(ramp, self._with.report_queues, today=today, run_id=self._run_id)
            self._store.start(self._run_time, statistics=self._statistics)
            enqueue_audiences(self._with, self._run_time, self._counters)

    def _note(self, state: RunState) -> None:
        self._store.note_share(self._assigned.share, state, self._counters.to_dict(), sweeps=self._admission.sweeps)

    def _fan_out(self) -> FanOut:
        return FanOut(self._with.report_queues, run_id=self._run_id, counters=self._counters)

    def _fan_out_due(
        self, part: RunPart, ahead: "Future[_Ahead]", started: "Future[None]", threads: Threads
    ) -> RunPart | None:
        """Enqueue all reports that are due, and rescue those that are overdue.

        Returns:
            what is left of the part, where its time is up.
        """
        pauses, earlier = ahead.result()
        held = HeldSubscriptions(self._with.firestore, pauses, self._counters, run_id=self._run_id)
        if not held.release(part.shards, self._is_late):
            started.result()
            return part
        started.result()
        # The queries begin with this call, and not before: a report that is sent meanwhile would get one more task.
        found_due = due_subscriptions(
            self._with.documents,
            self._run_time,
            shards=part.shards,
            default_kind=self._with.defaults.kind,
            after=part.cursor,
        )
        noted = threads.submit(self._store.note_queues, QueueCondition.PAUSED) if earlier.is_paused else None
        last_run = earlier.last_run and earlier.last_run.scheduled_for
        late = LateReports(run_id=self._run_id, run_time=self._run_time, last_run=last_run, pauses=pauses)
        with self._fan_out() as fan_out:
            rescuer = Rescuer(
                self._with,
                run_time=self._run_time,
                earlier=earlier,
                malformed=self._malformed,
                fan_out=fan_out,
                counters=self._counters,
                pauses=pauses,
            )
            # Once in each run, not in each of its parts.
            overdue = threads.submit(rescuer.find_overdue) if self._is_first else None
            try:
                left = self._serve_due(part, found_due, late, fan_out, rescuer, held)
            finally:
                # Even if an error ended the reading: these reports are due.
                rescuer.finish()
                held.finish()
            if overdue:
                for due, delivery in overdue.result():
                    if not delivery.by_hand:
                        late.note(due)
                rescuer.rescue_overdue(overdue.result())
                rescuer.tell_untold()
                self._erase_leftovers()
        if noted:
            noted.result()
        if rescuer.is_behind:
            self._store.note_queues(QueueCondition.BEHIND)
        return left

    def _erase_leftovers(self) -> None:
        try:
            erase_leftovers(self._with.firestore, run_time=self._run_time)
        except Exception:
            self._counters.add_error()
            _logger.exception("leftovers_not_erased", run_id=self._run_id)

    def _serve_due(
        self,
        part: RunPart,
        found_due: Iterator[DueSubscription],
        late: LateReports,
        fan_out: FanOut,
        rescuer: Rescuer,
        held: HeldSubscriptions,
    ) -> RunPart | None:
        found = 0
        try:
            for due in found_due:
                self.last_read = due
                if not held.holds(due):
                    found += 1
                    late.note(due)
                    self._serve(due, fan_out, rescuer)
                if self._is_late():
                    return part.after(due)
            return None
        finally:
            self._counters.add(RunCounter.DUE, found)

    def _serve(self, due: DueSubscription, fan_out: FanOut, rescuer: Rescuer) -> None:
        """Enqueue a report, or leave it to the rescuer."""
        try:
            if not rescuer.needs_look(due):
                fan_out.add(due, rescuer.first_salt(due.due_at))
                return
        except Exception as error:  # noqa: BLE001  it is logged there
            due = unservable(due, error, run_id=self._run_id)
        rescuer.add(due)

    def _hand_over(self, left: RunPart) -> PartEnd:
        """Have another request do what is left."""
        if enqueue_part(self._with.continuation_queue, left.next_part(self._counters), self._counters):
            self._note(RunState.RUNNING)
            return PartEnd.RUN_GOES_ON
        return PartEnd.RUN_ENDED

    def _is_late(self) -> bool:
        return time.monotonic() > self._late_from
