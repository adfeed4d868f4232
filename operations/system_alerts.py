"""Reads the system alerts that the DLQ handler keeps, for the operator."""

from datetime import datetime
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.logging import redact_addresses
from functions.shared.records.system_alert import SYSTEM_ALERTS, StoredSystemAlert
from operations.reading import document_fields


class SystemAlerts:
    """Reads `system_alerts`.

    Args:
        database: the Firestore database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self) -> int:
        """How many system alerts are kept."""
        return self._database.count(Query.of(SYSTEM_ALERTS))

    def latest(self, limit: int | None) -> list[dict[str, Any]]:
        """The latest system alerts, the newest first.

        Args:
            limit: how many at most; None for all.
        """
        newest_first = Query.of(SYSTEM_ALERTS).order_by("received_at", descending=True).limit(limit)
        found = map(StoredSystemAlert.from_snapshot, self._database.stream(newest_first))
        return [_to_row(alert) for alert in found if alert]

    def between(self, since: datetime, until: datetime, *, limit: int) -> list[dict[str, Any]]:
        """The first system alerts that came between two times, the first first.

        Args:
            since: the first time.
            until: the second.
            limit: how many at most.
        """
        query = Query.of(SYSTEM_ALERTS).where("received_at", ">=", since).where("received_at", "<=", until)
        found = map(StoredSystemAlert.from_snapshot, self._database.stream(query.order_by("received_at").limit(limit)))
        return [_to_row(alert) for alert in found if alert]


def _to_row(alert: StoredSystemAlert) -> dict[str, Any]:
    return {
        "system_alert_id": alert.id,
        "alert": redact_addresses(alert.kind) or None,
        "run_id": alert.run_id or None,
        "detail": redact_addresses(alert.detail) or None,
        "figures": document_fields.redacted_tree(alert.figures),
        "at": alert.at,
        "received_at": alert.received_at,
        "alerted_at": alert.alerted_at,
    }
