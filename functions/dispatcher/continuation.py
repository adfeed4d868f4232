"""The rest of a run that would take too long in one piece: a task that calls the dispatcher itself."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.dispatcher.due_user import DueUser
from functions.shared.models import (
    DocumentId,
    InvalidContract,
    UtcDatetime,
    describe_validation_error,
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
    chain: str
    """What sets the continuations of this attempt at the run apart from those of another: a run that is called again
    goes through everybody again."""
    part: int
    """Counted from 2."""
    cursor: Cursor | None = None
    """Behind whom to begin; None where nobody was read."""
    newcomers_only: bool = False
    """Whether everybody who was due has been dealt with. Those enrolled since are due as well, but have their tasks."""
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
        """The cursor as the reader takes it."""
        return DueUser(self.cursor.user_id, self.cursor.next_report_at) if self.cursor else None

    def to_task(self) -> NewTask:
        """The task, named so that a part which is repeated by the queue hands its rest over once."""
        return NewTask(task_id(f"{self.run_id}-part-{self.part}", self.chain), self.model_dump_json().encode())


def cursor_behind(user: DueUser | None) -> Cursor | None:
    """The cursor for the rest behind a user."""
    return Cursor(next_report_at=user.due_at, user_id=user.user_id) if user else None
