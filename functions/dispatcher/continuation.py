"""A piece of a run that another request does: a task that calls the dispatcher itself.

There are two kinds. The rest of a run, or of a share, that would take too long in one request; and the shares of a
run that is divided among several instances.
"""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.dispatcher.cursor import Cursor
from functions.shared.contract import InvalidContract, UtcDatetime, describe_validation_error
from functions.shared.ids import task_id
from functions.shared.task_queue import NewTask


class Continuation(BaseModel):
    """The body of such a task. It carries the share's figures, so that a part that is repeated counts nothing twice."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    scheduled_for: UtcDatetime
    attempt: str
    """What sets the continuations of this attempt at the run apart from those of another: a run that is called again
    goes through everybody again."""
    share: int = Field(default=0, ge=0)
    """Which one, counted from 0."""
    shares: int = Field(default=1, ge=1)
    """How many there are."""
    part: int
    """Which request works on the share, counted from 1. The first of share 0 is Cloud Scheduler's."""
    cursor: Cursor | None = None
    """Behind which place to begin; None where nobody was read."""
    until: Cursor | None = None
    """The last place of the share; None for the end."""
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

    def to_task(self) -> NewTask:
        """The task, named so that a part which is repeated by the queue hands its rest over once."""
        name = task_id(f"{self.run_id}-share-{self.share}-part-{self.part}", self.attempt)
        return NewTask(name, self.model_dump_json().encode())
