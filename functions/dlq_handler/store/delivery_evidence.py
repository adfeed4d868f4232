"""Reads what proves that a report of unknown outcome was sent: its delivery, or an event of its mail."""

from typing import NamedTuple

from functions.shared.firestore.database import Database
from functions.shared.records.delivery import DELIVERIES, Delivery, DeliveryState
from functions.shared.records.mail_event import MAIL_EVENTS, MailRecord


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


def read_evidence(database: Database, delivery_id: str) -> DeliveryEvidence:
    """Read what is known of a delivery, in one call.

    Args:
        database: the Firestore database.
        delivery_id: which delivery.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Firestore could not be reached.
    """
    delivery, record = f"{DELIVERIES}/{delivery_id}", f"{MAIL_EVENTS}/{delivery_id}"
    found = database.get_all([delivery, record])
    return DeliveryEvidence(Delivery.from_snapshot(found[delivery]), MailRecord.from_snapshot(found[record]))
