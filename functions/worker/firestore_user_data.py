"""A user's own data, in Firestore."""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from google.api_core.exceptions import DeadlineExceeded, FailedPrecondition

from functions.shared.firestore.database import Database
from functions.shared.firestore.field_path import NAME, field_path
from functions.shared.firestore.query import Query
from functions.shared.records.user import USERS
from report_kit.user_data import NoIndex, Total


class FirestoreUserData:
    """UserData from Firestore: reads what is stored under one user's document.

    Reading ends at a moment, whatever Firestore does.

    Args:
        database: the Firestore database.
        user_id: the user document's id.
        seconds: how long reading may take from now on, all of it together.
    """

    def __init__(self, database: Database, user_id: str, seconds: float) -> None:
        self._database = database
        self._user = f"{USERS}/{user_id}"
        self._over_at = time.monotonic() + seconds

    def between(
        self, collection: str, *, field: str, start: datetime, end: datetime, select: Sequence[str], limit: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData. Raises google.api_core.exceptions.DeadlineExceeded when the time is over."""
        return self._read(self._range(collection, field, start, end).select(select).limit(limit))

    def documents(self, collection: str, *, limit: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData. Raises google.api_core.exceptions.DeadlineExceeded when the time is over."""
        return self._read(self._of(collection).order_by(NAME).limit(limit))

    def parts(
        self, collection: str, *, first: str, last: str, field: str, keys: Sequence[str] = ()
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData. Raises google.api_core.exceptions.DeadlineExceeded when the time is over."""
        documents = self._of(collection)
        query = (
            documents.where(NAME, ">=", f"{documents.path}/{first}")
            .where(NAME, "<=", f"{documents.path}/{last}")
            .order_by(NAME)
            .select([field_path(field, key) for key in keys] or [field])
        )
        for document_id, fields in self._read(query):
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
        query = self._range(collection, field, start, end)
        if equal is not None:
            query = query.where(equal[0], "==", equal[1])
        if amount is not None:
            name, largest = amount
            query = query.where(name, ">=", -largest).where(name, "<=", largest).order_by(name)
        try:
            found = self._database.aggregate(query, total_of=amount and amount[0], seconds=self._check())
        except FailedPrecondition as error:
            raise NoIndex(str(error)) from error
        return Total(found.number, found.total)

    def _of(self, collection: str) -> Query:
        return Query.of(f"{self._user}/{collection}")

    def _range(self, collection: str, field: str, start: datetime, end: datetime) -> Query:
        return self._of(collection).where(field, ">=", start).where(field, "<", end).order_by(field)

    def _read(self, query: Query) -> Iterator[tuple[str, dict[str, Any]]]:
        for document in self._database.stream(query, seconds=self._check()):
            self._check()
            yield document.id, document.fields or {}

    def _check(self) -> float:
        left = self._over_at - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("reading the user's data takes too long")  # type: ignore[no-untyped-call]
        return left
