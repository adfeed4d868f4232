"""Reads the dead letters that the DLQ handler keeps, for the operator."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.logging import redact_addresses
from functions.shared.records.dead_letter import DEAD_LETTERS, DeadLetterState, StoredDeadLetter
from functions.shared.records.delivery import DELIVERIES, Delivery
from functions.shared.records.ids import is_document_id
from functions.shared.times.plausible_time import EARLIEST
from operations.dead_letters.letter_causes import CauseCount, by_cause
from operations.dead_letters.letter_filter import LetterFilter
from operations.deliveries.deliveries import delivery_row
from operations.errors import NotFound
from operations.reading import document_fields
from operations.reading.newest_change import newest_change
from operations.reading.page import Page, read_page
from operations.reading.similar_ids import did_you_mean
from operations.reading.threads import in_threads

MOST_CAUSES = 500
"""How many causes are counted at most."""

_STARTS = ("", *"123456789abcdef")
"""Where the parts begin in which causes are looked for at the same time: a cause is a hash in hexadecimal digits."""

SEARCHED = 500
"""How many dead letters a page reads where no index finds exactly the wanted ones."""

CHANGE_TIMES = ("received_at", "replayed_at", "dismissed_at", "reopened_at", "settled_at")
"""The fields of which each change of a dead letter's state writes one."""

_PARTS = tuple(zip(_STARTS, (*_STARTS[1:], None), strict=True))

_CAUSE_FIELDS = ("cause", "reason", "error", "received_at")


