"""Figures that the team's application adds up as things happen, so that a report need not read each entry.

A document for each month, `2026-11`: its `days["2026-11-24"]["09:45"]["=order.placed"]` is what happened under a name
within five minutes, all in UTC. On such a slot fall the midnights of all time zones, and the slices of each chart. What
does not fit into the month's document is in further ones, each with the beginning of its days as its id
(docs/guides/shipped-reports.md).
"""

import bisect
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any

import structlog

from functions.shared.records.user import User
from functions.shared.times.period import Period
from functions.shared.times.plausible_time import EARLIEST, plausible
from report_kit.amounts import usable_amount
from report_kit.user_data import UserData

DAYS = "days"
"""The field with all figures of a document."""

SLOT = timedelta(minutes=5)
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_MONTH = "%Y-%m"
_SLOTS = {f"{number // 12:02}:{number % 12 * 5:02}": number * SLOT for number in range(_DAY // SLOT)}
"""By their names, such as "09:45": when they begin, from midnight on."""

_MOST_PICKED_DAYS = 16
"""Of so many days, two weeks in any zone, a report reads these alone of each document; of more it reads all."""

_PREFIX = "="
"""Of a name: no field's name may be empty, or begin and end with two underscores.
https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""

Entry = tuple[str, Mapping[str, Any]]
"""The id and the fields of a document for one thing that happened."""

_logger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Collections:
    """Where an application writes down what happens.

        >>> Collections(entries="orders", figures="order_figures", since="order_figures_since", select=("total",)).since
        'order_figures_since'

    Attributes:
        entries: the collection with a document for each thing that happens, at its `at`.
        figures: the collection with a document for each month.
        since: the field of the user's document that says from when on the figures are complete.
        select: the fields of an entry to read.
    """

    entries: str
    figures: str
    since: str
    select: Sequence[str]


@dataclass(frozen=True, slots=True)
class Figure:
    """What happened under one name within five minutes.

        >>> Figure(at=request.period.start, name="Tea", count=2, sum=25.0, is_whole=False).sum
        25.0

    Attributes:
        at: where the slot begins.
        name: may be empty.
        count: how often it happened.
        sum: of the amounts; None where there were none.
        is_whole: whether all amounts were whole numbers.
    """

    at: datetime
    name: str
    count: int
    sum: float | None
    is_whole: bool


class StoredFigures:
    """Reads a user's figures, and the entries only where an edge cuts a slot: the sums are those of all entries.

        >>> collections = {"entries": "orders", "figures": "order_figures", "since": "order_figures_since"}
        >>> stored = StoredFigures(request.data, request.user, Collections(**collections, select=("total",)))
        >>> orders = len(list(stored.entries(request.period, limit=10_000)))
        >>> for found in stored.read((request.period,), edges=[], limit=10_000):
        ...     orders += found.count if isinstance(found, Figure) else 1
        >>> orders
        2

    Args:
        data: the user's.
        user: whose.
        collections: where they are.
    """

    def __init__(self, data: UserData, user: User, collections: Collections) -> None:
        self._data = data
        self._user = user
        self._collections = collections
        since = plausible(user.fields.get(collections.since))
        # The first slot that is complete.
        self._since = None if since is None else since + (EARLIEST - since) % SLOT

    def reach(self, period: Period) -> bool:
        """Whether figures cover any part of a period."""
        return self._since is not None and self._since < period.end

    def entries(self, period: Period, *, limit: int) -> Iterator[Entry]:
        """The entries of the part of a period that figures do not cover, from the earliest on.

        Args:
            period: which.
            limit: how many are read at most.
        """
        end = period.end if self._since is None else min(period.end, self._since)
        return self._between(period.start, end, limit) if period.start < end else iter(())

    def read(self, spans: Sequence[Period], *, edges: Sequence[datetime], limit: int) -> Iterator[Figure | Entry]:
        """Read what happened in periods, as far as figures cover them.

        Args:
            spans: the periods, in order.
            edges: the moments, beside those at which the periods begin and end, on whose two sides the report counts
                separately, in any order.
            limit: how many entries of one stretch are read at most. In a longer one, everything in a slot counts
                where the slot begins.

        Yields:
            Figures and entries; what is in one is not in another.
        """
        if self._since is None:
            return
        spans = [Period(max(each.start, self._since), each.end) for each in spans if each.end > self._since]
        if not spans:
            return
        cuts = sorted({*edges, *(each.start for each in spans), *(each.end for each in spans)})

        def is_cut(slot: datetime) -> bool:
            return bisect.bisect_right(cuts, slot) < bisect.bisect_left(cuts, slot + SLOT)

        def is_in(moment: datetime) -> bool:
            return any(each.start <= moment < each.end for each in spans)

        slots = self._slots(spans)
        cut = []
        for slot, figures in slots:
            if is_cut(slot):
                cut.append((slot, figures))
            elif is_in(slot):
                yield from figures
        # Neighbors are read by one query.
        for _, group in groupby(enumerate(cut), key=lambda item: item[1][0] - item[0] * SLOT):
            stretch = [item for _, item in group]
            for found in self._cut(stretch, limit):
                at = found.at if isinstance(found, Figure) else found[1]["at"]
                if is_in(at):
                    yield found

    def _cut(self, stretch: Sequence[tuple[datetime, list[Figure]]], limit: int) -> Iterator[Figure | Entry]:
        """The entries of neighboring slots; the figures of a slot whose entries are not all there."""
        count = {slot: sum(each.count for each in figures) for slot, figures in stretch}
        entries: dict[datetime, list[Entry]] = {slot: [] for slot in count}
        total = sum(count.values())
        if total <= limit:
            for entry in self._between(stretch[0][0], stretch[-1][0] + SLOT, total + 1):
                at = entry[1]["at"]
                entries[EARLIEST + (at - EARLIEST) // SLOT * SLOT].append(entry)
        for slot, figures in stretch:
            yield from entries[slot] if len(entries[slot]) == count[slot] else figures

    def _between(self, start: datetime, end: datetime, limit: int) -> Iterator[Entry]:
        select = self._collections.select
        return self._data.between(
            self._collections.entries, field="at", start=start, end=end, select=select, limit=limit
        )

    def _slots(self, spans: Sequence[Period]) -> list[tuple[datetime, list[Figure]]]:
        """The slots with figures in or around the spans, in order."""
        first, last = (each.astimezone(UTC).date() for each in (spans[0].start, spans[-1].end - _INSTANT))
        days = [(first + number * _DAY).isoformat() for number in range((last - first).days + 1)]
        documents = self._data.parts(
            self._collections.figures,
            first=first.strftime(_MONTH),
            last=days[-1],
            field=DAYS,
            keys=days if len(days) <= _MOST_PICKED_DAYS else (),
        )
        found: defaultdict[datetime, list[Figure]] = defaultdict(list)
        unusable = []
        for document_id, content in documents:
            for day in days:
                if not day.startswith(document_id):
                    continue
                slots = content.get(day, {})
                if not isinstance(slots, Mapping):
                    unusable.append(f"{document_id}: {day}")
                    continue
                midnight = datetime.combine(date.fromisoformat(day), time(), UTC)
                for name in sorted(slots.keys() & _SLOTS.keys()):
                    at = midnight + _SLOTS[name]
                    figures, wrong = _figures(at, slots[name])
                    unusable += [f"{document_id}: {day} {name} {key}" for key in wrong]
                    if figures and any(each.start < at + SLOT and at < each.end for each in spans):
                        found[at] += figures
        if unusable:
            _logger.warning(
                "figures_unusable",
                user_id=self._user.id,
                collection=self._collections.figures,
                first=unusable[0],
                problems=len(unusable),
            )
        return sorted(found.items())


def _figures(at: datetime, cells: Any) -> tuple[list[Figure], list[str]]:
    """The figures of a slot, and the keys of those that cannot be used."""
    if not isinstance(cells, Mapping):
        return [], [""]
    figures, unusable = [], []
    for key, cell in cells.items():
        fields = cell if isinstance(cell, Mapping) else {}
        count = fields.get("count")
        if not key.startswith(_PREFIX) or type(count) is not int or count < 0:
            unusable.append(key)
            continue
        total = usable_amount(fields.get("sum"), entries=count)
        if total is None and fields.get("sum") is not None:
            unusable.append(key)
        if count:
            name = key.removeprefix(_PREFIX)
            figures.append(Figure(at, name, count, total, is_whole=fields.get("fractional") is not True))
    return figures, unusable
