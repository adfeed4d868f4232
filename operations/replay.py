"""Replays dead letters: the delivery is put back into the ledger, and a new task of a new name into the queue.

Each of the three steps has its effect once or not at all, and the whole may be begun again after any of them:
`prepare` (a transaction over the dead letter and its delivery), `enqueue` (a task whose name follows from delivery and
number of the replay), `conclude` (the letter is marked, unless the report has failed again meanwhile).
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.cloud import firestore

from functions.shared.dead_letter import CLOSED_LETTER_RETENTION, DeadLetterState
from functions.shared.delivery import DeliveryState, pending_fields, put_back_fields
from functions.shared.ids import task_id
from functions.shared.report_task import ReportTask
from functions.shared.task_queue import NewTask, TaskQueue
from operations import documents
from operations.dead_letters import StoredLetter
from operations.errors import UNREACHABLE, OperatorError, describe
from operations.replay_decision import Decision, DeliveryRecord, Outcome, Step, decide, is_unclear
from operations.result import Result

_READ_AT_ONCE = 1_000
"""How many deliveries are asked for in one call: well below what a request may hold."""

_MOST_NUMBERS = 20
"""How many replays whose task was made and has ended are passed over before it is given up."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A dead letter of which the first step is done.

    Attributes:
        letter: as it was read.
        decision: what was decided.
        number: which of the letter's replays this is: the salt of its task's name.
    """

    letter: StoredLetter
    decision: Decision
    number: int

    @property
    def task(self) -> ReportTask:
        """What its report's task says; only of a letter that names a report."""
        if self.letter.task is None:
            raise ValueError(f"{self.letter.id} names no report")
        return self.letter.task


class QueueRefused(OperatorError):
    """The queue did not take a task."""


