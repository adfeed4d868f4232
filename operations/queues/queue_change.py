"""Works out a change to a queue's rate and retry policy, and what else the change affects. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from operations.errors import OperatorError
from operations.time_args import format_duration


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """The settings of a queue that the command can change; None for each that stays as it is.

    https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues

    Attributes:
        rate: dispatches a second; more than 0, at most 500.
        concurrent: dispatches at once; at most 5,000.
        max_attempts: how often a task is tried, the first attempt included; -1 for no limit.
        min_backoff: the wait before the first retry.
        max_backoff: the longest wait.
        max_doublings: how often the wait doubles before it grows by equal steps.
        max_retry_duration: how long a task is retried at least; zero for no such time.
    """

    rate: float | None = None
    concurrent: int | None = None
    max_attempts: int | None = None
    min_backoff: timedelta | None = None
    max_backoff: timedelta | None = None
    max_doublings: int | None = None
    max_retry_duration: timedelta | None = None

    def given(self) -> dict[str, Any]:
        """The settings that are not None, by name."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in pairs if value is not None}


PATHS: Mapping[str, str] = {
    "rate": "rate_limits.max_dispatches_per_second",
    "concurrent": "rate_limits.max_concurrent_dispatches",
    "max_attempts": "retry_config.max_attempts",
    "min_backoff": "retry_config.min_backoff",
    "max_backoff": "retry_config.max_backoff",
    "max_doublings": "retry_config.max_doublings",
    "max_retry_duration": "retry_config.max_retry_duration",
}
"""The field of each setting in the service's Queue message."""


def field_of(name: str) -> str:
    """The field of a setting in its part of the message: `max_attempts`. queue.yaml has it as `--max-attempts`."""
    return PATHS[name].partition(".")[2]


def differences(before: QueueSettings, wanted: QueueSettings) -> dict[str, tuple[Any, Any]]:
    """The changed settings, by name: each with its value before and after."""
    return {
        name: (getattr(before, name), value) for name, value in wanted.given().items() if getattr(before, name) != value
    }


def check_change(before: QueueSettings, wanted: QueueSettings) -> None:
    """Check a change. The service accepts a shortest wait that is longer than the longest one, and then keeps to
    neither.

    Raises:
        OperatorError: the change makes the queue so.
    """
    smallest = wanted.min_backoff if wanted.min_backoff is not None else before.min_backoff
    longest = wanted.max_backoff if wanted.max_backoff is not None else before.max_backoff
    if smallest is not None and longest is not None and smallest > longest:
        raise OperatorError(
            f"--min-backoff {format_duration(smallest)} is longer than --max-backoff {format_duration(longest)}."
        )


def warnings(changed: Mapping[str, tuple[Any, Any]], *, worker_max_attempts: str | None) -> list[str]:
    """What else the operator must do so that a change is correct and permanent.

    Args:
        changed: as `differences()` gives it.
        worker_max_attempts: the worker's MAX_ATTEMPTS, where it is known.
    """
    lines = []
    if "max_attempts" in changed:
        after = changed["max_attempts"][1]
        known = f" (now {worker_max_attempts})" if worker_max_attempts else ""
        if str(after) != worker_max_attempts:
            lines.append(
                f"Set the worker's MAX_ATTEMPTS{known} to {after}, too: it tells the worker which attempt is the last. "
                "With another value a report becomes a dead letter too early, or its task ends without one."
            )
    if changed:
        flags = ", ".join(f"--{field_of(name).replace('_', '-')}" for name in changed)
        lines.append(f"The next deployment sets what queue.yaml says: to keep the change, write {flags} there.")
    return lines
