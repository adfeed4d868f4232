"""Publishes dead letters, and says whether Pub/Sub has them."""

from enum import Enum, auto
from typing import Protocol

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.shared.dead_letter import DeadLetter
from functions.shared.dead_letter_topic import PublishRefused
from functions.shared.sanitize import error_text
from functions.worker.attempt import Attempt

_logger = structlog.get_logger()


class DeadLetters(Protocol):
    """Where dead letters go: functions.shared.dead_letter_topic."""

    def publish(self, letter: DeadLetter, *, task_name: str = "", retry_count: int = 0) -> None:
        """Publish a dead letter; returns when Pub/Sub has stored it."""


class Published(Enum):
    """Whether Pub/Sub has a dead letter."""

    YES = auto()
    """It said so."""
    NO = auto()
    """It refused the message."""
    PERHAPS = auto()
    """There was no answer, or none that says so."""


def publish(dead_letters: DeadLetters, letter: DeadLetter, attempt: Attempt) -> Published:
    """Publish a dead letter. Logs why Pub/Sub does not have it.

    Args:
        dead_letters: where to.
        letter: which.
        attempt: the queue's call whose report it is about.
    """
    try:
        dead_letters.publish(letter, task_name=attempt.task_name, retry_count=attempt.number - 1)
    except (GoogleAPIError, TimeoutError) as error:
        _logger.error(  # noqa: TRY400  the traceback is the library's own
            "dead_letter_not_published", delivery_id=letter.delivery_id, error=error_text(error)
        )
        return Published.NO if isinstance(error, PublishRefused) else Published.PERHAPS
    return Published.YES
