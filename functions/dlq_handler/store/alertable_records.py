"""Records that people get alerts about: each document says which channels have taken an alert about it, and when."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dlq_handler.store.compare_and_swap import BULK_CALL, QUICK_CALL, DocumentFields, compare_and_swap
from functions.shared.dead_letter import DeadLetterState

_OPEN = DeadLetterState.OPEN.value
"""The `state` of each record that still needs an alert or a person. System alerts have no other state."""

_MAX_WRITES_PER_BATCH = 400


class AlertableRecord(Protocol):
    """A dead letter or a system alert, as Firestore has it."""

    @property
    def id(self) -> str:
        """The document's id."""

    @property
    def cause(self) -> str:
        """What the record has in common with others, as an id."""

    @property
    def received_at(self) -> datetime | None:
        """When the DLQ handler stored it."""

    @property
    def alerts(self) -> Mapping[str, datetime]:
        """The channels that have taken an alert about it, and when."""

    @property
    def version(self) -> datetime | None:
        """The update time of the document; None where the caller does not know it."""

    @property
    def needs_alert(self) -> bool:
        """Whether a channel still has to take an alert about it."""


Item = TypeVar("Item")
AlertableType = TypeVar("AlertableType", bound=AlertableRecord)
AlertableRead = TypeVar("AlertableRead", bound=AlertableRecord, covariant=True)


class ReadAlertable(Protocol[AlertableRead]):
    """Makes a record of a document."""

    def __call__(
        self, document_id: str, fields: DocumentFields, /, *, version: datetime | None = None
    ) -> AlertableRead:
        """Read a document's fields, whatever they are.

        Args:
            document_id: the document's id.
            fields: its fields, or some of them.
            version: the update time of the document.
        """


class AlertableRecords(Generic[AlertableType]):
    """A collection of records that people get alerts about.

    Args:
        client: the Firestore client.
        collection: the name of the collection.
        read: makes a record of a document.
        shown_fields: the fields that an alert shows, and that decide about it.
        various_causes: the cause that replaces a record's own where too many causes wait for an alert; None: never.
    """

    def __init__(
        self,
        client: firestore.Client,
        *,
        collection: str,
        read: ReadAlertable[AlertableType],
        shown_fields: Sequence[str],
        various_causes: str | None = None,
    ) -> None:
        self.collection = collection
        self.various_causes = various_causes
        self._client = client
        self._collection = client.collection(collection)
        self._read = read
        self._shown_fields = shown_fields

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
        reference = self._collection.document(document_id)
        fields = merge(None)
        try:
            # The usual case takes one write and no read.
            reference.create(dict(fields), **QUICK_CALL)
        except AlreadyExists:

            def merged(existing: DocumentFields | None) -> tuple[DocumentFields, DocumentFields]:
                changes = merge(existing)
                return changes, {**(existing or {}), **changes}

            fields = compare_and_swap(self._client, reference, merged)
        return self._read(document_id, fields)

    def get(self, document_id: str) -> AlertableType | None:
        """Read a record; None where it is gone.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        snapshot = self._collection.document(document_id).get(self._shown_fields, **QUICK_CALL)
        fields = snapshot.to_dict()
        return None if fields is None else self._read(document_id, fields, version=snapshot.update_time)

    def move(self, document_id: str, cause: str) -> AlertableType | None:
        """Give a record another cause, whose next alert then covers it, too; None where the record is gone.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """

        def moved(existing: DocumentFields | None) -> tuple[DocumentFields, DocumentFields | None]:
            return ({}, None) if existing is None else ({"cause": cause}, {**existing, "cause": cause})

        fields = compare_and_swap(self._client, self._collection.document(document_id), moved)
        return None if fields is None else self._read(document_id, fields)

    def need_alert(self, cause: str, *, limit: int, after: str | None = None) -> list[AlertableType]:
        """Read the open records of a cause that not all channels have taken an alert about, ordered by id.

        All filters are equalities, which Firestore answers from the indexes that every field has.

        Args:
            cause: the cause.
            limit: the most records to read.
            after: skip the ids up to this one.
        """
        query = (
            self._collection.where(filter=FieldFilter("cause", "==", cause))
            .where(filter=FieldFilter("alerted_at", "==", None))
            .where(filter=FieldFilter("state", "==", _OPEN))
            .order_by("__name__")
            .select(self._shown_fields)
            .limit(limit)
        )
        if after is not None:
            query = query.start_after([self._collection.document(after)])
        return [
            self._read(snapshot.id, snapshot.to_dict() or {}, version=snapshot.update_time)
            for snapshot in query.stream(**BULK_CALL)
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
        for chunk in _chunks(changes, _MAX_WRITES_PER_BATCH):
            batch = self._client.batch()
            for record, fields in chunk:
                unchanged = self._client.write_option(last_update_time=record.version)
                batch.update(self._collection.document(record.id), fields, option=unchanged)
            try:
                batch.commit(**BULK_CALL)
            except (FailedPrecondition, NotFound):
                for record, _ in chunk:
                    self._mark_one(record, took, all_channels, now=now)

    def _mark_one(
        self, record: AlertableType, took: Mapping[str, datetime], all_channels: set[str], *, now: datetime
    ) -> None:
        def marked(existing: DocumentFields | None) -> tuple[DocumentFields, None]:
            if existing is None:
                return {}, None
            found = self._read(record.id, existing)
            if found.received_at != record.received_at:
                return {}, None
            return _alerted_fields(found.alerts, took, all_channels, now=now), None

        compare_and_swap(self._client, self._collection.document(record.id), marked)


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


def _chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
