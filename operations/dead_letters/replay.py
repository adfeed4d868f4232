"""Replays dead letters: puts the delivery back, and a task with a new name into the queue.

Each of the three steps has its effect once or not at all, and a replay may start again after any of them:
`prepare` (one commit of the dead letter and its delivery), `enqueue` (a task whose name follows from delivery and
number of the replay), `conclude` (marks the dead letter, unless the report has failed again meanwhile).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from functions.shared.firestore.database import Database
from functions.shared.firestore.letter_store import Decide, Fields, LetterStore, ReportDocuments, Result
from functions.shared.firestore.unknown_outcome import Settlement, settlement
from functions.shared.queues.task_queue import NewTask, TaskQueue
from functions.shared.records.dead_letter import (
    DEAD_LETTERS,
    DeadLetterState,
    StoredDeadLetter,
    known_failure_fields,
    replay_begun_fields,
    replayed_fields,
)
from functions.shared.records.delivery import DELIVERIES, Delivery, DeliveryFailure, DeliveryState
from functions.shared.records.delivery_table import MAY_HAVE_BEEN_SENT, Replayed, TaskMade, written
from functions.shared.records.ids import task_id
from functions.shared.records.mail_event import MAIL_EVENTS, MailRecord
from functions.shared.records.report_task import ReportTask
from operations.dead_letters.dead_letter_result import DeadLetterResult, result_of
from operations.dead_letters.replay_decision import (
    ReplayDecision,
    ReplayOutcome,
    ReplayStep,
    decide_replay,
    may_have_been_sent,
)
from operations.errors import OperatorError

_MOST_NUMBERS = 20
"""How many replays with an ended task one call skips before it reports an error."""


@dataclass(frozen=True, kw_only=True)
class PreparedReplay:
    """A dead letter after the first step of its replay.

    Attributes:
        letter: as the first step left it.
        number: which of the dead letter's replays this is: the salt of its task's name.
    """

    letter: StoredDeadLetter
    decision: ReplayDecision
    number: int

    @property
    def task(self) -> ReportTask:
        """The task of its report. Call this only for a dead letter that names a report."""
        if (task := self.letter.task) is None:
            raise ValueError(f"{self.letter.id} names no report")
        return task


class QueueRefused(OperatorError):
    """The queue did not take a task."""


class MalformedDelivery(OperatorError):
    """The delivery has no valid state, so its outcome is unknown."""


class Replay:
    """Replays dead letters. Safe for threads, and for several operators at once.

    Args:
        queue_of: gives the queue that a user's reports go to.
        keeps_outcomes: whether the team's application is to be told of what turns out to be sent.
    """

    def __init__(
        self,
        *,
        database: Database,
        queue_of: Callable[[str], TaskQueue],
        now: Callable[[], datetime],
        keeps_outcomes: bool = False,
    ) -> None:
        self._database = database
        self._letters = LetterStore(database, keeps_outcomes=keeps_outcomes)
        self._queue_of = queue_of
        self._now = now

    def __call__(self, letter_id: str, *, may_send_twice: bool, as_of: datetime | None = None) -> DeadLetterResult:
        """Replay one dead letter. Raises nothing for one that cannot be replayed, except UNREACHABLE.

        Args:
            may_send_twice: replay it although its outcome is unknown.
            as_of: leave it if it has changed since this moment of Firestore's clock; None: replay it as it is.
        """
        act = partial(self._replay, letter_id, may_send_twice=may_send_twice, as_of=as_of)
        return result_of(letter_id, act, failed=ReplayOutcome.ERROR)

    def preview(self, letter: StoredDeadLetter) -> DeadLetterResult:
        """The result that a replay of one dead letter would have. It changes nothing, and raises nothing except
        UNREACHABLE."""

        def decide(found: ReportDocuments) -> tuple[ReplayOutcome, Fields, Fields]:
            delivery, now = _sound(found.delivery), self._now()
            settled = settled_by_event(letter, delivery, found.record, now=now)
            return decide_replay(letter, delivery, may_send_twice=True, now=now, settled=settled).outcome, {}, {}

        act = partial(self._decide, letter.id, decide, known=letter)
        return result_of(letter.id, act, failed=ReplayOutcome.ERROR)

    def unclear(self, letters: Sequence[StoredDeadLetter]) -> set[str]:
        """The ids of the dead letters whose outcome is unknown, as the dead letter or its delivery says. Those that an
        event of their email settles are left out.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore cannot be read.
        """
        named = {letter.id: task.delivery_id for letter in letters if (task := letter.task)}
        paths = [f"{collection}/{each}" for each in named.values() for collection in (DELIVERIES, MAIL_EVENTS)]
        found, now = self._database.get_all(paths), self._now()

        def is_unclear(letter: StoredDeadLetter) -> bool:
            if letter.id not in named:
                return may_have_been_sent(letter, None)
            delivery = Delivery.from_snapshot(found[f"{DELIVERIES}/{named[letter.id]}"])
            record = MailRecord.from_snapshot(found[f"{MAIL_EVENTS}/{named[letter.id]}"])
            is_settled = settled_by_event(letter, delivery, record, now=now) is not None
            return may_have_been_sent(letter, delivery) and not is_settled

        return {letter.id for letter in letters if is_unclear(letter)}

    def prepare(
        self,
        letter_id: str,
        *,
        may_send_twice: bool = False,
        spent: int | None = None,
        as_of: datetime | None = None,
    ) -> PreparedReplay | None:
        """The first step: decide, and put the delivery back.

        Args:
            may_send_twice: replay it although its outcome is unknown.
            spent: the number of a replay whose task has ended while the delivery is not final.
            as_of: stop if the dead letter has changed since this moment; None: take it as it is.

        Returns:
            None where there is no such dead letter.

        Raises:
            MalformedDelivery: the delivery has no valid state.
            google.api_core.exceptions.GoogleAPIError: Firestore did not answer or refused.
        """

        def decide(found: ReportDocuments) -> tuple[PreparedReplay | None, Fields, Fields]:
            letter = found.letter
            if letter is None:
                return None, {}, {}
            if letter.has_changed_since(as_of):
                changed = ReplayDecision(step=ReplayStep.STOP, outcome=ReplayOutcome.CHANGED)
                return PreparedReplay(letter=letter, decision=changed, number=letter.replays), {}, {}
            delivery, now, task = _sound(found.delivery), self._now(), letter.task
            settled = settled_by_event(letter, delivery, found.record, now=now)
            decision = decide_replay(letter, delivery, may_send_twice=may_send_twice, now=now, settled=settled)
            step, number = decision.step, letter.replays
            if step is ReplayStep.REVIVE or (step is not ReplayStep.STOP and spent == number):
                number += 1
            if task is None or step in {ReplayStep.STOP, ReplayStep.CLOSE}:
                prepared = PreparedReplay(letter=letter, decision=decision, number=number)
                return prepared, settled.delivery if settled else {}, settled.letter if settled else {}
            begun = replay_begun_fields(replays=number)
            if step is ReplayStep.REVIVE and (failure := _later_failure(letter, delivery)):
                # If the message of this failure came after the report was sent, it would open the letter again.
                begun |= known_failure_fields(reason=failure.reason, error=failure.error, failed_at=failure.failed_at)
                letter = letter._replace(reason=failure.reason, error=failure.error, failed_at=failure.failed_at)
            name = _task_name(task, number)
            event = TaskMade(name) if step is ReplayStep.HAND_OVER else Replayed(name)
            # Written even if no state changes: a worker that paused just before it marks the delivery dead then fails
            # to do so.
            fields = written(delivery, event, task=task, now=now)
            return PreparedReplay(letter=letter, decision=decision, number=number), fields, begun

        return self._decide(letter_id, decide)

    def enqueue(self, prepared: PreparedReplay) -> bool:
        """The second step: make the task.

        Returns:
            False where the task of this number was made before and has ended.

        Raises:
            QueueRefused: the queue does not take the task.
            google.api_core.exceptions.GoogleAPIError: the queue did not answer or refused.
        """
        task = prepared.task
        queue = self._queue_of(task.user_id)
        new = NewTask(_task_name(task, prepared.number), task.to_json())
        [outcome] = queue.enqueue([new])
        if outcome.is_created:
            return True
        if outcome.is_known:
            return queue.holds(new.task_id)
        raise QueueRefused(f"the queue {queue.queue} does not take the task: {outcome.status} {outcome.message}")

    def conclude(self, prepared: PreparedReplay) -> ReplayOutcome:
        """The third step: mark the dead letter, unless its report has failed again since the first step.

        Raises:
            MalformedDelivery: the delivery has no valid state.
            google.api_core.exceptions.GoogleAPIError: Firestore did not answer or refused.
        """

        def decide(found: ReportDocuments) -> tuple[ReplayOutcome, Fields, Fields]:
            letter = found.letter
            if letter is None:
                return ReplayOutcome.NOT_FOUND, {}, {}
            delivery = _sound(found.delivery)
            is_dead = delivery is not None and delivery.state is DeliveryState.DEAD
            if is_dead or not letter.tells_of_same_failure(prepared.letter):
                return ReplayOutcome.FAILED_AGAIN, {}, {}
            if letter.state is DeadLetterState.SETTLED:
                return ReplayOutcome.ALREADY_SENT, {}, {}
            closed = replayed_fields(now=self._now()) if letter.state is DeadLetterState.OPEN else {}
            return prepared.decision.outcome, {}, closed

        return self._decide(prepared.letter.id, decide, known=prepared.letter)

    def _replay(self, letter_id: str, *, may_send_twice: bool, as_of: datetime | None) -> ReplayOutcome:
        spent: int | None = None
        for _ in range(_MOST_NUMBERS):
            prepared = self.prepare(letter_id, may_send_twice=may_send_twice, spent=spent, as_of=as_of)
            if prepared is None:
                return ReplayOutcome.NOT_FOUND
            match prepared.decision.step:
                case ReplayStep.STOP:
                    return prepared.decision.outcome
                case ReplayStep.CLOSE:
                    return self.conclude(prepared)
                case ReplayStep.REVIVE | ReplayStep.RESUME | ReplayStep.HAND_OVER:
                    if self.enqueue(prepared):
                        return self.conclude(prepared)
            # The first step has written it.
            spent, as_of = prepared.number, None
        raise QueueRefused("every task made for it has ended at once")

    def _decide(self, letter_id: str, decide: Decide[Result], *, known: StoredDeadLetter | None = None) -> Result:
        """Decide by a dead letter, which is read first unless it is known, and by the delivery that it names."""
        letter = known or StoredDeadLetter.from_snapshot(self._database.get(f"{DEAD_LETTERS}/{letter_id}"))
        task = letter.task if letter else None
        return self._letters.decide(task.delivery_id if task else letter_id, decide, letter_id=letter_id)


def settled_by_event(
    letter: StoredDeadLetter, delivery: Delivery | None, record: MailRecord | None, *, now: datetime
) -> Settlement | None:
    """What an event of the email settles; None where there is no event, or it settles nothing."""
    reasons = {letter.reason, delivery.reason if delivery else ""}
    may_have_been_sent = letter.state is DeadLetterState.OPEN and reasons & MAY_HAVE_BEEN_SENT
    if record is None or not record.proves_acceptance or letter.task is None or not may_have_been_sent:
        return None
    settled = settlement(delivery, letter, record, now=now)
    return settled if settled.is_sent or settled.letter else None


def _task_name(task: ReportTask, number: int) -> str:
    return task_id(task.delivery_id, f"replay{number}")


def _later_failure(letter: StoredDeadLetter, delivery: Delivery | None) -> DeliveryFailure | None:
    """The failure that the delivery records, if the dead letter does not have it yet."""
    failure = delivery.failure if delivery else None
    if failure is None or letter.failed_at is None or failure.failed_at <= letter.failed_at:
        return None
    return failure


def _sound(delivery: Delivery | None) -> Delivery | None:
    if delivery is not None and delivery.problem:
        raise MalformedDelivery(delivery.problem)
    return delivery
