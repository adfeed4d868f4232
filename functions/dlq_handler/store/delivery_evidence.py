"""Reads what proves that a report of unknown outcome was sent: its delivery, or an event of its mail."""

from typing import Any, NamedTuple

from google.cloud import firestore

from functions.dlq_handler.store.compare_and_swap import QUICK_CALL
from functions.shared.delivery import DELIVERIES, Delivery, DeliveryState
from functions.shared.mail_event import MAIL_EVENTS, MailRecord


class DeliveryEvidence(NamedTuple):
    """What is known of a delivery.

    Attributes:
        delivery: None where there is no such document.
        record: its mail events; None where there are none.
    """

    delivery: Delivery | None
    record: MailRecord | None

    @property
    def is_proof(self) -> bool:
        """Whether the mail provider has accepted the mail."""
        has_event = self.record is not None and self.record.proves_acceptance
        return has_event or (self.delivery is not None and self.delivery.state is DeliveryState.SENT)


def read_evidence(client: firestore.Client, delivery_id: str) -> DeliveryEvidence:
    """Read what is known of a delivery, in one call.

    Args:
        client: the Firestore client.
        delivery_id: which delivery.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore could not be reached.
    """
    delivery = client.collection(DELIVERIES).document(delivery_id)
    record = client.collection(MAIL_EVENTS).document(delivery_id)
    found: dict[str, Any] = {
        snapshot.reference.path: snapshot for snapshot in client.get_all([delivery, record], **QUICK_CALL)
    }
    return DeliveryEvidence(
        delivery=Delivery.from_snapshot(found[delivery.path]), record=MailRecord.from_snapshot(found[record.path])
    )