class Replay:
    """Replays dead letters. Safe for threads, and for several operators at once.

    Args:
        client: the Firestore client.
        queue_of: gives the queue that a user's reports go to.
        has_task: whether a queue, by its id, still holds the task of a name.
        now: the present, in UTC.
    """

    def __init__(
        self,
        *,
        client: firestore.Client,
        queue_of: Callable[[str], TaskQueue],
        has_task: Callable[[str, str], bool],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._queue_of = queue_of
        self._has_task = has_task
        self._now = now

    def __call__(self, letter_id: str, *, may_send_twice: bool) -> Result:
        """Replay one dead letter. Nothing is raised for one that cannot be, except UNREACHABLE.

        Args:
            letter_id: which.
            may_send_twice: replay it although nobody knows whether its mail was sent.
        """
        try:
            return self._replay(letter_id, may_send_twice=may_send_twice)
        except UNREACHABLE:
            raise
        except (GoogleAPIError, OperatorError, ValueError) as error:
            # ValueError: the client library's, for a transaction that others have made fail five times.
            return Result(letter_id=letter_id, outcome=Outcome.ERROR, detail=describe(error))

    def preview(self, letter: StoredLetter) -> Result:
        """Say what would come of one dead letter, and change nothing.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore cannot be read.
        """
        snapshot = self._delivery(letter.task).get() if letter.task else None
        return Result(letter_id=letter.id, outcome=self._decide(letter, snapshot, may_send_twice=True).outcome)

    def unclear(self, letters: Sequence[StoredLetter]) -> set[str]:
        """The ids of those of which nobody knows whether their mail was sent, by the letter or by the ledger.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore cannot be read.
        """
        records: dict[str, DeliveryRecord | None] = {}
        deliveries = [self._delivery(letter.task) for letter in letters if letter.task]
        for start in range(0, len(deliveries), _READ_AT_ONCE):
            for snapshot in self._client.get_all(deliveries[start : start + _READ_AT_ONCE]):
                # One that is malformed stops its own replay only, with an error.
                with contextlib.suppress(ValueError):
                    records[snapshot.id] = _record(snapshot)
        return {
            letter.id
            for letter in letters
            if is_unclear(
                letter_state=letter.state,
                letter_reason=letter.reason,
                delivery=records.get(letter.task.delivery_id) if letter.task else None,
            )
        }

    def prepare(self, letter_id: str, *, may_send_twice: bool = False, spent: int | None = None) -> Prepared | None:
        """The first step: decide, and put the delivery back.

        Args:
            letter_id: which dead letter.
            may_send_twice: replay it although nobody knows whether its mail was sent.
            spent: the number of a replay whose task has come and gone without an end of the delivery.

        Returns:
            None where there is no such dead letter.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore cannot be asked or told.
        """
        reference = self._client.collection("dead_letters").document(letter_id)

        @firestore.transactional
        def carry_out(transaction: Any) -> Prepared | None:
            snapshot = reference.get(transaction=transaction)
            if not snapshot.exists:
                return None
            letter = StoredLetter.from_document(snapshot.id, documents.fields_of(snapshot))
            delivery = self._delivery(letter.task).get(transaction=transaction) if letter.task else None
            decision = self._decide(letter, delivery, may_send_twice=may_send_twice)
            number = letter.replays
            if decision.step is Step.REVIVE or (decision.step is not Step.STOP and spent == number):
                number += 1
            if decision.step in {Step.REVIVE, Step.RESUME, Step.HAND_OVER}:
                # A new death before `conclude` finds the letter open: by this mark people are told of it all the same.
                transaction.update(reference, {"replays": number, "in_replay": True})
            if letter.task and decision.step in {Step.REVIVE, Step.RESUME}:
                # Written even where it is pending already: a worker that is about to mark it dead then fails to.
                name = _task_name(letter.task, number)
                self._put_back(transaction, letter.task, name, is_new=delivery is None or not delivery.exists)
            elif letter.task and decision.step is Step.HAND_OVER:
                # For the same reason: the worker may only have stood still, just before it would mark it dead.
                fields = {"updated_at": self._now(), "task": _task_name(letter.task, number)}
                transaction.update(self._delivery(letter.task), fields)
            return Prepared(letter=letter, decision=decision, number=number)

        prepared: Prepared | None = carry_out(self._client.transaction())
        return prepared

    def enqueue(self, prepared: Prepared) -> bool:
        """The second step: make the task.

        Returns:
            false where the task of this number has been made before and has come to its end.

        Raises:
            QueueRefused: the queue does not take it.
            google.api_core.exceptions.GoogleAPIError: the queue cannot be asked.
        """
        task = prepared.task
        queue = self._queue_of(task.user_id)
        new = NewTask(_task_name(task, prepared.number), task.to_json())
        [outcome] = queue.enqueue([new])
        if outcome.is_created:
            return True
        if outcome.is_known:
            return self._has_task(queue.queue, new.task_id)
        raise QueueRefused(f"the queue {queue.queue} does not take the task: {outcome.status} {outcome.message}")

    def conclude(self, prepared: Prepared) -> Outcome:
        """The third step: mark the letter, unless its report has failed again since the first one.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Firestore cannot be asked or told.
        """
        reference = self._client.collection("dead_letters").document(prepared.letter.id)

        @firestore.transactional
        def carry_out(transaction: Any) -> Outcome:
            snapshot = reference.get(transaction=transaction)
            if not snapshot.exists:
                return Outcome.NOT_FOUND
            letter = StoredLetter.from_document(snapshot.id, documents.fields_of(snapshot))
            delivery = _record(self._delivery(letter.task).get(transaction=transaction)) if letter.task else None
            if letter.failure != prepared.letter.failure or (delivery and delivery.state is DeliveryState.DEAD):
                return Outcome.FAILED_AGAIN
            if letter.state == DeadLetterState.OPEN:
                now = self._now()
                fields = {
                    "state": DeadLetterState.REPLAYED.value,
                    "replayed_at": now,
                    "expire_at": now + CLOSED_LETTER_RETENTION,
                }
                transaction.update(reference, fields)
            return prepared.decision.outcome

        outcome: Outcome = carry_out(self._client.transaction())
        return outcome

    def _replay(self, letter_id: str, *, may_send_twice: bool) -> Result:
        spent: int | None = None
        for _ in range(_MOST_NUMBERS):
            prepared = self.prepare(letter_id, may_send_twice=may_send_twice, spent=spent)
            if prepared is None:
                return Result(letter_id=letter_id, outcome=Outcome.NOT_FOUND)
            match prepared.decision.step:
                case Step.STOP:
                    return Result(letter_id=letter_id, outcome=prepared.decision.outcome)
                case Step.CLOSE:
                    return Result(letter_id=letter_id, outcome=self.conclude(prepared))
                case Step.REVIVE | Step.RESUME | Step.HAND_OVER:
                    if self.enqueue(prepared):
                        return Result(letter_id=letter_id, outcome=self.conclude(prepared))
            spent = prepared.number
        return Result(letter_id=letter_id, outcome=Outcome.ERROR, detail="every task made for it has ended at once")

    def _decide(self, letter: StoredLetter, delivery: Any, *, may_send_twice: bool) -> Decision:
        failed_at, received_at = letter.failure
        return decide(
            letter_state=letter.state,
            letter_reason=letter.reason,
            names_a_report=letter.task is not None,
            received_at=received_at,
            failed_at=failed_at,
            delivery=_record(delivery) if delivery is not None else None,
            may_send_twice=may_send_twice,
            now=self._now(),
        )

    def _delivery(self, task: ReportTask | None) -> Any:
        if task is None:
            raise ValueError("there is no delivery")
        return self._client.collection("deliveries").document(task.delivery_id)

    def _put_back(self, transaction: Any, task: ReportTask, task_name: str, *, is_new: bool) -> None:
        if is_new:
            fields = pending_fields(task, now=self._now(), by_hand=True, task_name=task_name)
        else:
            fields = put_back_fields(task, now=self._now(), task_name=task_name)
        transaction.set(self._delivery(task), fields, merge=True)


def _task_name(task: ReportTask, number: int) -> str:
    return task_id(task.delivery_id, f"replay{number}")


def _record(snapshot: Any) -> DeliveryRecord | None:
    if not snapshot.exists:
        return None
    fields = documents.fields_of(snapshot)
    lease = fields.get("lease_expires_at")
    return DeliveryRecord(
        state=DeliveryState(str(fields.get("state"))),
        lease_expires_at=lease if isinstance(lease, datetime) else None,
        reason=documents.text(fields, "reason") or "",
        failed_at=documents.moment(fields, "failed_at"),
    )
