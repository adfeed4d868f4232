"""Keeps who did what, in the console or by `./reports`: each action of an operator in `operator_actions/`, written
before it begins and again at its end.

An action that was cut short has no outcome. Its document's id is the key of the form that asked for it, so that a form
that is sent twice does one thing.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from functions.shared.firestore.database import Database
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import create, update
from functions.shared.logging import redact_addresses
from functions.shared.records.ids import is_document_id
from functions.shared.records.stored_fields import stored_values
from functions.shared.times.plausible_time import EARLIEST
from operations.failures import describe
from operations.reading.newest_change import newest_change
from operations.reading.page import Page, read_page

OPERATOR_ACTIONS = "operator_actions"
"""The name of the collection."""

_RETENTION = timedelta(days=400)
"""After this Firestore deletes an action: more than a year."""


_MOST_BYTES = 900_000
"""Of the ids of deliveries, so that a record has less than the MiB that Firestore takes."""

_LISTED = ("who", "action", "subject", "note", "outcome", "began_at", "ended_at", "failed_since", "failed_until")
"""All that is read of a record but the ids of deliveries, which may be thousands."""


class FailedReports(NamedTuple):
    """The failed reports that an action is about.

    Attributes:
        since: when the first of them failed; None where there is none.
        until: when the last of them failed.
        sent_again: the ids of the deliveries that the action sends again.
    """

    since: datetime | None
    until: datetime | None
    sent_again: Sequence[str] = ()

    def to_fields(self) -> dict[str, Any]:
        """What the record keeps of it: of very many deliveries only the first."""
        left, kept = _MOST_BYTES, 0
        while kept < len(self.sent_again) and left > 0:
            left, kept = left - len(self.sent_again[kept].encode()), kept + 1
        return {
            "failed_since": self.since,
            "failed_until": self.until,
            "deliveries": list(self.sent_again[:kept]),
            "deliveries_left_out": len(self.sent_again) - kept,
        }


@dataclass(frozen=True, kw_only=True)
class OperatorAction:
    """An action as Firestore has it. A field that is absent or malformed has the default.

    Attributes:
        action: what was done: `replay dead letters`.
        subject: what it was done to: ids, or the filters that chose them.
        note: why, in the operator's words.
        outcome: what came of it; empty where it goes on or was cut short.
        failed_since: when the first of the failed reports that it is about had failed.
        failed_until: when the last of them had.
        deliveries: the ids of those that it sent again; empty where they were not read.
        deliveries_left_out: how many more it sent again than its record has.
    """

    id: str
    who: str = ""
    action: str = ""
    subject: str = ""
    note: str = ""
    outcome: str = ""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    failed_since: datetime | None = None
    failed_until: datetime | None = None
    deliveries: tuple[str, ...] = ()
    deliveries_left_out: int = 0

    @classmethod
    def from_snapshot(cls, snapshot: FoundDocument) -> "OperatorAction":
        """Read a document, whatever is in it."""
        fields = snapshot.fields or {}
        listed = fields.get("deliveries")
        texts = (each for each in listed if isinstance(each, str)) if isinstance(listed, list) else ()
        ids = tuple(each for each in texts if is_document_id(each))
        return cls(**stored_values(cls, fields) | {"id": snapshot.id, "deliveries": ids})

    def is_about(self, since: datetime, until: datetime | None) -> bool:
        """Whether a failed report that it is about failed between two times; None for no end."""
        first, last = self.failed_since, self.failed_until
        return first is not None and last is not None and last >= since and (until is None or first <= until)


class AlreadyRecorded(Exception):
    """There is an action of this key: what it asks for was done, or is being done."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(kw_only=True)
class ActionInProgress:
    """An action that has begun.

    Attributes:
        outcome: what came of it, to be set before it ends; else `done`.
    """

    outcome: str = ""


def said_changes(before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[str]) -> str:
    """What has changed, for an outcome: `hour 8 to 9, cadence daily to weekly`; empty where nothing has."""
    changed = (name for name in names if before[name] != after[name])
    return ", ".join(f"{name} {_said(before[name])} to {_said(after[name])}" for name in changed)


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)


