"""Shows whether the breaker has stopped the runs, and lets them go on."""

import getpass
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.logging import redact_addresses
from functions.shared.records.mail_breaker import BREAKER_STATE, MAIL_BREAKER, BreakerState

_DOCUMENT = f"{MAIL_BREAKER}/{BREAKER_STATE}"


class Sending:
    """Reads and resumes the breaker. Safe while runs go on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def breaker(self) -> BreakerState:
        """The breaker as it is now."""
        return BreakerState.from_snapshot(self._database.get(_DOCUMENT))

    def resume(self, *, by: str, note: str, now: datetime) -> bool:
        """Let the runs go on.

        Returns:
            whether they were stopped.
        """

        def resumed(found: FoundDocument) -> tuple[bool, Mapping[str, Any]]:
            breaker = BreakerState.from_snapshot(found)
            if not breaker.is_stopped:
                return False, {}
            return True, breaker.resumed(at=now, by=by, note=note).to_fields()

        return self._database.change(_DOCUMENT, resumed)


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
