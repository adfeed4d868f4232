"""Reads the system alerts that the DLQ handler keeps, for the operator."""

from typing import Any

from google.cloud import firestore

from functions.shared.logging import redact_addresses
from functions.shared.system_alert import SYSTEM_ALERTS, StoredSystemAlert
from operations import document_fields


class SystemAlerts:
    """Reads `system_alerts`.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._alerts = client.collection(SYSTEM_ALERTS)

    def count(self) -> int:
        """How many system alerts are kept."""
        return document_fields.count(self._alerts)

    def latest(self, limit: int | None) -> list[dict[str, Any]]:
        """The latest system alerts, the newest first.

        Args:
            limit: how many at most; None for all.
        """
        newest_first: Any = self._alerts.order_by("received_at", direction=firestore.Query.DESCENDING)
        found = newest_first.limit(limit).stream()
        return [_to_row(alert) for snapshot in found if (alert := StoredSystemAlert.from_snapshot(snapshot))]


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
