"""A user's own data, in memory: what a preview shows where nothing is stored yet, and what tests give a report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from report_kit.user_data import Total

Documents = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Fields of documents, by the documents' ids, by collections' names."""

Answer = Callable[[Mapping[str, str], Any], Any]
"""Stands in for a service that a kind asks: takes the kind's settings and what is asked, and returns the answer."""


class Sample(NamedTuple):
    """What a kind's report is made of where nothing is stored, as in a preview or a test.

        >>> Sample({"orders": {"o1": {"total": 12.5}}}).answer is None
        True

    Attributes:
        documents: the user's own.
        answer: stands in for what the kind asks by `request.ask`; None for a kind that asks nothing.
    """

    documents: Documents
    answer: Answer | None = None


class InMemoryUserData:
    """UserData over documents that are given. It finds what Firestore would.

        >>> list(InMemoryUserData({"orders": {"o1": {"total": 12.5}}}).documents("orders", limit=10))
        [('o1', {'total': 12.5})]

    Args:
        documents: all that there is.
        answer: stands in for what a kind asks beside them; None where it asks nothing.
    """

    def __init__(self, documents: Documents, answer: Answer | None = None) -> None:
        self._documents = documents
        self.answer = answer

    def between(
        self, collection: str, *, field: str, start: datetime, end: datetime, select: Sequence[str], limit: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData."""
        found = self._between(collection, field, start, end)
        for _, document_id, fields in sorted(found, key=lambda item: item[:2])[:limit]:
            yield document_id, {name: value for name, value in fields.items() if name in select}

    def documents(self, collection: str, *, limit: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData."""
        for document_id, fields in islice(sorted(self._documents.get(collection, {}).items()), limit):
            yield document_id, dict(fields)

    def parts(
        self, collection: str, *, first: str, last: str, field: str, keys: Sequence[str] = ()
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """See UserData."""
        for document_id, fields in sorted(self._documents.get(collection, {}).items()):
            content = fields.get(field)
            if first <= document_id <= last:
                found = content if isinstance(content, Mapping) else {}
                yield document_id, {key: value for key, value in found.items() if not keys or key in keys}

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
        """See UserData."""
        found = [fields for *_, fields in self._between(collection, field, start, end)]
        if equal is not None:
            found = [fields for fields in found if fields.get(equal[0]) == equal[1]]
        if amount is None:
            return Total(len(found))
        name, largest = amount
        numbers = []
        for fields in found:
            value = fields.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= largest:
                numbers.append(float(value))
        return Total(len(numbers), sum(numbers))

    def _between(
        self, collection: str, field: str, start: datetime, end: datetime
    ) -> list[tuple[datetime, str, Mapping[str, Any]]]:
        return [
            (fields[field], document_id, fields)
            for document_id, fields in self._documents.get(collection, {}).items()
            if isinstance(fields.get(field), datetime) and start <= fields[field] < end
        ]
