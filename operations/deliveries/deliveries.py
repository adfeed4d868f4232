"""Reads deliveries for the operator."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.logging import redact_addresses
from functions.shared.records.delivery import DELIVERIES, Delivery, DeliveryState
from functions.shared.records.ids import SHARDS, is_document_id
from functions.shared.records.mail_event import MAIL_EVENTS, MailRecord
from functions.shared.times.plausible_time import EARLIEST, LATEST
from operations.deliveries.delivery_filter import DeliveryFilter
from operations.deliveries.mail_outcome import MailOutcome
from operations.deliveries.mail_records import mail_row
from operations.errors import NotFound
from operations.reading.page import cursor_of, read_cursor
from operations.reading.similar_ids import did_you_mean
from operations.reading.threads import in_threads

SEARCHED = 100
"""How many deliveries are read at most for one page."""

_LISTED = (
    *("user_id", "subscription_id", "run_id", "kind", "state", "due_at"),
    *("period_start", "period_end", "attempts", "lease_expires_at", "variant", "provider", "message_id"),
    *("reason", "note", "last_error", "created_at", "updated_at"),
)
"""The fields that a list shows or filters by. The others, such as each attempt in `history`, would be most of what
Google's client has to make into Python."""

_OF_DOUBT = ("may_have_been_sent", "history")


class DeliveryPage(NamedTuple):
    """A page of deliveries.

    Attributes:
        following: the cursor behind which the next page begins; None on the last page.
        searched: how many deliveries were looked at for them.
        reads: how many Firestore has read at most.
    """

    rows: list[Delivery]
    following: str | None
    searched: int
    reads: int


