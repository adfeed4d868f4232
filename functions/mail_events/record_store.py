"""Reads and writes `mail_events`, many records at a time.

Each write is conditional on the version that was read, so that of two calls of the webhook none undoes the other's
work. A batch write carries out each of its writes on its own: one that is refused holds up no other.
https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#batchwriterequest
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar

from google.cloud import firestore
from google.cloud.firestore_v1.bulk_batch import BulkWriteBatch
from grpc import StatusCode

from functions.mail_events.firestore_calls import ONE_CALL, RETRY
from functions.shared.delivery import DELIVERIES, Delivery
from functions.shared.mail_event import MAIL_EVENTS, MailRecord
from functions.shared.unknown_outcome import DECIDING_FIELDS

_DOCUMENTS_A_CALL = 300
_WRITES_A_CALL = 300
"""Firestore takes 500."""
_FIELDS_OF_DELIVERY = ["user_id", "subscription_id", *DECIDING_FIELDS]

_CODES: dict[int, StatusCode] = {code.value[0]: code for code in StatusCode}
_CHANGED = {StatusCode.ALREADY_EXISTS, StatusCode.FAILED_PRECONDITION, StatusCode.NOT_FOUND, StatusCode.ABORTED}
"""How Firestore refuses a write because another call has written first."""
_NEVER = {StatusCode.INVALID_ARGUMENT, StatusCode.OUT_OF_RANGE}
"""How Firestore refuses a write that it would refuse again."""

Item = TypeVar("Item")


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


class WriteResult(Enum):
    """What became of the write of one record."""

    WRITTEN = auto()
    """The document has it."""
    CHANGED_MEANWHILE = auto()
    """Another call wrote first."""
    REFUSED = auto()
    """Firestore takes no such document."""
    FAILED = auto()
    """Firestore could not write it for now."""


class RecordStore:
    """Reads and writes records. Safe for threads. Its methods raise GoogleAPIError if Firestore cannot be reached.

    Args:
        client: the Firestore client.
    """

    def __init__(self, client: firestore.Client) -> None:
        self._client: Any = client  # whose types know of no timeouts other than numbers

    def read(self, delivery_ids: Iterable[str]) -> FoundRecords:
        """What is stored about deliveries.

        Args:
            delivery_ids: each once.
        """
        ids = list(delivery_ids)
        records = {
            record.id: record
            for snapshot in self._get(MAIL_EVENTS, ids)
            if (record := MailRecord.from_snapshot(snapshot)) is not None
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
            for snapshot in self._get(DELIVERIES, ids, fields=_FIELDS_OF_DELIVERY)
            if (delivery := Delivery.from_snapshot(snapshot)) is not None
        }

    def write(self, records: Sequence[MailRecord]) -> dict[str, WriteResult]:
        """Write records, each conditional on the version that it was read in.

        Returns:
            what became of each, by id.
        """
        results: dict[str, WriteResult] = {}
        for chunk in _chunks(records, _WRITES_A_CALL):
            batch: Any = BulkWriteBatch(self._client)
            for record in chunk:
                reference = self._client.collection(MAIL_EVENTS).document(record.id)
                if record.version is None:
                    batch.create(reference, record.to_fields())
                else:
                    option = self._client.write_option(last_update_time=record.version)
                    batch.update(reference, record.to_fields(), option=option)
            answer = batch.commit(retry=RETRY, timeout=ONE_CALL)
            for record, status in zip(chunk, answer.status, strict=True):
                results[record.id] = _result(status.code)
        return results

    def _get(self, collection: str, ids: Sequence[str], fields: list[str] | None = None) -> Iterator[Any]:
        for chunk in _chunks(ids, _DOCUMENTS_A_CALL):
            references = [self._client.collection(collection).document(each) for each in chunk]
            yield from self._client.get_all(references, field_paths=fields, retry=RETRY, timeout=ONE_CALL)


def _result(number: int) -> WriteResult:
    code = _CODES.get(number, StatusCode.UNKNOWN)
    if code is StatusCode.OK:
        return WriteResult.WRITTEN
    if code in _CHANGED:
        return WriteResult.CHANGED_MEANWHILE
    return WriteResult.REFUSED if code in _NEVER else WriteResult.FAILED


def _chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
