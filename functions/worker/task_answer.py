"""What the worker answers the queue about a task, and what it logs about it."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog

from functions.shared.records.delivery import Delivery
from functions.shared.records.report_task import ReportTask
from functions.worker.attempt import Attempt
from functions.worker.transitions import Retry

_logger = structlog.get_logger()


class TaskAnswer(NamedTuple):
    """What came of one attempt.

    Attributes:
        status: the HTTP status. Cloud Tasks calls again for every status other than 2xx.
        result: the outcome in one word.
        delivery_id: which delivery; empty where the task names none.
        details: more about it, fit for the answer and the log.
        retry_after_seconds: how long the provider asks us to wait.
        lateness_seconds: how late the report is that this attempt has made final; None where it has not, or where no
            schedule promises the report.
    """

    status: HTTPStatus
    result: str
    delivery_id: str = ""
    details: Mapping[str, str] = {}
    retry_after_seconds: int | None = None
    lateness_seconds: int | None = None


KIND_PAUSED = TaskAnswer(status=HTTPStatus.OK, result="held", details={"cause": "kind-paused"})
SETTLING = TaskAnswer(status=HTTPStatus.OK, result="held", details={"cause": "settling"})
UNEXPECTED = TaskAnswer(status=HTTPStatus.INTERNAL_SERVER_ERROR, result="retry", details={"cause": "internal-error"})
FIRESTORE_FAILED = TaskAnswer(status=HTTPStatus.INTERNAL_SERVER_ERROR, result="retry", details={"cause": "firestore"})
DEAD_LETTER_NOT_PUBLISHED = TaskAnswer(
    status=HTTPStatus.INTERNAL_SERVER_ERROR, result="retry", details={"cause": "dead-letter-not-published"}
)
TASK_NOT_MADE = TaskAnswer(status=HTTPStatus.INTERNAL_SERVER_ERROR, result="retry", details={"cause": "task-not-made"})

LEFT_TO_OTHERS = TaskAnswer(status=HTTPStatus.CONFLICT, result="leased")
"""Another process has acted on the delivery, or is acting on it now, and it is not final yet."""

SUBSCRIPTION_NOT_MOVED = TaskAnswer(
    status=HTTPStatus.INTERNAL_SERVER_ERROR, result="retry", details={"cause": "subscription-not-moved"}
)


def already_final(delivery: Delivery | None) -> TaskAnswer:
    """The delivery was final before this attempt."""
    state = delivery.state.value if delivery else ""
    return TaskAnswer(status=HTTPStatus.OK, result="already-final", details={"state": state})


def to_be_retried(task: ReportTask, retry: Retry) -> TaskAnswer:
    """The attempt failed, and the queue is to call again. Logs why."""
    _logger.warning("attempt_failed", delivery_id=task.delivery_id, cause=retry.cause, error=retry.error)
    return TaskAnswer(
        status=retry.status,
        result="retry",
        details={"cause": retry.cause},
        retry_after_seconds=retry.retry_after_seconds,
    )


class AttemptTimer:
    """How long an attempt takes, and parts of it."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._parts: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """Since the start of the attempt."""
        return time.monotonic() - self._started

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure a part of the attempt."""
        started = time.monotonic()
        try:
            yield
        finally:
            self._parts[name] = time.monotonic() - started

    def log(self, task: ReportTask | None, attempt: Attempt, answer: TaskAnswer) -> None:
        """Log the attempt, in one line.

        Args:
            task: which; None where the body was no task.
            attempt: the queue's call.
            answer: what came of it.
        """
        fields: dict[str, Any] = {f"{name}_ms": round(seconds * 1000) for name, seconds in self._parts.items()}
        if task is not None:
            fields |= {"delivery_id": task.delivery_id, "run_id": task.run_id, "kind": task.kind}
        if answer.lateness_seconds is not None:
            fields["lateness_seconds"] = answer.lateness_seconds
        _logger.info(
            "report_attempted",
            result=answer.result,
            **answer.details,
            status=int(answer.status),
            attempt=attempt.number,
            total_ms=round(self.seconds * 1000),
            **fields,
        )
