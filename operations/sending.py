"""Shows whether the breaker has stopped the runs, and lets them go on."""

import getpass
from datetime import UTC, datetime
from typing import Any

from google.cloud import firestore

from functions.shared.logging import redact_addresses
from functions.shared.mail_breaker import BREAKER_STATE, MAIL_BREAKER, BreakerState


class Sending:
    """Reads and resumes the breaker. Safe while runs go on.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client = client
        self._document = client.collection(MAIL_BREAKER).document(BREAKER_STATE)

    def breaker(self) -> BreakerState:
        """The breaker as it is now."""
        return BreakerState.from_snapshot(self._document.get())

    def resume(self, *, by: str, note: str) -> bool:
        """Let the runs go on.

        Args:
            by: who wants that, kept with the breaker.
            note: why, kept with the breaker.

        Returns:
            whether they were stopped.
        """

        @firestore.transactional
        def carry_out(transaction: Any) -> bool:
            breaker = BreakerState.from_snapshot(self._document.get(transaction=transaction))
            if not breaker.is_stopped:
                return False
            resumed = breaker.resumed(at=datetime.now(UTC), by=by, note=note)
            transaction.set(self._document, resumed.to_fields())
            return True

        was_stopped: bool = carry_out(self._client.transaction())
        return was_stopped


def to_row(breaker: BreakerState) -> dict[str, Any]:
    """The breaker as the command prints it."""
    figures = breaker.figures
    return {
        "state": "stopped" if breaker.is_stopped else "sending",
        "stopped_at": breaker.stopped_at,
        "because": redact_addresses(breaker.because) or None,
        "figures": {
            **figures.to_fields(),
            "complaint_percent": round(float(figures.complaint_percent), 3),
            "bounce_percent": round(float(figures.bounce_percent), 3),
        }
        if figures
        else {},
        "read_at": breaker.read_at,
        "resumed_at": breaker.resumed_at,
        "resumed_by": redact_addresses(breaker.resumed_by) or None,
        "note": redact_addresses(breaker.note) or None,
    }


def operator_name() -> str:
    """Who runs the command, by the name that the machine knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
