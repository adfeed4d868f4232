"""The part of a run that one request does; the parts after the first are tasks that call the dispatcher itself.

A request hands on the rest of a run that would take too long.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Self

import structlog
from pydantic import Field

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.due_subscriptions import Cursor
from functions.dispatcher.new_documents import NewCursor
from functions.dispatcher.run_counters import RunCounters
from functions.shared.queues.task_queue import NewTask, TaskQueue
from functions.shared.records.contract import Contract, UtcDatetime
from functions.shared.records.ids import SHARDS, run_id, task_id

_logger = structlog.get_logger()


class RunStage(StrEnum):
    """The stage that a part begins with. The stages follow one another."""

    DUE = "due"
    """Enqueue the reports that are due."""
    SCHEDULING = "scheduling"
    """Schedule the subscriptions that are new."""
    ENROLLMENT = "enrollment"
    """Enroll the users who are new."""
    ADDRESS_CHANGES = "address_changes"
    """Resume what bounced, where the address has changed."""


class RunPart(Contract):
    """A part of a run, as the body of its task. It carries the counters, so that a repeated part counts nothing twice.

    Version 0.2.0 could divide the shards of a run among several instances, in shares: of such a run this version takes
    parts over, and makes none."""

    run_id: str
    scheduled_for: UtcDatetime
    attempt: str
    """Which attempt at the run: one that is called again goes through all due subscriptions again, in parts of its
    own."""
    share: int = Field(default=0, ge=0, lt=SHARDS)
    """Which share, counted from 0."""
    shares: int = Field(default=1, ge=1, le=SHARDS)
    """Among how many the shards are divided; 1 where the run is not divided."""
    part: int
    """Which request works on it, counted from 1. Cloud Scheduler makes the first."""
    stage: RunStage = RunStage.DUE
    cursor: Cursor | None = None
    """The place after which to begin to read what is due; None for the beginning."""
    new_cursor: NewCursor | None = None
    """The place after which to begin to look for what is new, in the stage; None for the beginning."""
    counters: dict[str, int] = Field(default_factory=dict)

    @property
    def shards(self) -> Sequence[int]:
        """The shards whose reports the part enqueues."""
        return range(self.share, SHARDS, self.shares)

    @classmethod
    def first(cls, run_time: datetime) -> Self:
        """The part that Cloud Scheduler calls for, of a new attempt.

        Args:
            run_time: the time that the run is for, in UTC.
        """
        # These values need no validation. A run that ends within one request then never builds Pydantic's validator.
        return cls.model_construct(run_id=run_id(run_time), scheduled_for=run_time, attempt=uuid.uuid4().hex, part=1)

    def after(self, due: DueSubscription) -> Self:
        """What is left of the part once it has enqueued a report."""
        return self.model_copy(update={"cursor": Cursor.of(due)})

    def at(self, stage: RunStage, place: NewCursor | None = None) -> Self:
        """What is left of the part once it has come to a stage, and to a place in it."""
        return self.model_copy(update={"stage": stage, "cursor": None, "new_cursor": place})

    def next_part(self, counters: RunCounters) -> Self:
        """The part by which another request goes on.

        Args:
            counters: what was counted until now.
        """
        return self.model_copy(update={"part": self.part + 1, "counters": counters.to_dict()})

    def to_task(self) -> NewTask:
        """The task, named so that a part which is repeated by the queue hands its rest over once."""
        name = task_id(f"{self.run_id}-share-{self.share}-part-{self.part}", self.attempt)
        return NewTask(name, self.model_dump_json().encode())


def enqueue_part(queue: TaskQueue, part: RunPart, counters: RunCounters) -> bool:
    """Hand a part to another request.

    Args:
        queue: the queue whose tasks call the dispatcher.
        part: what to hand over.
        counters: where a failure is counted as an error.

    Returns:
        whether the queue has it.
    """
    (creation,) = queue.enqueue([part.to_task()])
    if creation.is_made:
        return True
    counters.add_error()
    _logger.error("part_not_enqueued", run_id=part.run_id, status=creation.status, reason=creation.message)
    return False
