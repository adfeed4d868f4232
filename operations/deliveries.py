"""The ledger, as the operator reads it."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.shared.delivery import DeliveryState
from operations import documents


class Deliveries:
    """Reads `deliveries`.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._deliveries = client.collection("deliveries")

    def find(
        self, *, user_id: str | None, run_id: str | None, state: DeliveryState | None, limit: int
    ) -> list[dict[str, Any]]:
        """Deliveries of a user, the newest first, or of a run, in the order of their ids.

        Args:
            user_id: whose; by an index of user and due time.
            run_id: which run's.
            state: only those in this state.
            limit: how many at most.
        """
        query: Any = self._deliveries
        if run_id is not None:
            query = query.where(filter=FieldFilter("run_id", "==", run_id))
            if state is not None:
                query = query.where(filter=FieldFilter("state", "==", state.value))
        if user_id is not None:
            query = query.where(filter=FieldFilter("user_id", "==", user_id))
            if run_id is None:
                query = query.order_by("due_at", direction=firestore.Query.DESCENDING)
        if user_id is None or state is None:
            query = query.limit(limit)
        # A user has few deliveries: filtering them here spares every write to the ledger one more index.
        rows = (to_row(snapshot.id, documents.fields_of(snapshot)) for snapshot in query.stream())
        return list(islice((row for row in rows if state is None or row["state"] == state), limit))


def to_row(delivery_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A delivery as JSON shows it."""
    return {
        "delivery_id": delivery_id,
        "user_id": documents.identifier(fields, "user_id"),
        "run_id": documents.identifier(fields, "run_id"),
        "kind": documents.text(fields, "kind"),
        "state": documents.text(fields, "state"),
        "due_at": documents.moment(fields, "due_at"),
        "period_start": documents.moment(fields, "period_start"),
        "period_end": documents.moment(fields, "period_end"),
        "attempts": documents.number(fields, "attempts"),
        "lease_expires_at": documents.moment(fields, "lease_expires_at"),
        "message_id": documents.text(fields, "message_id"),
        "reason": documents.text(fields, "reason"),
        "last_error": documents.text(fields, "last_error"),
        "created_at": documents.moment(fields, "created_at"),
        "updated_at": documents.moment(fields, "updated_at"),
    }
