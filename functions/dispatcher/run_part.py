"""The part of a run that one request does; the parts after the first are tasks that call the dispatcher itself.

A request hands on the rest of a run, or of a share, that would take too long; and a run that is divided among several
instances hands on its shares.
"""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.dispatcher.due_subscriptions import Cursor
from functions.dispatcher.run_counters import RunCounters
from functions.shared.contract import InvalidContract, UtcDatetime, describe_validation_error
from functions.shared.ids import SHARDS, run_id, task_id
from functions.shared.task_queue import NewTask, TaskQueue

_logger = structlog.get_logger()


class RunStage(StrEnum):
    """What is to be done first: the stages come one after the other."""

    DUE = "due"
    """Enqueue the reports that are due, of the part's shards."""
    NEW = "new"
    """Schedule and enroll what is new, once all shares are done with what is due. What gets its due time now is due as
    well, but has its task: no share may read it as due."""


class RunPart(BaseModel):
    """The body of such a task. It carries the share's counters, so that a repeated part counts nothing twice."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    scheduled_for: UtcDatetime
    attempt: str
    """Which attempt at the run: one that is called again goes through all due subscriptions again, in parts of its
    own."""
    share: int = Field(default=0, ge=0, lt=SHARDS)
    """Which share, counted from 0."""
    shares: int = Field(default=1, ge=1, le=SHARDS)
    """Among how many instances the shards are divided; 1 where the run is not divided."""
    part: int
    """Which request works on the share, counted from 1. Cloud Scheduler makes the first of share 0."""
    stage: RunStage = RunStage.DUE
    cursor: Cursor | None = None
    """The place after which to begin to read what is due; None for the beginning."""
    counters: dict[str, int] = Field(default_factory=dict)

    @property
    def shards(self) -> Sequence[int]:
        """The shards of the share."""
        return range(self.share, SHARDS, self.shares)
