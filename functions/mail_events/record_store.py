"""Reads and writes `mail_events`, many records at a time.

Each write is conditional on the version that was read, so that of two calls of the webhook none undoes the other's
work. A batch write carries out each of its writes on its own: one that is refused holds up no other.
https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#batchwriterequest
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from google.api_core.exceptions import GoogleAPICallError

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.unknown_outcome import DECIDING_FIELDS
from functions.shared.firestore.write import create, update
from functions.shared.records.delivery import DELIVERIES, Delivery
from functions.shared.records.mail_event import MAIL_EVENTS, MailRecord

_FIELDS_OF_DELIVERY = ["user_id", "subscription_id", *DECIDING_FIELDS]


@dataclass(frozen=True, kw_only=True)
class FoundRecords:
    """What is stored about the deliveries of a call's events.

    Attributes:
        records: their records by id: empty ones where there is none yet. Deliveries that do not exist, and have no
            record, are left out.
        deliveries: the deliveries that an event may make `sent`, by id: those without an event, and those that were
            unfinished when theirs was written. Only what decides about that is read of them.
    """

    records: dict[str, MailRecord]
    deliveries: dict[str, Delivery]


class RecordStore:
    """Reads and writes records. Safe for threads. Its methods raise GoogleAPIError if Firestore cannot be reached.

    Args:
        database: the Firestore database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, delivery_ids: Iterable[str]) -> FoundRecords:
        """What is stored about deliveries.

        Args:
            delivery_ids: each once.
        """
        ids = list(delivery_ids)
        records = {
            record.id: record
            for found in self._get(MAIL_EVENTS, ids)
            if (record := MailRecord.from_snapshot(found)) is not None
        }
        deliveries = self.read_deliveries(
            [
                each
                for each in ids
                if not (record := records.get(each)) or not record.proves_acceptance or record.unfinished
            ]
        )
        new = {
            each.id: MailRecord(id=each.id, user_id=each.user_id, subscription_id=each.subscription_id)
            for each in deliveries.values()
            if each.id not in records
        }
        return FoundRecords(records=records | new, deliveries=deliveries)

    def read_deliveries(self, ids: Sequence[str]) -> dict[str, Delivery]:
        """Those of these deliveries that exist, by id: what decides whether an event makes them `sent`."""
        return {
            delivery.id: delivery
            for found in self._get(DELIVERIES, ids, fields=_FIELDS_OF_DELIVERY)
            if (delivery := Delivery.from_snapshot(found)) is not None
        }

    def write(self, records: Sequence[MailRecord]) -> dict[str, GoogleAPICallError | None]:
        """Write records, each conditional on the version that it was read in.

        Returns:
            why each was not written, by id; None where it was.
        """
        writes = [
            update(path, each.to_fields(), each.version) if each.version else create(path, each.to_fields())
            for each in records
            for path in [f"{MAIL_EVENTS}/{each.id}"]
        ]
        errors = self._database.write_each(writes)
        return {record.id: error for record, error in zip(records, errors, strict=True)}

    def _get(self, collection: str, ids: Sequence[str], fields: list[str] | None = None) -> Iterable[FoundDocument]:
        return self._database.get_all([f"{collection}/{each}" for each in ids], fields=fields).values()