class DeadLetters:
    """Reads `dead_letters`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, wanted: LetterFilter, *, limit: int | None = None) -> Iterator[StoredDeadLetter]:
        """Dead letters, the newest first."""
        if wanted.is_by_index:
            yield from self._read(self._newest_first(wanted).limit(limit))
        else:
            yield from islice(self._matching(wanted), limit)

    def _matching(self, wanted: LetterFilter, most: int | None = None) -> Iterator[StoredDeadLetter]:
        """Those of a user, a run or a kind, the newest first."""
        if not (wanted.user_id or wanted.run_id):
            return filter(wanted.matches, self._read(self._newest_first(wanted).limit(most)))
        # A user and a run have few, which the index of this one field finds.
        field, value = ("user_id", wanted.user_id) if wanted.user_id else ("run_id", wanted.run_id)
        found = self._read(Query.of(DEAD_LETTERS).where(f"payload.{field}", "==", value).limit(most))
        return filter(wanted.matches, sorted(found, key=lambda each: each.received_at or EARLIEST, reverse=True))

    def count(self, wanted: LetterFilter) -> int:
        """How many dead letters `find` would find: counted in the index where that finds exactly the wanted ones."""
        if wanted.is_by_index:
            return self._database.count(self._newest_first(wanted))
        return sum(1 for _ in self.find(wanted))

    def count_now(self, wanted: LetterFilter) -> tuple[int, datetime]:
        """How many dead letters `find` would find, and at which moment of Firestore's clock that was so."""
        counted = self._database.aggregate(self._newest_first(wanted))
        return counted.number if wanted.is_by_index else self.count(wanted), counted.read_time

    def page(self, wanted: LetterFilter, *, after: str | None, limit: int) -> Page[StoredDeadLetter]:
        """What `find` finds, page by page; where no index finds exactly these, one page of those among SEARCHED."""
        if not wanted.is_by_index:
            return Page(rows=list(self._matching(wanted, most=SEARCHED)), following=None)
        query = self._newest_first(wanted)
        return read_page(self._database, query, after=after, limit=limit, read=StoredDeadLetter.from_snapshot)

    def causes(self, wanted: LetterFilter) -> list[CauseCount]:
        """The causes of dead letters, those with the most first: MOST_CAUSES at most. It costs two reads for each, and
        no more where there are many dead letters of it.

        Args:
            wanted: which; none are found where it names a cause, or more than one state.
        """
        if wanted.cause or wanted.state is None:
            return []
        if not wanted.is_by_index:
            return [each for each in by_cause(self.find(wanted)) if each.cause]
        parts = in_threads(lambda part: list(self._newest_of_causes(wanted, *part)), _PARTS, at_once=len(_PARTS))
        newest = [each for part in parts for each in part if wanted.reason is None or each.reason == wanted.reason]
        causes = [each for each in by_cause(newest) if each.cause][:MOST_CAUSES]
        counts = in_threads(lambda each: self.count(replace(wanted, cause=each.cause)), causes)
        counted = [replace(each, count=count) for each, count in zip(causes, counts, strict=True) if count]
        return sorted(counted, key=lambda each: -each.count)

    def _newest_of_causes(self, wanted: LetterFilter, start: str, end: str | None) -> Iterator[StoredDeadLetter]:
        """The newest dead letter of each cause, by its index: the first of a cause, then the first behind this one."""
        query = Query.of(DEAD_LETTERS).where("state", "==", str(wanted.state)).select(_CAUSE_FIELDS).limit(1)
        query = query.order_by("cause").order_by("received_at", descending=True)
        if end is not None:
            query = query.end_before(end)
        place = query.start_at(start)
        for _ in range(MOST_CAUSES):
            found = next(self._database.stream(place), None)
            if found is None:
                return
            if letter := StoredDeadLetter.from_snapshot(found):
                yield letter
            place = query.start_after((found.fields or {})["cause"])

    def newest_change(self) -> str:
        """A text that differs after each change of a dead letter's state: a read for each of CHANGE_TIMES."""
        return newest_change(self._database, DEAD_LETTERS, CHANGE_TIMES)

    def of_run(self, run_id: str, *, limit: int) -> list[StoredDeadLetter]:
        """Dead letters of a run's reports, in any state and order, by the index that Firestore has of each field."""
        query = Query.of(DEAD_LETTERS).where("payload.run_id", "==", run_id)
        return list(self._read(query.select(_CAUSE_FIELDS).limit(limit)))

    def of_ids(self, letter_ids: Sequence[str]) -> list[StoredDeadLetter]:
        """Dead letters by their ids; those that do not exist are left out."""
        found = self._database.get_all(f"{DEAD_LETTERS}/{each}" for each in letter_ids if is_document_id(each))
        return [letter for each in found.values() if (letter := StoredDeadLetter.from_snapshot(each))]

    def _newest_first(self, wanted: LetterFilter) -> Query:
        query = Query.of(DEAD_LETTERS)
        if wanted.state is not None:
            query = query.where("state", "==", wanted.state.value)
        field, value = ("cause", wanted.cause) if wanted.cause else ("reason", wanted.reason)
        if value is not None:
            query = query.where(field, "==", str(value))
            if wanted.state is None:
                # The index with the state answers this, and one without it is not needed.
                any_state = [each.value for each in DeadLetterState]
                query = query.where("state", "in", any_state)
        if wanted.since is not None:
            query = query.where("received_at", ">=", wanted.since)
        if wanted.until is not None:
            query = query.where("received_at", "<=", wanted.until)
        return query.order_by("received_at", descending=True)

    def with_delivery_states(self, letters: Iterable[StoredDeadLetter]) -> list[dict[str, Any]]:
        """Dead letters as JSON shows them, each with where its delivery stands now; null where there is none."""
        letters = list(letters)
        paths = [f"{DELIVERIES}/{task.delivery_id}" for letter in letters if (task := letter.task)]
        states = {
            delivery.id: delivery.state.value
            for found in self._database.get_all(paths, fields=["state"]).values()
            if (delivery := Delivery.from_snapshot(found))
        }
        return [
            {
                **dead_letter_row(letter),
                "delivery_state": states.get(task.delivery_id) if (task := letter.task) else None,
            }
            for letter in letters
        ]

    def get(self, letter_id: str) -> StoredDeadLetter:
        """One dead letter.

        Raises:
            NotFound: there is no dead letter of this id.
        """
        found = self._database.get(f"{DEAD_LETTERS}/{letter_id}") if is_document_id(letter_id) else None
        letter = StoredDeadLetter.from_snapshot(found) if found is not None else None
        if letter is None:
            raise NotFound(
                f"There is no dead letter {letter_id}: reports dead-letters list shows them.",
                did_you_mean(self._database, DEAD_LETTERS, letter_id),
            )
        return letter

    def show(self, letter_id: str) -> dict[str, Any]:
        """One dead letter as JSON shows it, with its payload and its delivery.

        Raises:
            NotFound: there is no dead letter of this id.
        """
        letter = self.get(letter_id)
        task = letter.task
        found = self._database.get(f"{DELIVERIES}/{task.delivery_id}") if task else None
        delivery = Delivery.from_snapshot(found) if found is not None else None
        return {
            **dead_letter_row(letter),
            "payload": document_fields.redacted_tree(letter.payload),
            "delivery": delivery_row(delivery) if delivery else None,
        }

    def _read(self, query: Query) -> Iterator[StoredDeadLetter]:
        found = map(StoredDeadLetter.from_snapshot, self._database.stream(query))
        return (letter for letter in found if letter)


def dead_letter_row(letter: StoredDeadLetter) -> dict[str, Any]:
    """A dead letter as JSON shows it. Texts come without email addresses; ids stay as they are."""
    payload = letter.payload
    return {
        "dead_letter_id": letter.id,
        "state": letter.state.value,
        "reason": redact_addresses(letter.reason),
        "error": redact_addresses(letter.error) or None,
        "cause": letter.cause or None,
        "attempts": letter.attempts,
        "user_id": document_fields.identifier(payload, "user_id"),
        "subscription_id": document_fields.identifier(payload, "subscription_id"),
        "delivery_id": document_fields.identifier(payload, "delivery_id"),
        "due_at": document_fields.text(payload, "due_at"),
        "run_id": document_fields.identifier(payload, "run_id"),
        "kind": document_fields.text(payload, "kind"),
        "task_name": letter.task_name or None,
        "failed_at": letter.failed_at,
        "received_at": letter.received_at,
        "alerted_at": letter.alerted_at,
        "replays": letter.replays,
        "replayed_at": letter.replayed_at,
        "dismissed_at": letter.dismissed_at,
        "reopened_at": letter.reopened_at,
        "settled_at": letter.settled_at,
        "note": redact_addresses(letter.note) or None,
    }
