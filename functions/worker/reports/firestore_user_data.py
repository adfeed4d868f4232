"""A user's own data, in Firestore."""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from google.api_core.exceptions import DeadlineExceeded, FailedPrecondition
from google.api_core.retry import Retry, if_transient_error
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.field_path import FieldPath

from functions.shared.firestore_calls import firestore_calls
from functions.worker.reports.user_data import NoIndex, Total


class FirestoreUserData:
    """UserData from Firestore: reads what is stored under one user's document.

    Reading ends at a moment, whatever Firestore does. Left to itself, its client begins a stream again whenever one has
    timed out, for ever.

    Args:
        client: the Firestore client.
        user_id: the user document's id.
        seconds: how long reading may take from now on, all of it together.
    """

    def __init__(self, client: firestore.Client, user_id: str, seconds: float) -> None:
        self._calls = firestore_calls(client)
        self._user = client.collection("users").document(user_id)
        self._over_at = time.monotonic() + seconds

    def between(
        self, collection: str, *, field: str, start: datetime, end: datetime, select: Sequence[str], limit: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData. Raises google.api_core.exceptions.DeadlineExceeded when the time is over."""
        query = self._range(collection, field, start, end).order_by(field).select(list(select))
        return self._read(query, limit)

    def documents(self, collection: str, *, limit: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData. Raises google.api_core.exceptions.DeadlineExceeded when the time is over."""
        return self._read(self._user.collection(collection).order_by("__name__"), limit)

    def parts(
        self, collection: str, *, first: str, last: str, field: str, keys: Sequence[str] = ()
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData. Raises google.api_core.exceptions.DeadlineExceeded when the time is over."""
        documents = self._user.collection(collection)
        query = (
            documents.where(filter=FieldFilter("__name__", ">=", documents.document(first)))
            .where(filter=FieldFilter("__name__", "<=", documents.document(last)))
            .order_by("__name__")
            .select([FieldPath(field, key).to_api_repr() for key in keys] or [field])
        )
        for document_id, fields in self._read(query, None):
            content = fields.get(field)
            yield document_id, content if isinstance(content, dict) else {}

    def total(
        self,
        collection: str,
        *,
        field: str,
        start: datetime,
        end: datetime,
        equal: tuple[str, str] | None = None,
        amount: tuple[str, float] | None = None,
    ) -> Total:
        """See UserData. Raises google.api_core.exceptions.DeadlineExceeded when the time is over."""
        query = self._range(collection, field, start, end).order_by(field)
        if equal is not None:
            query = query.where(filter=FieldFilter(equal[0], "==", equal[1]))
        if amount is not None:
            name, largest = amount
            query = query.where(filter=FieldFilter(name, ">=", -largest)).where(filter=FieldFilter(name, "<=", largest))
            query = query.order_by(name)
        totals = query.count(alias="count")
        if amount is not None:
            totals = totals.sum(amount[0], alias="sum")
        left = self._check()
        try:
            [results] = totals.get(retry=self._retry(left), timeout=left)
        except FailedPrecondition as error:
            raise NoIndex(str(error)) from error
        return Total(**{each.alias: each.value for each in results})

    def _range(self, collection: str, field: str, start: datetime, end: datetime) -> Any:
        documents = self._user.collection(collection)
        return documents.where(filter=FieldFilter(field, ">=", start)).where(filter=FieldFilter(field, "<", end))

    def _retry(self, seconds: float) -> Retry:
        return Retry(predicate=self._may_try_again, initial=0.1, maximum=2.0, multiplier=2.0, timeout=seconds)

    def _read(self, query: Any, limit: int | None) -> Iterator[tuple[str, dict[str, Any]]]:
        left = self._check()
        retry = self._retry(left)
        # A stream that has broken off begins again behind the last document, but with the whole of its limit.
        limited = query if limit is None else query.limit(limit)
        for document in islice(self._calls.stream(limited, retry=retry, timeout=left), limit):
            self._check()
            yield document.id, document.fields or {}

    def _check(self) -> float:
        left = self._over_at - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("reading the user's data takes too long")  # type: ignore[no-untyped-call]
        return left

    def _may_try_again(self, error: Exception) -> bool:
        return if_transient_error(error) and time.monotonic() < self._over_at
