"""The rest of a run that would take too long in one piece: a task that calls the dispatcher itself."""

import hashlib
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.dispatcher.due_user import DueUser
from functions.shared.models import (
    DocumentId,
    InvalidContract,
    UtcDatetime,
    describe_validation_error,
    run_id,
    task_id,
)
from functions.shared.task_queue import NewTask


class Cursor(BaseModel):
    """The last user that was read: the rest begins behind."""

    model_config = ConfigDict(frozen=True)

    next_report_at: UtcDatetime
    user_id: DocumentId


class Continuation(BaseModel):
    """The body of such a task. It carries the run's figures, so that a part that is repeated counts nothing twice."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    scheduled_for: UtcDatetime
    cursor: Cursor | None = None
    figures: dict[str, int] = Field(default_factory=dict)

    @classmethod
    def from_json(cls, body: bytes) -> "Continuation":
        """Read the body.

        Raises:
            InvalidContract: it is not a continuation.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise InvalidContract(describe_validation_error(error)) from None

    @property
    def last_user(self) -> DueUser | None:
        """Behind whom to begin; None where only newcomers are left, or nobody was read."""
        return DueUser(self.cursor.user_id, self.cursor.next_report_at) if self.cursor else None

    def to_task(self) -> NewTask:
        """The task, named after the run and the place in it, so that a place is handed over once."""
        place = self.cursor.model_dump_json() if self.cursor else ""
        name = f"{self.run_id}-rest-{hashlib.sha256(place.encode()).hexdigest()[:16]}"
        return NewTask(task_id(name), self.model_dump_json().encode())


def rest_of_run(run_time: datetime, last: DueUser | None, figures: dict[str, int]) -> Continuation:
    """Hand over what comes behind a user."""
    return Continuation(
        run_id=run_id(run_time),
        scheduled_for=run_time,
        cursor=Cursor(next_report_at=last.due_at, user_id=last.user_id) if last else None,
        figures=figures,
    )
