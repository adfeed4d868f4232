"""What Firestore holds, as numbers: documents that say the same are the same.

Of a delivery and of a dead letter only that is kept by which anything decides, so that there are not more states than
that makes. A document's version follows from what it says.
"""

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.dispatcher.rescue.rescue_step import LEAST_RESCUES
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write
from functions.shared.records.dead_letter import DEAD_LETTERS
from functions.shared.records.delivery import DELIVERIES
from functions.shared.records.delivery_attempt import AttemptResult
from functions.shared.records.delivery_table import MAIL_EVENT
from functions.shared.records.mail_event import MAIL_EVENTS
from functions.shared.records.outcome import UNTOLD_OUTCOMES
from functions.shared.records.states import DeliveryState
from functions.shared.records.subscription import SUBSCRIPTIONS

Documents = int
"""The number of all that Firestore holds."""

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
COLLECTIONS = {DELIVERIES, DEAD_LETTERS, MAIL_EVENTS, SUBSCRIPTIONS, UNTOLD_OUTCOMES}
"""Of other documents nothing here depends."""

_FINAL = [each.value for each in DeliveryState if each.is_final]
_UNCLEAR = [{"at": LONG_AGO, "result": AttemptResult.UNCLEAR.value}]


@functools.cache
def collection_of(path: str) -> str:
    """The collection of a document."""
    return path.split("/")[-2]


class Contents:
    """The numbers of what documents say, and of all of them together.

    Args:
        has_owners: whether a process may look for its own writes, since an answer may be lost. Else only he is kept who
            has claimed a delivery.
    """

    def __init__(self, *, has_owners: bool) -> None:
        self._has_owners = has_owners
        self._numbers: dict[Hashable, int] = {}
        self._found: list[FoundDocument] = []
        self._wholes: list[Mapping[str, int]] = []
        self._whole_numbers: dict[Hashable, Documents] = {}

    def all_of(self, numbers: Mapping[str, int]) -> Documents:
        """The number of all documents, by the number of what each path holds."""
        key = tuple(sorted(numbers.items()))
        if key not in self._whole_numbers:
            self._whole_numbers[key] = len(self._wholes)
            self._wholes.append(dict(key))
        return self._whole_numbers[key]

    def paths(self, documents: Documents) -> Mapping[str, int]:
        """The number of what each path holds."""
        return self._wholes[documents]

    def number(self, path: str, fields: Mapping[str, Any], *, at: datetime) -> int:
        """The number of a document that says this.

        Args:
            path: where it is.
            fields: what it says.
            at: when it was written.
        """
        kept = _KEPT.get(collection_of(path), dict)(fields)
        if not self._has_owners and "lease_expires_at" not in kept and kept.get("owner") != MAIL_EVENT:
            kept.pop("owner", None)
        at = at if collection_of(path) == SUBSCRIPTIONS else LONG_AGO
        key = (path, frozen(kept), at)
        if key not in self._numbers:
            self._numbers[key] = number = len(self._found)
            self._found.append(FoundDocument(path, kept, at + timedelta(microseconds=number)))
        return self._numbers[key]

    def found(self, path: str, number: int | None, fields: Sequence[str] | None = None) -> FoundDocument:
        """A document as it is read.

        Args:
            path: where it is.
            number: of what it says; None where there is none.
            fields: the only ones to read; None for all.
        """
        if number is None:
            return FoundDocument(path, None)
        found, names = self._found[number], fields and {each.partition(".")[0] for each in fields}
        return found._replace(
            fields={name: value for name, value in (found.fields or {}).items() if not names or name in names}
        )

    def fields(self, number: int) -> Mapping[str, Any]:
        """What a document says."""
        return self._found[number].fields or {}

    def find(self, documents: Documents, query: Query) -> tuple[tuple[str, int], ...]:
        """The documents of a query, without its cursors."""

        def is_found(path: str, number: int) -> bool:
            fields, matches = self.fields(number), _OPERATORS
            is_there = path.split("/")[-2] == query.collection if query.is_deep else path.startswith(f"{query.path}/")
            return is_there and all(
                any(matches[operator](fields.get(name), value) for name, operator, value in group)
                for group in query.filters
            )

        found = [each for each in self.paths(documents).items() if is_found(*each)]
        for name, descending in reversed(query.orders):
            found.sort(key=lambda each: str(self.fields(each[1]).get(name)), reverse=descending)
        return tuple(found)

    def write(self, documents: Documents, writes: Sequence[Write], *, at: datetime) -> Documents | None:
        """The documents after a commit; None where a condition does not hold."""
        after = dict(self.paths(documents))
        for each in writes:
            before = self.found(each.path, after.get(each.path))
            if each.condition is not None and each.condition not in (before.exists, before.update_time):
                return None
            if each.fields is None:
                after.pop(each.path, None)
                continue
            kept = {} if each.mask is None else dict(before.fields or {})
            for name in each.mask or ():
                kept.pop(name, None)
            after[each.path] = self.number(each.path, {**kept, **each.fields}, at=at)
        return self.all_of(after)


def frozen(value: Any) -> Hashable:
    """A value by which two that are equal are found."""
    if isinstance(value, Mapping):
        return tuple(sorted((name, frozen(each)) for name, each in value.items()))
    if isinstance(value, list | tuple | frozenset):
        return tuple(map(frozen, value))
    return value if isinstance(value, Hashable) else repr(value)


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": lambda found, wanted: bool(found == wanted),
    "in": lambda found, wanted: found in wanted,
    "not-in": lambda found, wanted: found is not None and found not in wanted,
}


def _delivery(fields: Mapping[str, Any]) -> dict[str, Any]:
    unread = ("last_error", "note", "message_id", "provider", "expire_at", "last_attempt_at", "absence")
    kept = {name: value for name, value in fields.items() if value is not None and name not in unread}
    history = fields.get("history") or [{}]
    is_unclear = history[-1].get("result") == AttemptResult.UNCLEAR
    return kept | {
        "attempts": min(fields.get("attempts", 0), 2),
        # Once a run has made another task, enough of them may have.
        "rescues": LEAST_RESCUES if fields.get("rescues") else 0,
        "created_at": fields["due_at"],
        "history": history[-1:] if fields["state"] in _FINAL else _UNCLEAR if is_unclear else [],
    }


def _dead_letter(fields: Mapping[str, Any]) -> dict[str, Any]:
    names = ("state", "reason", "payload", "failed_at", "received_at", "replays", "in_replay")
    kept = {name: fields[name] for name in names if fields.get(name) is not None}
    return kept | {
        "cause": "0" * 32,
        "alerted_at": LONG_AGO if fields.get("alerted_at") else None,
        "alerts": {},
    }


def _mail_events(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fields[name] for name in ("user_id", "subscription_id", "recipients", "message_id", "unfinished")}


def _subscription(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _untold_outcome(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fields[name] for name in ("id", "type", "at", "subject", "ordering_key")} | {"data": "{}"}


_KEPT: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    DELIVERIES: _delivery,
    DEAD_LETTERS: _dead_letter,
    MAIL_EVENTS: _mail_events,
    SUBSCRIPTIONS: _subscription,
    UNTOLD_OUTCOMES: _untold_outcome,
}