class Deliveries:
    """Reads `deliveries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, wanted: DeliveryFilter, *, after: str | None, limit: int) -> DeliveryPage:
        """Deliveries, with the fields that a list shows, page by page: those of a run state by state, those that were
        perhaps sent twice in no order, all others with the latest due time first.

        It looks at SEARCHED at most: where most deliveries that an index finds are not meant, a page may be
        short, and yet have one that follows.

        Args:
            wanted: which; without a `problem`.
            after: the cursor behind which the page begins; None for the first page.

        Raises:
            NotACursor: `after` is not of this list.
        """
        if wanted.mail:
            return self._page_of_mails(wanted, wanted.mail, after=after, limit=limit)
        fields = (*_LISTED, *_OF_DOUBT) if wanted.perhaps_twice else _LISTED
        queries = {state: query.select(fields) for state, query in self._queries(wanted).items()}
        # All of them have the same order.
        first = next(iter(queries.values()))
        if after is not None:
            place = read_cursor(first, after)
            queries = {state: query.behind_place(place) for state, query in queries.items()}
        # Of several states, most deliveries are sent.
        few = limit if len(queries) == 1 else limit // 6 + 1
        parts = [
            _Part(self._database, query, at_first=limit if state is DeliveryState.SENT else few, at_once=limit)
            for state, query in queries.items()
        ]
        in_threads(_Part.read, parts)
        merged = parts[0] if len(parts) == 1 else heapq.merge(*parts, key=_due_at, reverse=True)
        found: list[Delivery] = []
        searched, last = 0, None
        for document in islice(merged, SEARCHED):
            searched, last = searched + 1, document
            if (delivery := Delivery.from_snapshot(document)) and wanted.matches(delivery):
                found.append(delivery)
            if len(found) == limit:
                break
        is_more = last is not None and (len(found) == limit or searched == SEARCHED)
        following = cursor_of(first, last) if last is not None and is_more else None
        return DeliveryPage(found, following, searched, sum(part.reads for part in parts))

    def _page_of_mails(
        self, wanted: DeliveryFilter, outcome: MailOutcome, *, after: str | None, limit: int
    ) -> DeliveryPage:
        """The same of deliveries whose email became something, with what was known latest first."""
        query = Query.of(MAIL_EVENTS).where("shard", "in", list(range(SHARDS)))
        query = query.order_by(outcome.time_field, descending=True)
        query = query.start_at(wanted.until or LATEST).end_at(wanted.since or EARLIEST).select([])
        query = query if after is None else query.behind_place(read_cursor(query, after))
        rows: list[Delivery] = []
        searched, last = 0, None
        while len(rows) < limit and searched < SEARCHED:
            asked = limit - len(rows)
            found = list(self._database.stream(query.limit(asked)))
            rows += filter(wanted.matches, self.of_ids([each.id for each in found]))
            searched, last = searched + len(found), found[-1] if found else None
            if last is None or len(found) < asked:
                return DeliveryPage(rows, None, searched, 2 * searched + 1)
            query = query.behind(last)
        return DeliveryPage(rows, cursor_of(query, last) if last else None, searched, 2 * searched + 1)

    def of_ids(self, delivery_ids: Sequence[str]) -> list[Delivery]:
        """Deliveries by their ids, in this order, with the fields that a list shows; those that do not exist are left
        out."""
        found = self._database.get_all((f"{DELIVERIES}/{each}" for each in delivery_ids), fields=_LISTED)
        read = {each.id: delivery for each in found.values() if (delivery := Delivery.from_snapshot(each))}
        return [read[each] for each in delivery_ids if each in read]

    def of_message(self, message_id: str, *, limit: int) -> list[Delivery]:
        """The deliveries whose email has an id at the provider."""
        query = Query.of(DELIVERIES).where("message_id", "==", message_id).limit(limit)
        return [delivery for each in self._database.stream(query) if (delivery := Delivery.from_snapshot(each))]

    def find(self, wanted: DeliveryFilter, *, limit: int | None) -> list[Delivery]:
        """Deliveries, in the order of `page`.

        Args:
            wanted: which; without a `problem`.
        """
        query = self._query(wanted)
        if limit is not None and wanted.is_by_index:
            query = query.limit(limit)
        return list(islice(self._matching(query, wanted), limit))

    def count(self, wanted: DeliveryFilter) -> int:
        """How many deliveries `find` would find without a limit: counted in the index where that finds exactly the
        wanted ones.

        Args:
            wanted: which; without a `problem`.
        """
        query = self._query(wanted)
        if wanted.is_by_index:
            return self._database.count(query)
        return sum(1 for _ in self._matching(query, wanted))

    def _queries(self, wanted: DeliveryFilter) -> dict[DeliveryState | None, Query]:
        """The query of an index, or one of each state where no index finds what is meant."""
        if wanted.user_id or wanted.run_id or wanted.state or wanted.perhaps_twice:
            return {wanted.state: self._query(wanted)}
        return {state: self._query(replace(wanted, state=state)) for state in DeliveryState}

    def _query(self, wanted: DeliveryFilter) -> Query:
        """What an index finds. A user has few deliveries: filtering them in memory saves an index, which every write of
        a delivery would have to update."""
        query = Query.of(DELIVERIES)
        if wanted.user_id:
            query = query.where("user_id", "==", wanted.user_id)
            if wanted.subscription_id:
                query = query.where("subscription_id", "==", wanted.subscription_id)
            return _latest_first(query, wanted)
        if wanted.run_id:
            query = of_run(wanted.run_id)
            if wanted.state:
                return query.where("state", "==", wanted.state.value)
            return query.order_by("state")
        if wanted.perhaps_twice:
            return query.where("may_have_been_sent", "==", True).where("state", "==", DeliveryState.SENT.value)
        if wanted.state:
            query = query.where("shard", "in", list(range(SHARDS))).where("state", "==", wanted.state.value)
            return _latest_first(query, wanted)
        raise ValueError("no index finds these deliveries")

    def _matching(self, query: Query, wanted: DeliveryFilter) -> Iterator[Delivery]:
        found = map(Delivery.from_snapshot, self._database.stream(query))
        return (each for each in found if each and wanted.matches(each))

    def get(self, delivery_id: str) -> Delivery:
        """One delivery.

        Raises:
            NotFound: there is no delivery of this id.
        """
        found = self._database.get(f"{DELIVERIES}/{delivery_id}") if is_document_id(delivery_id) else None
        delivery = Delivery.from_snapshot(found) if found is not None else None
        if delivery is None:
            raise NotFound(
                f"There is no delivery {delivery_id}: reports deliveries list shows those of a user or a run.",
                did_you_mean(self._database, DELIVERIES, delivery_id),
            )
        return delivery

    def latest(self, user_id: str, subscription_id: str | None = None) -> Delivery | None:
        """The latest delivery of a user, or of one of the user's subscriptions; None where there is none."""
        wanted = DeliveryFilter(user_id=user_id, subscription_id=subscription_id or "")
        return next(iter(self.find(wanted, limit=1)), None)

    def unfinished(self, user_id: str, subscription_id: str) -> list[Delivery]:
        """The deliveries of a subscription that are not final, in the order of their ids."""
        states = [state.value for state in DeliveryState if not state.is_final]
        query = Query.of(DELIVERIES).where("user_id", "==", user_id).where("subscription_id", "==", subscription_id)
        found = map(Delivery.from_snapshot, self._database.stream(query.where("state", "in", states)))
        return [delivery for delivery in found if delivery]


