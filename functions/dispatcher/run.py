"""One run of the dispatcher: everybody whose report is due gets a task, or somebody is told why not."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import structlog
from google.cloud import firestore

from functions.dispatcher.continuation import Continuation
from functions.dispatcher.cursor import Cursor
from functions.dispatcher.division import Division
from functions.dispatcher.due_user import DueUser, has_no_due_time, read_stray
from functions.dispatcher.due_users import due_users
from functions.dispatcher.fan_out import FanOut
from functions.dispatcher.figures import Figures
from functions.dispatcher.former_runs import FormerRuns, Place, Standing
from functions.dispatcher.forsaken import Forsaken, ForsakenReports, is_lost
from functions.dispatcher.giving_up import GivingUp
from functions.dispatcher.ledger import Found, Ledger
from functions.dispatcher.malformed_users import MalformedUsers
from functions.dispatcher.newcomers import Newcomers, in_batches
from functions.dispatcher.overdue import LOST_AFTER, Verdict, has_died, is_claimed, is_final, judge
from functions.dispatcher.queue_clock import Look, QueueClock, QueueCondition
from functions.dispatcher.run_record import RunRecords
from functions.dispatcher.run_state import RunState
from functions.dispatcher.user_stream import UserStream
from functions.dispatcher.waiting_tasks import Waiting, WaitingTasks, task_ids
from functions.shared.dead_letter import DeadLetter
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.ids import run_id
from functions.shared.retry_policy import DISPATCH_DEADLINE
from functions.shared.schedule import Cadence
from functions.shared.task_queue import TaskQueue

_GROUP = 100
"""How many reports that need a look at the ledger are dealt with at once."""

_THREADS = 16

_logger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run came to.

    Attributes:
        run_id: the run's.
        figures: in numbers; see functions.dispatcher.figures.
        seconds: how long this part of it took.
        is_continued: whether the run goes on in other requests.
        may_be_mended: whether something failed that can go well when the run is repeated.
    """

    run_id: str
    figures: dict[str, int]
    seconds: float
    is_continued: bool
    may_be_mended: bool


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a run works with.

    Attributes:
        firestore: the client.
        users: what reads users.
        report_queues: among which the reports are spread.
        continuations: the queue whose tasks call the dispatcher.
        dead_letters: where what cannot be enqueued goes.
        default_cadence: of users whose document names none.
        time_limit: after this long the rest is handed over.
        share_size: a run that has more users left is divided into shares of about so many.
    """

    firestore: firestore.Client
    users: UserStream
    report_queues: Sequence[TaskQueue]
    continuations: TaskQueue
    dead_letters: DeadLetterTopic
    default_cadence: Cadence
    time_limit: timedelta
    share_size: int


class _Doubtful(NamedTuple):
    """A report that gets another task, or is given up, if no queue holds a task of it any more.

    Attributes:
        user: whose.
        found: its delivery.
        tasks: the ids that its tasks may have.
        letter: what is said if it is given up; None where it gets another task.
        salt: what sets that task apart.
        is_overdue: whether it then counts as one whose task died.
    """

    user: DueUser
    found: Found | None
    tasks: Sequence[str]
    letter: DeadLetter | None = None
    salt: str = ""
    is_overdue: bool = False


@dataclass(frozen=True, kw_only=True)
class _Past:
    """What there was before a run.

    Attributes:
        clock: how long the queues have worked.
        former_runs: what former runs have done for a report.
        waiting_tasks: what the queues hold.
        retry_time: how long a task is tried.
        is_paused: whether a queue is paused now.
    """

    clock: QueueClock
    former_runs: FormerRuns
    waiting_tasks: WaitingTasks
    retry_time: timedelta
    is_paused: bool


class Run:
    """A run, or the part of one that this request does.

    No document, and no answer, ends a run for others. What a retry can mend (a queue or Firestore that does not answer)
    is counted in `errors`, and the run is `failed`: it is to be repeated, which deterministic names make harmless. What
    only a person can mend (a user whose document is malformed) is counted in `malformed`, has a dead letter with its
    own alert, and would fail again: repeating everything for it would only hide the errors of the other kind.

    Args:
        surroundings: what it works with.
        run_time: the time that it is for, which is also the present by which it judges: a repeated run judges alike.
        continuation: the part that it takes over, where Cloud Scheduler did not call.
    """

    def __init__(
        self, surroundings: Surroundings, *, run_time: datetime, continuation: Continuation | None = None
    ) -> None:
        self._with = surroundings
        self._run_time = run_time
        self._run_id = run_id(run_time)
        self._is_begun = continuation is not None
        self._part = continuation or Continuation(
            run_id=self._run_id, scheduled_for=run_time, attempt=uuid.uuid4().hex, part=1
        )
        self._figures = Figures(self._part.figures)
        self._records = RunRecords(surroundings.firestore)
        self._newcomers = Newcomers(surroundings.firestore, surroundings.users)
        self._malformed = MalformedUsers(
            surroundings.firestore, surroundings.dead_letters, self._figures, run_id=self._run_id
        )
        self._ledger = Ledger(
            surroundings.firestore,
            run_id=self._run_id,
            run_time=run_time,
            default_cadence=surroundings.default_cadence,
        )
        self._giving_up = GivingUp(
            surroundings.dead_letters, self._ledger, self._figures, run_id=self._run_id, run_time=run_time
        )
        self._is_behind = False
        self._begun = time.monotonic()
        self.last_user = ""
        """The id of the user who was read last: where a run ended that did not end well."""

    def carry_out(self) -> Result:
        """Do it.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore or a queue's configuration cannot be had. What was
                found due until then has its tasks, and the run is noted as failed.
            Exception: what nobody foresaw, with the same consequences.
        """
        try:
            is_continued = self._work()
        except Exception:
            try:
                self._note(RunState.FAILED)
            except Exception:
                _logger.exception("That the run failed cannot be noted.", run_id=self._run_id)
            raise
        return Result(
            run_id=self._run_id,
            figures=self._figures.to_dict(),
            seconds=round(time.monotonic() - self._begun, 3),
            is_continued=is_continued,
            may_be_mended=self._has_failed,
        )

    @property
    def _has_failed(self) -> bool:
        return self._figures.errors_here > 0

    def _start(self) -> None:
        if not self._is_begun:
            self._records.start(
                self._run_id,
                attempt=self._part.attempt,
                scheduled_for=self._run_time,
                started_at=datetime.now(UTC),
            )

    def _note(self, state: RunState) -> None:
        self._records.note(
            self._run_id,
            attempt=self._part.attempt,
            share=self._part.share,
            state=state,
            figures=self._figures.to_dict(),
        )

    def _work(self) -> bool:
        """Do as much as the time allows; true where the run goes on elsewhere."""
        with ThreadPoolExecutor(_THREADS) as threads:
            start = threads.submit(self._start)
            # These take their time where there are millions of users: they run beside the rest, and in the first part
            # only. A later one counts when it has come to the newcomers.
            threads.submit(self._warn_of_misnamed)
            newcomers = None if self._is_begun else threads.submit(self._newcomers.exist)
            if not self._part.newcomers_only:
                past = self._look_back(threads)
                # Nobody gets a task from a run that nobody knows of.
                start.result()
                if past.is_paused:
                    self._note_queues(QueueCondition.PAUSED)
                forsaken = threads.submit(self._find_forsaken, past)
                with self._fan_out() as fan_out:
                    is_read = self._fan_out_due(fan_out, past, threads)
                    self._rescue(forsaken, fan_out, past)
                self._part = self._part.model_copy(update={"newcomers_only": is_read})
            if not self._part.newcomers_only:
                return self._hand_over()
            if not self._is_last():
                return True
            if newcomers.result() if newcomers else self._newcomers.exist():
                with self._fan_out() as fan_out:
                    is_complete = self._fan_out_newcomers(fan_out)
                if not is_complete:
                    return self._hand_over()
        self._note(RunState.FAILED if self._has_failed else RunState.FINISHED)
        return False

    def _is_last(self) -> bool:
        """Whether all other shares have come to their end: newcomers are due as well, and must not be read as such."""
        if self._part.shares == 1:
            return True
        if self._has_failed:
            self._note(RunState.FAILED)
            return False
        return self._records.is_last(
            self._run_id, attempt=self._part.attempt, share=self._part.share, figures=self._figures.to_dict()
        )

    def _fan_out(self) -> FanOut:
        return FanOut(self._with.report_queues, run_id=self._run_id, figures=self._figures)

    def _look_back(self, threads: ThreadPoolExecutor) -> "_Past":
        """Find out what former runs have done, and how the queues are."""
        before = threads.submit(self._records.before, self._run_time)
        states = list(threads.map(TaskQueue.state, self._with.report_queues))
        is_paused = not all(state.is_running for state in states)
        retry_time = max(state.retry_policy.longest_retry_time(DISPATCH_DEADLINE) for state in states)
        history = before.result()
        clock = QueueClock([*history.looks, Look(self._run_time, QueueCondition.PAUSED if is_paused else None)])
        return _Past(
            clock=clock,
            former_runs=FormerRuns(
                history.runs,
                run_time=self._run_time,
                retry_time=retry_time,
                dispatches_per_second=sum(state.dispatches_per_second for state in states),
                clock=clock,
            ),
            waiting_tasks=WaitingTasks(
                self._with.report_queues,
                run_id=self._run_id,
                run_time=self._run_time,
                retry_time=retry_time,
                clock=clock,
            ),
            retry_time=retry_time,
            is_paused=is_paused,
        )

    def _note_queues(self, condition: QueueCondition) -> None:
        self._records.note_queues(self._run_id, attempt=self._part.attempt, condition=condition)

    def _fan_out_due(self, fan_out: FanOut, past: _Past, threads: ThreadPoolExecutor) -> bool:
        """Enqueue the reports of this request's share; false where the time was up before all were."""
        division = Division(
            self._with.firestore, run_time=self._run_time, share_size=self._with.share_size, threads=threads
        )
        suspects: list[tuple[DueUser, Place]] = []
        read = 0
        users, place_of = self._due_users(), past.former_runs.place
        try:
            while (user := next(users, None)) is not None:
                read += 1
                self.last_user = user.user_id
                self._figures.add("due")
                if suspect := self._serve(user, place_of, fan_out, past.clock):
                    suspects.append(suspect)
                    if len(suspects) == _GROUP:
                        suspects, group = [], suspects
                        self._look_closer(group, fan_out, past)
                if self._is_late():
                    self._part = self._part.model_copy(update={"cursor": Cursor.of(user)})
                    return False
                if (
                    self._part.shares == 1
                    and (cuts := division.cuts(read, user))
                    and self._divide(cuts, Cursor.of(user))
                ):
                    # The share has another end now.
                    users = self._due_users()
        finally:
            # Whatever ended it: they were found due.
            self._look_closer(suspects, fan_out, past)
        return True

    def _serve(
        self, user: DueUser, place_of: Callable[[datetime], Place], fan_out: FanOut, clock: QueueClock | None = None
    ) -> tuple[DueUser, Place] | None:
        """Have a user's report enqueued; returns those of whom more is to be asked first."""
        try:
            place = place_of(user.due_at)
            if user.problem or place.standing is Standing.OVERDUE or self._is_old(user, place, clock):
                return user, place
            fan_out.add(user, place.salt)
        except Exception as error:  # noqa: BLE001  it is logged there
            return self._broken(user, error), Place(Standing.FRESH, "")
        return None

    def _broken(self, user: DueUser, error: Exception) -> DueUser:
        """A user whom the run cannot serve for a reason that nobody foresaw: like one whose document is malformed."""
        _logger.exception("A user cannot be served.", run_id=self._run_id, user_id=user.user_id)
        return user._replace(problem=f"the dispatcher fails at it: {type(error).__name__}")

    def _due_users(self) -> Iterator[DueUser]:
        return due_users(self._with.users, self._run_time, after=self._part.cursor, until=self._part.until)

    def _is_old(self, user: DueUser, place: Place, clock: QueueClock | None) -> bool:
        return (
            place.standing is Standing.QUEUED
            and (clock or QueueClock()).between(user.due_at, self._run_time) >= LOST_AFTER
        )

    def _look_closer(self, suspects: Sequence[tuple[DueUser, Place]], fan_out: FanOut, past: _Past) -> None:
        """Decide about reports that cannot simply be enqueued.

        Of malformed users by that alone, of the others by the ledger and by what the queues still hold.
        """
        self._malformed.tell([user for user, _ in suspects if user.problem])
        suspects = [(user, place) for user, place in suspects if not user.problem]
        if not suspects:
            return
        users = [user for user, _ in suspects]
        try:
            deliveries = self._ledger.read(users)
        except Exception:  # noqa: BLE001  it is logged there
            self._ledger_failed(users)
            return
        broken: list[DueUser] = []
        doubtful: list[_Doubtful] = []
        for (user, place), found in zip(suspects, deliveries, strict=True):
            try:
                fields = found.fields if found else None
                verdict = judge(fields, due_at=user.due_at, run_time=self._run_time, clock=past.clock)
                if verdict is Verdict.LEAVE:
                    self._figures.add("already_dispatched")
                elif verdict is Verdict.GIVE_UP:
                    # Whatever its tasks were called: no report is lost while one of them may still send it.
                    tasks = task_ids(user, fields, past.former_runs.salts(user.due_at))
                    doubtful.append(_Doubtful(user, found, tasks, self._giving_up.lost(user, fields or {})))
                elif place.standing is Standing.OVERDUE:
                    has_had_one = has_died(fields, updated_at=user.updated_at, newest_task_from=place.newest_task_from)
                    tasks = task_ids(user, fields, place.salts)
                    doubtful.append(_Doubtful(user, found, tasks, salt=place.salt, is_overdue=has_had_one))
                else:
                    fan_out.add(user, place.salt)
            except Exception as error:  # noqa: BLE001  it is logged there
                broken.append(self._broken(user, error))
        broken += self._settle(doubtful, fan_out, past)
        self._malformed.tell(broken)

    def _settle(self, doubtful: Sequence[_Doubtful], fan_out: FanOut, past: _Past) -> list[DueUser]:
        """Give each of these reports another task or give it up, unless a queue still holds a task of it.

        Returns:
            users whom the run cannot serve.
        """
        # A second task does no harm where the first waits in another queue. To give the report up would.
        answers = past.waiting_tasks.look([(report.user, report.tasks, bool(report.letter)) for report in doubtful])
        if Waiting.HELD_LONG in answers and not self._is_behind:
            self._is_behind = True
            self._note_queues(QueueCondition.BEHIND)
        self._figures.add("already_dispatched", sum(answer.is_held for answer in answers))
        self._figures.add_error(answers.count(Waiting.UNKNOWN))
        gone = [report for report, answer in zip(doubtful, answers, strict=True) if answer is Waiting.GONE]
        self._giving_up.give_up([(user, found, letter) for user, found, _, letter, *_ in gone if letter])
        untried = [report for report in gone if not report.letter]
        try:
            untried = self._still_unfinished(untried)
            # From now on their time counts.
            self._ledger.open([report.user for report in untried if report.found is None])
        except Exception:  # noqa: BLE001  it is logged there
            self._ledger_failed([report.user for report in untried])
            return []
        broken: list[DueUser] = []
        for report in untried:
            try:
                self._figures.add("overdue", int(report.is_overdue))
                fan_out.add(report.user, report.salt)
            except Exception as error:  # noqa: BLE001  it is logged there
                broken.append(self._broken(report.user, error))
        return broken

    def _still_unfinished(self, reports: Sequence[_Doubtful]) -> list[_Doubtful]:
        """Those that no task has finished since the ledger was read: one that succeeds leaves the queue just then."""
        if not reports:
            return []
        left = []
        for report, found in zip(reports, self._ledger.read([report.user for report in reports]), strict=True):
            was_final = report.found is not None and is_final(report.found.fields.get("state"))
            if found is not None and is_final(found.fields.get("state")) and not was_final:
                self._figures.add("already_dispatched")
            else:
                left.append(report)
        return left

    def _ledger_failed(self, users: Sequence[DueUser]) -> None:
        self._figures.add_error(len(users))
        _logger.exception(
            "The ledger cannot be asked about reports: the run is to be repeated.",
            run_id=self._run_id,
            user_ids=[user.user_id for user in users],
        )

    def _find_forsaken(self, past: _Past) -> list[Forsaken]:
        # Once a run: not in each of its parts.
        if self._is_begun or past.is_paused:
            return []
        return ForsakenReports(self._with.firestore, run_time=self._run_time, clock=past.clock).find(past.retry_time)

    def _rescue(self, forsaken: Future[list[Forsaken]], fan_out: FanOut, past: _Past) -> None:
        """Give each of these reports another task, or give it up."""
        try:
            reports = forsaken.result()
        except Exception:
            self._figures.add_error()
            _logger.exception("Forsaken reports cannot be looked for: the run is to be repeated.", run_id=self._run_id)
            return
        doubtful: list[_Doubtful] = []
        broken: list[DueUser] = []
        for user, found in reports:
            try:
                if is_claimed(found.fields, self._run_time):
                    continue
                tasks = task_ids(user, found.fields, past.former_runs.salts(user.due_at))
                is_given_up = is_lost(found.fields, run_time=self._run_time, lost_after=LOST_AFTER, clock=past.clock)
                letter = self._giving_up.lost(user, found.fields) if is_given_up else None
                doubtful.append(_Doubtful(user, found, tasks, letter, salt=self._run_id, is_overdue=True))
            except Exception as error:  # noqa: BLE001  it is logged there
                broken.append(self._broken(user, error))
        broken += self._settle(doubtful, fan_out, past)
        self._malformed.tell(broken)

    def _fan_out_newcomers(self, fan_out: FanOut) -> bool:
        for batch in in_batches(self._newcomers.find()):
            unscheduled = [document for document in batch if has_no_due_time(document)]
            strays = [document for document in batch if not has_no_due_time(document)]
            malformed = [read_stray(document, self._run_time) for document in strays]
            if unscheduled:
                users, refused = self._newcomers.enrol(unscheduled, self._run_time)
                self._figures.add("enrolled", len(users))
                self._figures.add("due", len(users))
                suspects = [self._serve(user, lambda _due_at: Place(Standing.FRESH, ""), fan_out) for user in users]
                malformed += [*refused, *(suspect[0] for suspect in suspects if suspect)]
            self._malformed.tell(malformed)
            if self._is_late():
                return False
        return True

    def _divide(self, cuts: Sequence[Cursor], place: Cursor) -> bool:
        """Hand all that is left behind a place, but this request's own share, to others; false where that is over."""
        cuts = self._records.divide(self._run_id, attempt=self._part.attempt, cuts=cuts)
        if not cuts:
            return False
        whole = self._part.model_copy(update={"shares": len(cuts) + 1, "part": 1, "figures": {}})
        self._part = self._part.model_copy(update={"shares": len(cuts) + 1, "cursor": place, "until": cuts[0]})
        for share, (first, last) in enumerate(pairwise([*cuts, None]), start=1):
            self._enqueue(whole.model_copy(update={"share": share, "cursor": first, "until": last}))
        return True

    def _hand_over(self) -> bool:
        """Have the rest done by another request."""
        is_handed_over = self._enqueue(
            self._part.model_copy(update={"part": self._part.part + 1, "figures": self._figures.to_dict()})
        )
        self._note(RunState.RUNNING if is_handed_over else RunState.FAILED)
        return is_handed_over

    def _enqueue(self, continuation: Continuation) -> bool:
        (outcome,) = self._with.continuations.enqueue([continuation.to_task()])
        if outcome.is_created or outcome.is_known:
            return True
        self._figures.add_error()
        _logger.error(
            "A piece of the run cannot be handed over.",
            run_id=self._run_id,
            share=continuation.share,
            status=outcome.status,
            reason=outcome.message,
        )
        return False

    def _warn_of_misnamed(self) -> None:
        if self._is_begun:
            return
        try:
            misnamed = self._newcomers.misnamed()
        except Exception:
            _logger.exception("Users without reports cannot be looked for.", run_id=self._run_id)
            return
        if misnamed:
            _logger.warning(
                "Users get no reports, since `active` is not true or false.",
                run_id=self._run_id,
                field="active",
                user_ids=misnamed,
            )

    def _is_late(self) -> bool:
        return time.monotonic() - self._begun > self._with.time_limit.total_seconds()
