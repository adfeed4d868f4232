"""Tells people that the mail provider refuses the key: no report goes out until somebody gives the worker another."""

import threading
import time
from collections.abc import Callable
from datetime import datetime

import structlog
from google.api_core.exceptions import GoogleAPIError

from functions.shared.logging import redact_addresses
from functions.shared.system_alert import AlertKind, SystemAlert

_PAUSE_SECONDS = 60.0
"""Between two messages of one process: thousands of tasks complain of the same key."""

_logger = structlog.get_logger()


class KeyAlert:
    """Publishes it now and then. Safe for threads.

    Args:
        tell: publishes an alert: functions.shared.dead_letter_topic.DeadLetterTopic.tell.
        now: the present, in UTC.
    """

    def __init__(self, tell: Callable[[SystemAlert], None], *, now: Callable[[], datetime]) -> None:
        self._tell = tell
        self._now = now
        self._lock = threading.Lock()
        self._next_at = 0.0
        self._untold = 0

    def __call__(self, *, run_id: str, error: str) -> None:
        """A task found the key refused. No error leaves here: the task has worse to deal with, and the log has it.

        Args:
            run_id: of the task's run.
            error: the provider's answer.
        """
        with self._lock:
            self._untold += 1
            if time.monotonic() < self._next_at:
                return
            self._next_at = time.monotonic() + _PAUSE_SECONDS
            refused, self._untold = self._untold, 0
        figures = {"refused_mails": refused}
        alert = SystemAlert(
            alert=AlertKind.KEY_REFUSED, run_id=run_id, at=self._now(), detail=redact_addresses(error), figures=figures
        )
        try:
            self._tell(alert)
        except (GoogleAPIError, TimeoutError) as failure:
            _logger.warning("an alert cannot be published", kind=alert.alert, error=type(failure).__name__)
