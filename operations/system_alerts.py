"""Reads the system alerts that the DLQ handler keeps, for the operator."""

from collections.abc import Mapping
from typing import Any

from google.cloud import firestore

from operations import document_fields


class SystemAlerts:
    """Reads `system_alerts`.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._alerts = client.collection("system_alerts")

    def latest(self, limit: int) -> list[dict[str, Any]]:
        """The latest system alerts, the newest first.

        Args:
            limit: how many at most.
        """
        query = self._alerts.order_by("received_at", direction=firestore.Query.DESCENDING).limit(limit)
        return [_to_row(snapshot.id, document_fields.fields_of(snapshot)) for snapshot in query.stream()]


def _to_row(alert_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    figures = fields.get("figures")
    return {
        "system_alert_id": alert_id,
        "alert": document_fields.text(fields, "alert"),
        "run_id": document_fields.identifier(fields, "run_id"),
        "detail": document_fields.text(fields, "detail"),
        "figures": document_fields.redacted_tree(figures) if isinstance(figures, Mapping) else {},
        "at": document_fields.moment(fields, "at"),
        "received_at": document_fields.moment(fields, "received_at"),
        "alerted_at": document_fields.moment(fields, "alerted_at"),
    }