class _Part:
    """What a query finds, read some at a time as far as it is needed.

    Args:
        at_first: how many are read together at first.
        at_once: how many are read together later.
    """

    def __init__(self, database: Database, query: Query, *, at_first: int, at_once: int) -> None:
        self._database = database
        self._query = query
        self._wanted = at_first
        self._at_once = at_once
        self._read: list[FoundDocument] = []
        self.reads = 0
        """What Firestore has billed for them."""

    def read(self) -> None:
        """Read the first ones, or the next ones."""
        query = self._query
        if self._read:
            query, self._wanted = query.behind(self._read[-1]), self._at_once
        self._read = list(self._database.stream(query.limit(self._wanted)))
        self.reads += len(self._read) or 1

    def __iter__(self) -> Iterator[FoundDocument]:
        """Those from the first ones on, which have been read."""
        while self._read:
            yield from self._read
            if len(self._read) < self._wanted:
                return
            self.read()


def _due_at(found: FoundDocument) -> datetime:
    due_at = (found.fields or {})["due_at"]
    # In a malformed document it may be a text: of the latest first, Firestore lists texts before times.
    return due_at if isinstance(due_at, datetime) else LATEST


def _latest_first(query: Query, wanted: DeliveryFilter) -> Query:
    """A query in the order of due times, between those that are wanted: by cursors, since a filter counts once for each
    shard, and a query has 100 filters at most (functions.shared.records.ids.SHARDS)."""
    query = query.order_by("due_at", descending=True)
    if wanted.until is not None:
        query = query.start_at(wanted.until)
    return query if wanted.since is None else query.end_at(wanted.since)


def of_run(run_id: str) -> Query:
    """The query for a run's deliveries, whose index is (`shard`, `run_id`, `state`). If the index began with the runs'
    ids, which rise with time, Firestore would take only 500 writes a second (docs/guides/size.md).
    """
    return Query.of(DELIVERIES).where("shard", "in", list(range(SHARDS))).where("run_id", "==", run_id)


def delivery_row(delivery: Delivery, mail: MailRecord | None = None) -> dict[str, Any]:
    """A delivery as JSON shows it. Texts come without email addresses; ids stay as they are."""
    return {
        "delivery_id": delivery.id,
        "user_id": delivery.user_id or None,
        "subscription_id": delivery.subscription_id or None,
        "run_id": delivery.run_id or None,
        "kind": redact_addresses(delivery.kind) or None,
        "state": delivery.state.value,
        "due_at": delivery.due_at,
        "period_start": delivery.period_start,
        "period_end": delivery.period_end,
        "attempts": delivery.attempts,
        "lease_expires_at": delivery.lease_expires_at,
        "variant": delivery.variant or None,
        "provider": redact_addresses(delivery.provider) or None,
        "message_id": redact_addresses(delivery.message_id) or None,
        "archived_as": delivery.archived_as or None,
        "archive_error": redact_addresses(delivery.archive_error) or None,
        "reason": redact_addresses(delivery.reason) or None,
        "note": redact_addresses(delivery.note) or None,
        **mail_row(mail),
        "last_error": redact_addresses(delivery.last_error) or None,
        "problem": delivery.problem or None,
        "created_at": delivery.created_at,
        "updated_at": delivery.updated_at,
    }
