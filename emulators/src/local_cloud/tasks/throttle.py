"""Slows a whole queue down when its worker says that it is overloaded.

The service documents that it slows down on 429, 503 and `Retry-After`, but not by how much: the figures here are this
project's own. https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks#HttpRequest
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from local_cloud.tasks.moments import SECOND, from_datetime

OVERLOAD_STATUSES = frozenset({429, 503})
"""Answers that slow the queue down."""

_STEP = SECOND
"""The rate changes once a second at most: a hundred tasks under way that all come back with 503 are one message."""

_LEAST = 1 / 64
"""The share of its rate that a queue keeps, so that it notices when the worker has recovered."""


class Throttle:
    """The share of its rate that a queue may use now, and until when it must hold still.

    The share is halved at an answer that says "too much", and doubled at a success when none said so for a second.
    """

    def __init__(self) -> None:
        self.share = 1.0
        self.held_until = 0
        self._slowed_at = -_STEP
        self._faster_from = 0

    def overloaded(self, now: int) -> None:
        """A worker answered 429 or 503."""
        if now - self._slowed_at >= _STEP:
            self.share = max(_LEAST, self.share / 2)
            self._slowed_at = now
        self._faster_from = now + _STEP

    def succeeded(self, now: int) -> None:
        """A worker answered 2xx."""
        if self.share < 1 and now >= self._faster_from:
            self.share = min(1.0, self.share * 2)
            self._faster_from = now + _STEP

    def hold(self, until: int) -> None:
        """Dispatch nothing before a moment, in microseconds since 1970."""
        self.held_until = max(self.held_until, until)


def retry_after(value: str | None, now: int) -> int | None:
    """The moment that a Retry-After header names, in microseconds since 1970; None without one that makes sense.

    Seconds or an HTTP date: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    if value is None:
        return None
    value = value.strip()
    try:
        if value.isascii() and value.isdigit():
            return now + int(value) * SECOND
        date: datetime = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return from_datetime(date if date.tzinfo else date.replace(tzinfo=UTC))
