"""Reads the system alerts that the DLQ handler keeps, for the operator."""

from datetime import datetime
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.logging import redact_addresses
from functions.shared.records.system_alert import SYSTEM_ALERTS, StoredSystemAlert
from operations.reading import document_fields
from operations.reading.newest_change import newest_change
from operations.reading.page import Page, read_page

_NEWEST_FIRST = Query.of(SYSTEM_ALERTS).order_by("received_at", descending=True)


class SystemAlerts:
    """Reads `system_alerts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self) -> int:
        """How many system alerts are kept."""
        return self._database.count(Query.of(SYSTEM_ALERTS))

    def latest(self, limit: int | None) -> list[dict[str, Any]]:
        """The latest system alerts, the newest first."""
        return self._rows(_NEWEST_FIRST.limit(limit))

    def between(self, since: datetime, until: datetime, *, limit: int) -> list[dict[str, Any]]:
        """The first system alerts that came between two times, the oldest first."""
        query = Query.of(SYSTEM_ALERTS).where("received_at", ">=", since).where("received_at", "<=", until)
        return self._rows(query.order_by("received_at").limit(limit))

    def page(self, *, after: str | None, limit: int) -> Page[dict[str, Any]]:
        """What `latest` reads, page by page."""

        return read_page(self._database, _NEWEST_FIRST, after=after, limit=limit, read=_to_row)

    def newest_change(self) -> str:
        """A text that differs once an alert comes: one read."""
        return newest_change(self._database, SYSTEM_ALERTS, ("received_at",))

    def _rows(self, query: Query) -> list[dict[str, Any]]:
        return [row for found in self._database.stream(query) if (row := _to_row(found))]


def _to_row(found: FoundDocument) -> dict[str, Any] | None:
    alert = StoredSystemAlert.from_snapshot(found)
    return (
        None
        if alert is None
        else {
            "system_alert_id": alert.id,
            "alert": redact_addresses(alert.kind) or None,
            "run_id": alert.run_id or None,
            "detail": redact_addresses(alert.detail) or None,
            "figures": document_fields.redacted_tree(alert.figures),
            "at": alert.at,
            "received_at": alert.received_at,
            "alerted_at": alert.alerted_at,
        }
    )
