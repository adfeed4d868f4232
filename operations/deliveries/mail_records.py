"""What became of the emails of deliveries, for the operator."""

from collections.abc import Iterable
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.logging import redact_addresses
from functions.shared.records.delivery import Delivery
from functions.shared.records.mail_event import MAIL_EVENTS, MailRecord


class MailRecords:
    """Reads `mail_events`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, deliveries: Iterable[Delivery | None]) -> dict[str, MailRecord]:
        """The records of the deliveries that have one, by the ids of the deliveries.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore does not answer or refuses.
        """
        paths = [f"{MAIL_EVENTS}/{each.id}" for each in deliveries if each]
        # All else in a record follows from what is known of each recipient's email, or is in the delivery.
        found = map(MailRecord.from_snapshot, self._database.get_all(paths, fields=["recipients"]).values())
        return {record.id: record for record in found if record}


def mail_row(record: MailRecord | None) -> dict[str, Any]:
    """The part of a delivery's row about its emails. Texts come without email addresses."""
    status, shown = (record.status, record.shown) if record else (None, None)
    told = [text for text in (shown.classification, shown.reason) if text] if shown else []
    return {
        "mail": status.value if status else None,
        "mail_reason": redact_addresses(": ".join(told)) or None,
        "mail_at": shown.at if shown else None,
        "mail_recipients": len(record.recipients) if record else None,
    }
