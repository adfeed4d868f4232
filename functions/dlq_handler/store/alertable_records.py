"""Records that people get alerts about: each document says which channels have taken an alert about it, and when."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from functions.shared.firestore.database import Database
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.field_path import NAME
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import create, update
from functions.shared.records.dead_letter import DeadLetterState, StoredDeadLetter
from functions.shared.records.system_alert import StoredSystemAlert

QUICK_SECONDS = 3.0
"""How long a call for a few documents may take, which takes some milliseconds. Pub/Sub waits a minute for an answer,
and then delivers the message again: a call that took longer would run twice at the same time.
https://cloud.google.com/pubsub/docs/subscription-properties#ack_deadline"""

_BULK_SECONDS = 10.0
"""How long one for hundreds or thousands of documents may. If that takes longer than Pub/Sub waits, the second call
finds that the first one is sending the alert."""

DocumentFields = Mapping[str, Any]

_OPEN = DeadLetterState.OPEN.value
"""The `state` of each record that still needs an alert or a person. System alerts have no other state."""


AlertableRecord = StoredDeadLetter | StoredSystemAlert
AlertableType = TypeVar("AlertableType", StoredDeadLetter, StoredSystemAlert)


class AlertableRecords(Generic[AlertableType]):
    """A collection of records that people get alerts about.

    Args:
        database: the Firestore database.

    Attributes:
        collection: the name of the collection.
        record: what a document of it is read as.
        shown_fields: the fields that an alert shows, and that decide about it.
        various_causes: the cause that replaces a record's own where too many causes wait for an alert; None: never.
    """

    collection: ClassVar[str]
    record: type[AlertableType]
    shown_fields: ClassVar[Sequence[str]]
    various_causes: ClassVar[str | None] = None

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, document_id: str, merge: Callable[[DocumentFields | None], DocumentFields]) -> AlertableType:
        """Create a document, or change the existing one.

        Args:
            document_id: the document's id.
            merge: a pure function. It gets the existing fields, None where there is no document, and returns the fields
                to write, none for no change.

        Returns:
            The record after that.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        path, fields = self._path(document_id), merge(None)
        try:
            # The usual case takes one write and no read.
            self._database.commit([create(path, fields)])
        except ChangedMeanwhile:

            def merged(found: FoundDocument) -> tuple[DocumentFields, DocumentFields]:
                changes = merge(found.fields)
                return {**(found.fields or {}), **changes}, changes

            fields = self._database.change(path, merged)
        return self.record.from_fields(document_id, fields)

    def get(self, document_id: str) -> AlertableType | None:
        """Read a record; None where it is gone.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        return self.record.from_snapshot(self._database.get(self._path(document_id), fields=self.shown_fields))

    def move(self, document_id: str, cause: str) -> AlertableType | None:
        """Give a record another cause, whose next alert then covers it, too; None where the record is gone.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """

        def moved(found: FoundDocument) -> tuple[AlertableType | None, DocumentFields]:
            if found.fields is None:
                return None, {}
            fields = {"cause": cause}
            return self.record.from_fields(document_id, found.fields | fields), fields

        return self._database.change(self._path(document_id), moved)

    def need_alert(self, cause: str, *, limit: int, after: str | None = None) -> list[AlertableType]:
        """Read the open records of a cause that not all channels have taken an alert about, ordered by id.

        All filters are equalities, which Firestore answers from the indexes that every field has.

        Args:
            cause: the cause.
            limit: the most records to read.
            after: skip the ids up to this one.
        """
        query = (
            Query.of(self.collection)
            .where("cause", "==", cause)
            .where("alerted_at", "==", None)
            .where("state", "==", _OPEN)
            .order_by(NAME)
            .select(self.shown_fields)
            .limit(limit)
        )
        if after is not None:
            query = query.start_after(self._path(after))
        return [
            self.record.from_fields(found.id, found.fields or {}, version=found.update_time)
            for found in self._database.stream(query, seconds=_BULK_SECONDS)
        ]

    def mark_alerted(
        self, records: Sequence[AlertableType], channels: Iterable[str], *, all_channels: set[str], now: datetime
    ) -> None:
        """Write down which channels have taken an alert about these records, and which records all channels know of.

        Args:
            records: the records that the alert covers, as `need_alert` returned them. A record that was erased since,
                or whose report failed again since, stays as it is.
            channels: the channels that took the alert.
            all_channels: the channels that have to take it.
            now: the present.
        """
        took = dict.fromkeys(channels, now)
        changes = [
            (record, fields)
            for record in records
            if (fields := _alerted_fields(record.alerts, took, all_channels, now=now))
        ]
        writes = [update(self._path(record.id), fields, record.version) for record, fields in changes]
        errors = self._database.write_each(writes, seconds=_BULK_SECONDS)
        for (record, _), error in zip(changes, errors, strict=True):
            if error:
                self._mark_one(record, took, all_channels, now=now)

    def _mark_one(
        self, record: AlertableType, took: Mapping[str, datetime], all_channels: set[str], *, now: datetime
    ) -> None:
        def marked(found: FoundDocument) -> tuple[None, DocumentFields]:
            stored = self.record.from_snapshot(found)
            if stored is None or stored.received_at != record.received_at:
                return None, {}
            return None, _alerted_fields(stored.alerts, took, all_channels, now=now)

        self._database.change(self._path(record.id), marked)

    def _path(self, document_id: str) -> str:
        return f"{self.collection}/{document_id}"


def _alerted_fields(
    alerts: Mapping[str, datetime], took: Mapping[str, datetime], all_channels: set[str], *, now: datetime
) -> dict[str, Any]:
    """The fields to write of a record after some channels took an alert about it; none where nothing changes."""
    after = {**took, **alerts}
    alerted = {"alerted_at": now} if all_channels <= after.keys() else {}
    return {"alerts": after, **alerted} if alerted or after != alerts else {}


def new_alert_fields(*, now: datetime) -> dict[str, Any]:
    """The fields of a record that no channel knows of yet.

    Args:
        now: when the DLQ handler stores it, in UTC.
    """
    return {"state": _OPEN, "received_at": now, "alerted_at": None, "alerts": {}}
