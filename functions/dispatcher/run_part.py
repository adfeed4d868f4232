"""The part of a run that one request does; the parts after the first are tasks that call the dispatcher itself.

A request hands on the rest of a run, or of a share, that would take too long; and a run that is divided among several
instances hands on its shares.
"""

import uuid
from datetime import datetime
from typing import Self

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.dispatcher.due_users import Cursor
from functions.dispatcher.run_counters import RunCounters
from functions.shared.contract import InvalidContract, UtcDatetime, describe_validation_error
from functions.shared.ids import run_id, task_id
from functions.shared.task_queue import NewTask, TaskQueue

_logger = structlog.get_logger()


class RunPart(BaseModel):
    """The body of such a task. It carries the share's counters, so that a repeated part counts nothing twice."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    scheduled_for: UtcDatetime
    attempt: str
    """Which attempt at the run: one that is called again goes through all due users again, in parts of its own."""
    share: int = Field(default=0, ge=0)
    """Which share, counted from 0."""
    shares: int = Field(default=1, ge=1)
    """How many shares there are; 1 where the run is not divided."""
    part: int
    """Which request works on the share, counted from 1. Cloud Scheduler makes the first of share 0."""
    cursor: Cursor | None = None
    """The place after which to begin; None for the beginning."""
    until: Cursor | None = None
    """The last place of the share; None for the end."""
    enrollment_only: bool = False
    """Whether all due users are dealt with, so that only enrollment is left. Users enrolled since are due as well, but
    have their tasks."""
    counters: dict[str, int] = Field(default_factory=dict)

    @classmethod
    def first(cls, run_time: datetime) -> Self:
        """The part that Cloud Scheduler calls for, of a new attempt.

        Args:
            run_time: the time that the run is for, in UTC.
        """
        return cls(run_id=run_id(run_time), scheduled_for=run_time, attempt=uuid.uuid4().hex, part=1)

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read the body.

        Raises:
            InvalidContract: it is not the part of a run.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise InvalidContract(describe_validation_error(error)) from None

    def after(self, place: Cursor) -> Self:
        """What is left of the part once it has come to a place."""
        return self.model_copy(update={"cursor": place})

    def with_enrollment_only(self) -> Self:
        """What is left of the part once all its due users are dealt with."""
        return self.model_copy(update={"enrollment_only": True})

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
    if creation.is_created or creation.is_known:
        return True
    counters.add_error()
    _logger.error(
        "part_not_enqueued", run_id=part.run_id, share=part.share, status=creation.status, reason=creation.message
    )
    return False
