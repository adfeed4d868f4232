"""Alerts people that the email provider refuses the API key: no report goes out until someone replaces it."""

import threading
import time
from collections.abc import Callable
from datetime import datetime

from functions.shared.logging import redact_addresses
from functions.shared.records.system_alert import AlertKind, SystemAlert

_PAUSE_SECONDS = 60.0
"""Between two alerts of one process: thousands of tasks meet the same key."""


class KeyAlert:
    """Publishes the alert, at most once a minute. Safe for threads.

    Args:
        tell: publishes an alert: functions.shared.dead_letter_topic.DeadLetterTopic.tell.
        now: the present, in UTC.
        account: whose key it is; empty: the deployment's own.
    """

    def __init__(
        self, tell: Callable[[SystemAlert], object], *, now: Callable[[], datetime], account: str = ""
    ) -> None:
        self._tell = tell
        self._now = now
        self._account = account
        self._lock = threading.Lock()
        self._next_at = 0.0
        self._untold = 0

    def __call__(self, *, run_id: str, error: str) -> None:
        """A task found that the provider refuses the key. Raises nothing: if Pub/Sub fails, the log has the alert.

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
            alert=AlertKind.KEY_REFUSED,
            run_id=run_id,
            at=self._now(),
            detail=redact_addresses(error),
            figures=figures,
            about=self._account,
        )
        self._tell(alert)