class OperatorActions:
    """Writes and reads the actions. Safe for threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def record(
        self,
        who: str,
        action: str,
        *,
        subject: str,
        now: Callable[[], datetime],
        note: str = "",
        key: str = "",
        about: FailedReports | None = None,
    ) -> Iterator[ActionInProgress]:
        """Keep an action while it is done. Nothing is done without a record of it.

        Args:
            subject: what it is done to; without addresses.
            now: the present, in UTC.
            key: the action's id; empty for any.

        Raises:
            AlreadyRecorded: there is an action of this key.
            google.api_core.exceptions.GoogleAPICallError: Firestore does not take the record.
        """
        began = now()
        path = f"{OPERATOR_ACTIONS}/{key or uuid.uuid4().hex}"
        fields = {
            "who": who,
            "action": action,
            "subject": redact_addresses(subject)[:1500],
            "note": redact_addresses(note)[:1500],
            "outcome": "",
            "began_at": began,
            "ended_at": None,
            "expire_at": began + _RETENTION,
            **(about.to_fields() if about else {}),
        }
        try:
            self._database.commit([create(path, fields)])
        except ChangedMeanwhile as error:
            kept = self.find(key)
            # Firestore says so also where the answer to this very write was lost.
            if kept and kept.began_at != began:
                raise AlreadyRecorded(key) from error
        progress = ActionInProgress()
        try:
            yield progress
        except BaseException as error:
            progress.outcome = progress.outcome or f"failed: {describe(error)[:500] or type(error).__name__}"
            raise
        finally:
            ended = {"outcome": progress.outcome or "done", "ended_at": now()}
            self._database.commit([update(path, ended)])

    def find(self, action_id: str, *, with_deliveries: bool = False) -> OperatorAction | None:
        """One action; None where there is none.

        Args:
            with_deliveries: whether to read which deliveries it sent again.
        """
        if not is_document_id(action_id):
            return None
        found = self._database.get(f"{OPERATOR_ACTIONS}/{action_id}", fields=None if with_deliveries else _LISTED)
        return OperatorAction.from_snapshot(found) if found.exists else None

    def count(self, since: datetime) -> int:
        """How many actions began since a moment, which is in UTC."""
        return self._database.count(Query.of(OPERATOR_ACTIONS).where("began_at", ">=", since))

    def since(self, moment: datetime, *, limit: int) -> list[OperatorAction]:
        """The first actions that began since a moment, the oldest first."""
        query = Query.of(OPERATOR_ACTIONS).where("began_at", ">=", moment).order_by("began_at")
        query = query.select(_LISTED).limit(limit)
        return [OperatorAction.from_snapshot(each) for each in self._database.stream(query)]

    def of_user(self, user_id: str, *, limit: int) -> list[OperatorAction]:
        """What was done to a user or to the user's subscriptions, the newest first.

        Args:
            limit: how many are read at most, of the user and of the subscriptions.
        """
        # The subject is the user's id, or a path that begins with it.
        actions, below = Query.of(OPERATOR_ACTIONS).select(_LISTED).limit(limit), f"{user_id}/"
        queries = (
            actions.where("subject", "==", user_id),
            actions.order_by("subject").start_at(below).end_at(f"{below}\uf8ff"),
        )
        own = [OperatorAction.from_snapshot(found) for query in queries for found in self._database.stream(query)]
        return sorted(own, key=lambda each: each.began_at or EARLIEST, reverse=True)

    def newest_change(self) -> str:
        """A text that differs once an action begins or ends: two reads."""
        return newest_change(self._database, OPERATOR_ACTIONS, ("began_at", "ended_at"))

    def page(self, *, after: str | None, limit: int, text: str = "") -> Page[OperatorAction]:
        """Actions, the newest first.

        Args:
            limit: how many are read at most.
            text: what they say, in any field and spelled in capitals or not; empty for all.
        """

        def read(found: FoundDocument) -> OperatorAction | None:
            action = OperatorAction.from_snapshot(found)
            said = (action.who, action.action, action.subject, action.note, action.outcome)
            return action if text.casefold() in "\n".join(said).casefold() else None

        newest_first = Query.of(OPERATOR_ACTIONS).order_by("began_at", descending=True).select(_LISTED)
        return read_page(self._database, newest_first, after=after, limit=limit, read=read)
