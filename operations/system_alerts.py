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
        found = map(StoredSystemAlert.from_snapshot, self._database.stream(_NEWEST_FIRST.limit(limit)))
        return [_to_row(alert) for alert in found if alert]

    def between(self, since: datetime, until: datetime, *, limit: int) -> list[dict[str, Any]]:
        """The first system alerts that came between two times, the first first."""
        query = Query.of(SYSTEM_ALERTS).where("received_at", ">=", since).where("received_at", "<=", until)
        found = map(StoredSystemAlert.from_snapshot, self._database.stream(query.order_by("received_at").limit(limit)))
        return [_to_row(alert) for alert in found if alert]

    def page(self, *, after: str | None, limit: int) -> Page[dict[str, Any]]:
        """What `latest` reads, page by page."""

        def read(found: FoundDocument) -> dict[str, Any] | None:
            alert = StoredSystemAlert.from_snapshot(found)
            return _to_row(alert) if alert else None

        return read_page(self._database, _NEWEST_FIRST, after=after, limit=limit, read=read)

    def newest_change(self) -> str:
        """A text that is another one when an alert has come since: a read."""
        return newest_change(self._database, SYSTEM_ALERTS, ("received_at",))


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
