"""One run of the dispatcher: everybody whose report is due gets a task, or somebody is told why not."""

import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from google.api_core.exceptions import GoogleAPIError
from google.cloud import firestore

from functions.dispatcher.continuation import Continuation, cursor_behind
from functions.dispatcher.due_user import DueUser, has_no_due_time, user_id_of
from functions.dispatcher.due_users import due_users
from functions.dispatcher.fan_out import FanOut
from functions.dispatcher.figures import Figures
from functions.dispatcher.former_runs import FormerRuns, Place, Standing
from functions.dispatcher.ledger import Ledger
from functions.dispatcher.newcomers import Newcomers, in_batches
from functions.dispatcher.overdue import LOST_AFTER, Verdict, judge
from functions.dispatcher.run_record import RunRecords
from functions.dispatcher.user_stream import UserStream
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.models import DeadLetter, Reason, delivery_id, run_id
from functions.shared.schedule import Cadence
from functions.shared.task_queue import DISPATCH_DEADLINE, TaskQueue

_GROUP = 100
"""How many reports that need a look at the ledger are dealt with at once."""

_THREADS = 16

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run came to.

    Attributes:
        run_id: the run's.
        figures: in numbers; see functions.dispatcher.figures.
        seconds: how long this part of it took.
        is_continued: whether the rest was handed over to a continuation.
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
    """

    firestore: firestore.Client
    users: UserStream
    report_queues: Sequence[TaskQueue]
    continuations: TaskQueue
    dead_letters: DeadLetterTopic
    default_cadence: Cadence
    time_limit: timedelta


class Run:
    """A run, or the part of one that fits into the time limit.

    Errors are of two kinds. What a retry can mend (a queue or Firestore that does not answer) is counted, and the run
    is `failed`: it is to be repeated, which deterministic names make harmless. What only a person can mend (a user
    whose document is malformed) is counted too, but has become a dead letter with its own alert and would fail again:
    repeating everything for it would only hide the errors of the other kind.

    Args:
        surroundings: what it works with.
        run_time: the time that it is for, which is also the present by which it judges: a repeated run judges alike.
        continuation: the part that it takes over, where it is not the first.
    """

    def __init__(
        self, surroundings: Surroundings, *, run_time: datetime, continuation: Continuation | None = None
    ) -> None:
        self._with = surroundings
        self._run_time = run_time
        self._run_id = run_id(run_time)
        self._continuation = continuation
        self._figures = Figures(continuation.figures if continuation else None)
        self._records = RunRecords(surroundings.firestore)
        self._newcomers = Newcomers(surroundings.firestore, surroundings.users)
        self._ledger = Ledger(
            surroundings.firestore,
            run_id=self._run_id,
            run_time=run_time,
            default_cadence=surroundings.default_cadence,
        )
        self._begun = time.monotonic()
        self._last_user = continuation.last_user if continuation else None
        self._newcomers_only = continuation.newcomers_only if continuation else False

    def carry_out(self) -> Result:
        """Do it.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore or a queue's configuration cannot be had. What was
                enqueued until then stays so, and the run is noted as failed.
        """
        if self._continuation is None:
            self._records.start(self._run_id, scheduled_for=self._run_time, started_at=datetime.now(UTC))
        try:
            is_continued = self._work()
        except Exception:
            self._end(failed=True)
            raise
        failed = self._figures.mendable_errors > 0
        if is_continued:
            self._records.carry_on(self._run_id, figures=self._figures.to_dict())
        else:
            self._end(failed=failed)
        return Result(
            run_id=self._run_id,
            figures=self._figures.to_dict(),
            seconds=round(time.monotonic() - self._begun, 3),
            is_continued=is_continued,
            may_be_mended=failed,
        )

    def _end(self, *, failed: bool) -> None:
        self._records.end(self._run_id, finished_at=datetime.now(UTC), failed=failed, figures=self._figures.to_dict())

    def _work(self) -> bool:
        """Do as much as the time allows; true where the rest was handed over."""
        with ThreadPoolExecutor(_THREADS) as threads:
            # These take their time where there are millions of users: they run beside the rest.
            misnamed = threads.submit(self._warn_of_misnamed)
            newcomers = threads.submit(self._newcomers.exist)
            former_runs = self._former_runs(threads)
            with FanOut(self._with.report_queues, run_id=self._run_id, figures=self._figures) as fan_out:
                if not self._newcomers_only:
                    self._newcomers_only = self._fan_out_due(fan_out, former_runs)
                is_complete = self._newcomers_only and (not newcomers.result() or self._fan_out_newcomers(fan_out))
            misnamed.result()
        return not is_complete and self._hand_over()

    def _former_runs(self, threads: ThreadPoolExecutor) -> FormerRuns:
        before = threads.submit(self._records.before, self._run_time)
        states = list(threads.map(TaskQueue.state, self._with.report_queues))
        # Behind a paused queue no task is dead, however old it is: then nothing is taken to be overdue.
        is_running = all(state.is_running for state in states)
        return FormerRuns(
            before.result() if is_running else [],
            run_time=self._run_time,
            retry_time=max(state.retry_policy.longest_retry_time(DISPATCH_DEADLINE) for state in states),
            dispatches_per_second=sum(state.dispatches_per_second for state in states),
        )

    def _fan_out_due(self, fan_out: FanOut, former_runs: FormerRuns) -> bool:
        suspects: list[tuple[DueUser, Place]] = []
        is_complete = True
        for user in due_users(self._with.users, self._run_time, after=self._last_user):
            self._figures.add("due")
            self._last_user = user
            place = former_runs.place(user.due_at)
            if user.malformed or place.standing is Standing.OVERDUE or self._is_old(user, place):
                suspects.append((user, place))
                if len(suspects) == _GROUP:
                    self._look_closer(suspects, fan_out)
                    suspects = []
            else:
                fan_out.add(user, place.salt)
            if self._is_late():
                is_complete = False
                break
        self._look_closer(suspects, fan_out)
        return is_complete

    def _is_old(self, user: DueUser, place: Place) -> bool:
        return place.standing is Standing.QUEUED and self._run_time - user.due_at >= LOST_AFTER

    def _look_closer(self, suspects: Sequence[tuple[DueUser, Place]], fan_out: FanOut) -> None:
        """Decide by the ledger about reports that cannot simply be enqueued."""
        deliveries = self._ledger.read([user for user, _ in suspects]) if suspects else []
        unknown: list[DueUser] = []
        to_enqueue: list[tuple[DueUser, str]] = []
        given_up: list[tuple[DueUser, DeadLetter]] = []
        for (user, place), delivery in zip(suspects, deliveries, strict=True):
            verdict = judge(delivery, due_at=user.due_at, run_time=self._run_time)
            if verdict is Verdict.LEAVE:
                self._figures.add("already_dispatched")
            elif user.malformed:
                given_up.append((user, self._invalid(user, f"{user.malformed}: not the name of a report")))
            elif verdict is Verdict.GIVE_UP:
                given_up.append((user, self._lost(user, (delivery or {}).get("attempts"))))
            else:
                if place.standing is Standing.OVERDUE:
                    self._figures.add("overdue")
                if delivery is None:
                    unknown.append(user)
                to_enqueue.append((user, place.salt))
        self._ledger.open(unknown)
        for user, salt in to_enqueue:
            fan_out.add(user, salt)
        if given_up:
            with ThreadPoolExecutor(_THREADS) as threads:
                list(threads.map(lambda item: self._give_up(*item), given_up))

    def _fan_out_newcomers(self, fan_out: FanOut) -> bool:
        for batch in in_batches(self._newcomers.find()):
            unscheduled = [document for document in batch if has_no_due_time(document)]
            strays = [document for document in batch if not has_no_due_time(document)]
            if unscheduled:
                enrolled = self._newcomers.enrol(unscheduled, self._run_time)
                self._figures.add("enrolled", len(enrolled))
                self._figures.add("due", len(enrolled))
                fresh = Place(Standing.FRESH, "")
                self._look_closer([(user, fresh) for user in enrolled if user.malformed], fan_out)
                for user in enrolled:
                    if not user.malformed:
                        fan_out.add(user)
            if strays:
                with ThreadPoolExecutor(_THREADS) as threads:
                    list(threads.map(self._report_stray, strays))
            if self._is_late():
                return False
        return True

    def _give_up(self, user: DueUser, letter: DeadLetter) -> None:
        """The dead letter first: if it cannot be published nothing is marked, and the report is found again."""
        try:
            self._with.dead_letters.publish(letter)
            self._ledger.give_up(user, error=letter.error)
        except (GoogleAPIError, TimeoutError, ValueError) as error:
            # ValueError: the transaction met others five times.
            self._figures.add_error(mendable=True)
            _log.exception(
                "A report cannot be given up.", run_id=self._run_id, user_id=user.user_id, error=type(error).__name__
            )
            return
        if letter.reason is Reason.LOST:
            self._figures.add("lost")
        else:
            self._figures.add_error(mendable=False)
        _log.error(
            "A report will not be sent.",
            run_id=self._run_id,
            user_id=user.user_id,
            delivery_id=letter.delivery_id,
            reason=letter.reason.value,
            field=user.malformed or None,
            error=letter.error,
        )

    def _report_stray(self, document: Any) -> None:
        """Somebody's `next_report_at` is malformed. It is left as it is: who wrote it would do so again."""
        user = DueUser(user_id_of(document), self._run_time, malformed="next_report_at")
        letter = self._invalid(user, "next_report_at: not a timestamp")
        try:
            self._with.dead_letters.publish(letter)
        except (GoogleAPIError, TimeoutError):
            self._figures.add_error(mendable=True)
            _log.exception("A dead letter cannot be published.", run_id=self._run_id, user_id=user.user_id)
            return
        self._figures.add_error(mendable=False)
        _log.error(
            "A user's next report is not known.",
            run_id=self._run_id,
            user_id=user.user_id,
            field=user.malformed,
            error=letter.error,
        )

    def _invalid(self, user: DueUser, error: str) -> DeadLetter:
        return self._letter(user, Reason.INVALID_TASK, error, attempts=0, kind=None)

    def _lost(self, user: DueUser, attempts: object) -> DeadLetter:
        hours = (self._run_time - user.due_at) // timedelta(hours=1)
        return self._letter(
            user,
            Reason.LOST,
            f"still not sent {hours} hours after it was due, and no worker has said why",
            attempts=attempts if isinstance(attempts, int) else 0,
            kind=user.kind,
        )

    def _letter(self, user: DueUser, reason: Reason, error: str, *, attempts: int, kind: str | None) -> DeadLetter:
        return DeadLetter(
            user_id=user.user_id,
            delivery_id=delivery_id(user.user_id, user.due_at),
            due_at=user.due_at,
            run_id=self._run_id,
            kind=kind,
            reason=reason,
            error=error,
            attempts=attempts,
            failed_at=datetime.now(UTC),
        )

    def _hand_over(self) -> bool:
        rest = Continuation(
            run_id=self._run_id,
            scheduled_for=self._run_time,
            chain=self._continuation.chain if self._continuation else uuid.uuid4().hex,
            part=self._continuation.part + 1 if self._continuation else 2,
            cursor=cursor_behind(self._last_user),
            newcomers_only=self._newcomers_only,
            figures=self._figures.to_dict(),
        )
        (outcome,) = self._with.continuations.enqueue([rest.to_task()])
        if outcome.is_created or outcome.is_known:
            return True
        self._figures.add_error(mendable=True)
        _log.error(
            "The rest of the run cannot be handed over.",
            run_id=self._run_id,
            status=outcome.status,
            reason=outcome.message,
        )
        return False

    def _warn_of_misnamed(self) -> None:
        if self._continuation is not None:
            return
        misnamed = self._newcomers.misnamed()
        if misnamed:
            _log.warning(
                "Users get no reports, since `active` is not true or false.",
                run_id=self._run_id,
                field="active",
                user_ids=misnamed,
            )

    def _is_late(self) -> bool:
        return time.monotonic() - self._begun > self._with.time_limit.total_seconds()
