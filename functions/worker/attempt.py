"""One call of the worker by the queue."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One call of the worker by the queue.

    Attributes:
        number: 1 for the first. https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
        task_name: the task's name in Cloud Tasks; empty for a call by hand.
        last: whether the queue deletes the task after this attempt, whatever the answer.
    """

    number: int
    task_name: str
    last: bool
