"""A function that a queue calls, for any type of task. Decides who may call it, which errors to retry, and when to give
up.

It follows the worker's rules and uses the same shared code. functions/worker/main.py gives the source of each rule.
"""

import functools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from google.api_core.exceptions import GoogleAPIError
from pydantic import Field

from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.logging import configure_logging, redact_addresses
from functions.shared.records.dead_letter import DeadLetter, DeadLetterReason
from functions.shared.serving.answer import Answer, json_answer
from functions.shared.serving.identity import NotAuthorized, TokenVerifier
from functions.shared.settings import Address, CommonSettings, IdentitySettings, Url

if TYPE_CHECKING:
    import flask

_BODY_CHARACTERS = 10_000
_ERROR_CHARACTERS = 1_000

_logger = structlog.get_logger()


class TaskFunctionSettings(CommonSettings, IdentitySettings):
    """The environment of a function that a queue calls."""

    function_url: Url
    tasks_invoker: Address
    dead_letter_topic: str
    max_attempts: int = Field(ge=1)
    """The queue's, as its flags file has it: the last attempt is the one that makes the dead letter."""


class PermanentError(Exception):
    """An error that no further attempt can fix. Its text goes into the dead letter."""


class SlowDown(Exception):
    """Another service is overloaded: the whole queue must wait.

    Attributes:
        retry_after_seconds: how long, where the service said so.
    """

    def __init__(self, message: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TaskFunction:
    """Answers a queue's calls.

    Args:
        name: of the function, in its logs.
        settings: its environment.
        carry_out: does what a task's body asks for, and returns one word for what came of it. It is called again for
            the same task after any error but PermanentError, and may be called twice without one: it must be
            idempotent.
    """

    def __init__(self, name: str, settings: TaskFunctionSettings, carry_out: Callable[[bytes], str]) -> None:
        configure_logging(name, settings.log_level)
        self._settings = settings
        self._carry_out = carry_out
        self._verifier = TokenVerifier.from_settings(
            settings, audience=settings.function_url, invokers=[settings.tasks_invoker]
        )

    def __call__(self, request: "flask.Request") -> Answer:
        """Answer one call."""
        if request.method != "POST":
            return json_answer(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed")
        try:
            self._verifier.verify(request.headers, now=datetime.now(UTC))
        except NotAuthorized as error:
            return json_answer(error.status, "not-authorized")
        body, retries = request.get_data(), request.headers.get("X-CloudTasks-TaskRetryCount", "0")
        attempt = int(retries) + 1 if retries.isascii() and retries.isdigit() else 1
        answer = self._attempt(body, attempt, request.headers.get("X-CloudTasks-TaskName", ""))
        _logger.info("task", attempt=attempt, status=answer[1], **json.loads(answer[0]))
        return answer

    def _attempt(self, body: bytes, attempt: int, task_name: str) -> Answer:
        try:
            return json_answer(HTTPStatus.OK, self._carry_out(body))
        except PermanentError as error:
            return self._give_up(body, DeadLetterReason.PERMANENT_ERROR, error, attempt, task_name)
        except Exception as error:
            if attempt >= self._settings.max_attempts:
                return self._give_up(body, DeadLetterReason.RETRIES_EXHAUSTED, error, attempt, task_name)
            if isinstance(error, SlowDown):
                seconds = error.retry_after_seconds
                headers = {} if seconds is None else {"Retry-After": str(seconds)}
                return json_answer(HTTPStatus.TOO_MANY_REQUESTS, "retry", headers=headers)
            _logger.exception("the task failed", attempt=attempt)
            return json_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "retry")

    def _give_up(self, body: bytes, reason: DeadLetterReason, error: Exception, attempt: int, task_name: str) -> Answer:
        """Publish a dead letter, and only then answer for good: the queue drops the task without a trace."""
        letter = DeadLetter(
            reason=reason,
            error=redact_addresses(f"{type(error).__name__}: {error}")[:_ERROR_CHARACTERS],
            attempts=attempt,
            failed_at=datetime.now(UTC),
            body=body.decode(errors="replace")[:_BODY_CHARACTERS],
        )
        try:
            self._topic.publish(letter, task_name=task_name, retry_count=attempt - 1)
        except (GoogleAPIError, TimeoutError):
            _logger.exception("a dead letter cannot be published")
            return json_answer(HTTPStatus.INTERNAL_SERVER_ERROR, "retry")
        return json_answer(HTTPStatus.OK, "dead")

    @functools.cached_property
    def _topic(self) -> DeadLetterTopic:
        return DeadLetterTopic(self._settings.google_cloud_project, self._settings.dead_letter_topic)
