"""What people are to be told of, as it is kept: each document says which channels were told of it, and when."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.dlq_handler.documents import BULK, QUICK, Fields, change
from functions.shared.plausible_time import plausible

OPEN = "open"
"""The `state` of what people are still to be told of, or to act on."""

_BATCH = 400


class Record(Protocol):
    """One thing that people are to be told of."""

    @property
    def id(self) -> str:
        """The document's."""

    @property
    def cause(self) -> str:
        """What it has in common with others, as an id."""

    @property
    def received_at(self) -> datetime | None:
        """When it was stored."""

    @property
    def alerts(self) -> Mapping[str, datetime]:
        """The channels that were told, and when."""

    @property
    def version(self) -> datetime | None:
        """When the document was last written; None where that is not known."""

    @property
    def needs_alert(self) -> bool:
        """Whether somebody is still to be told."""


Item = TypeVar("Item")
RecordType = TypeVar("RecordType", bound=Record)


class Records(Generic[RecordType]):
    """A collection of them.

    Args:
        client: of Firestore.
        collection: its name.
        read: makes a record of a document's id, its fields, and when it was last written.
        shown: the fields that an alert shows and decides by.
        various: the cause that is put in the place of their own where there are too many to tell of each; None: never.
    """

    def __init__(
        self,
        client: firestore.Client,
        *,
        collection: str,
        read: Callable[[str, Fields, datetime | None], RecordType],
        shown: Sequence[str],
        various: str | None = None,
    ) -> None:
        self.collection = collection
        self.various = various
        self._client = client
        self._collection = client.collection(collection)
        self._read = read
        self._shown = shown

    def put(self, document_id: str, merge: Callable[[Fields | None], Fields]) -> RecordType:
        """Create a document, or change the one that is there.

        Args:
            document_id: its id.
            merge: given the fields that are there, None where there are none, returns those to write, none for no
                change.

        Returns:
            the record as it then is.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        reference = self._collection.document(document_id)
        fields = merge(None)
        try:
            # The usual case, in one write and without a read.
            reference.create(dict(fields), **QUICK)
        except AlreadyExists:

            def merged(existing: Fields | None) -> tuple[Fields, Fields]:
                changes = merge(existing)
                return changes, {**(existing or {}), **changes}

            fields = change(self._client, reference, merged)
        return self._read(document_id, fields, None)

    def get(self, document_id: str) -> RecordType:
        """Read a record; one without any field where the document is gone.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """
        snapshot = self._collection.document(document_id).get(self._shown, **QUICK)
        return self._read(document_id, snapshot.to_dict() or {}, snapshot.update_time)

    def move(self, record: RecordType, cause: str) -> RecordType:
        """Tell of a record together with those of another cause.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore refused it or could not be reached.
        """

        def moved(existing: Fields | None) -> tuple[Fields, Fields]:
            changes = {"cause": cause} if existing else {}
            return changes, {**(existing or {}), **changes}

        return self._read(record.id, change(self._client, self._collection.document(record.id), moved), None)

    def untold(self, cause: str, *, limit: int, after: str | None = None) -> list[RecordType]:
        """Open ones of a cause that not every channel was told of, in the order of their ids.

        All filters are equalities, which Firestore answers from the indexes that every field has.

        Args:
            cause: the cause.
            limit: how many at most.
            after: begin behind this id.
        """
        query = (
            self._collection.where(filter=FieldFilter("cause", "==", cause))
            .where(filter=FieldFilter("alerted_at", "==", None))
            .where(filter=FieldFilter("state", "==", OPEN))
            .order_by("__name__")
            .select(self._shown)
            .limit(limit)
        )
        if after is not None:
            query = query.start_after([self._collection.document(after)])
        return [
            self._read(snapshot.id, snapshot.to_dict() or {}, snapshot.update_time) for snapshot in query.stream(**BULK)
        ]

    def mark_told(
        self, records: Sequence[RecordType], channels: Iterable[str], *, all_channels: set[str], now: datetime
    ) -> None:
        """Write down which channels were told of these records, and that they are alerted where all were.

        Args:
            records: of what they were told, as `untold` has read them. One that was erased since, or that began anew
                with a later death, is left as it is.
            channels: those that were told just now.
            all_channels: those that are to be told.
            now: the present.
        """
        told = dict.fromkeys(channels, now)
        changes = [
            (record, fields) for record in records if (fields := _told(record.alerts, told, all_channels, now=now))
        ]
        for chunk in _chunks(changes, _BATCH):
            batch = self._client.batch()
            for record, fields in chunk:
                unchanged = self._client.write_option(last_update_time=record.version)
                batch.update(self._collection.document(record.id), fields, option=unchanged)
            try:
                batch.commit(**BULK)
            except (FailedPrecondition, NotFound):
                for record, _ in chunk:
                    self._mark_one(record, told, all_channels, now=now)

    def _mark_one(
        self, record: RecordType, told: Mapping[str, datetime], all_channels: set[str], *, now: datetime
    ) -> None:
        def marked(existing: Fields | None) -> tuple[Fields, None]:
            if existing is None:
                return {}, None
            found = self._read(record.id, existing, None)
            if found.received_at != record.received_at:
                return {}, None
            return _told(found.alerts, told, all_channels, now=now), None

        change(self._client, self._collection.document(record.id), marked)


def _told(
    alerts: Mapping[str, datetime], told: Mapping[str, datetime], all_channels: set[str], *, now: datetime
) -> dict[str, Any]:
    """What to write of a record after some channels were told of it; nothing where nothing changes."""
    after = {**told, **alerts}
    done = {"alerted_at": now} if all_channels <= after.keys() else {}
    return {"alerts": after, **done} if done or after != alerts else {}


def told_of(fields: Fields) -> dict[str, datetime]:
    """The channels that were told of a record, and when; what is not as it was written counts as absent."""
    alerts = fields.get("alerts")
    return {name: at for name, at in alerts.items() if plausible(at)} if isinstance(alerts, dict) else {}


def unalerted(now: datetime) -> dict[str, Any]:
    """The fields of what people are to be told of from now on."""
    return {"state": OPEN, "received_at": now, "alerted_at": None, "alerts": {}}


def _chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
