"""What the events add up to. Pure, and with memory that does not grow with the number of events."""

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from report_kit import Figure, Period, sanitize, usable_amount

SHOWN_TYPES = 8
_DIFFERENT_TYPES = 5_000
"""So many types are told apart. What comes after that counts among the others."""

_NAMED_PROBLEMS = 10


@dataclass(frozen=True)
class Problem:
    """A field of an event that cannot be used."""

    event_id: str
    field: str


@dataclass(frozen=True)
class TypeFigures:
    """What the events of one type add up to."""

    type: str
    events: int
    amount: float


_DECIMALS = 6
"""More than any currency has: in another order the same amounts have another last digit."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a period's events add up to.

    Attributes:
        events: how many there were.
        amount: the sum of their amounts.
        has_amounts: whether any event of the period or of the one before had an amount.
        whole_amounts: whether all of them were whole numbers.
        events_before: how many there were in the period before.
        amount_before: the sum of their amounts.
        types: the most frequent types, then by name. An event without a type is in the type "".
        before_of: how many events of each of them there were in the period before.
        other_types: how many types are not among them.
        others: what the events of those add up to.
        all_types: every type that was told apart, likewise.
        beyond: what the events of all further types add up to.
        per_bucket: the number of events in each slice of the period.
    """

    events: int
    amount: float
    has_amounts: bool
    whole_amounts: bool
    events_before: int
    amount_before: float
    types: Sequence[TypeFigures]
    before_of: Mapping[str, int]
    other_types: int
    others: TypeFigures
    all_types: Sequence[TypeFigures]
    beyond: TypeFigures
    per_bucket: Sequence[int]

    @property
    def for_programs(self) -> Mapping[str, Any]:
        """What schema.json describes."""
        return {
            "events": self.events,
            "events_before": self.events_before,
            "amount": round(self.amount, _DECIMALS) if self.has_amounts else None,
            "amount_before": round(self.amount_before, _DECIMALS) if self.has_amounts else None,
            "types": [
                {"type": each.type, "events": each.events, "amount": round(each.amount, _DECIMALS)}
                for each in self.all_types
            ],
        }


class Tally:
    """Takes events one by one. Events are written by other applications: any field may be anything.

    Args:
        period: events in it count for the period, those before it for the period before.
        edges: where the slices of the period begin, in order.

    Attributes:
        problems: the first fields that could not be used.
        problem_count: how many there were.
    """

    def __init__(self, *, period: Period, edges: Sequence[datetime]) -> None:
        self._period = period
        self._edges = edges
        self._per_bucket = [0] * len(edges)
        self._count = {True: 0, False: 0}
        self._sum = {True: 0.0, False: 0.0}
        self._has_amounts = False
        self._whole_amounts = True
        self._types: dict[str, list[float]] = {}
        self._types_before: dict[str, int] = {}
        self._beyond = [0.0, 0.0]
        self.problems: list[Problem] = []
        self.problem_count = 0

    def add(self, event_id: str, fields: Mapping[str, Any]) -> None:
        """Count an event as far as it can be: one without a usable time not at all, otherwise all that is usable."""
        at = fields.get("at")
        if not isinstance(at, datetime) or at.tzinfo is None:
            self._problem(event_id, "at")
            return
        if at >= self._period.end:
            return
        amount = self._amount(event_id, fields.get("amount"))
        name = self._type(event_id, fields.get("type"))
        self._count_at(at, name, 1, amount, is_whole=amount is None or amount.is_integer())

    def add_figure(self, figure: Figure) -> None:
        """Count events that are added up already."""
        self._count_at(figure.at, sanitize(figure.name, 60), figure.count, figure.sum, is_whole=figure.is_whole)

    def figures(self) -> Figures:
        """What has been added so far."""
        ranked = sorted(self._types.items(), key=lambda item: (-item[1][0], item[0]))
        # A single type more is shown by its name rather than as "1 other".
        shown = SHOWN_TYPES + 1 if len(ranked) == SHOWN_TYPES + 1 and not self._beyond[0] else SHOWN_TYPES
        others = [self._beyond, *(numbers for _, numbers in ranked[shown:])]
        types = [TypeFigures(name, int(events), amount) for name, (events, amount) in ranked]
        return Figures(
            events=self._count[True],
            amount=self._sum[True],
            has_amounts=self._has_amounts,
            whole_amounts=self._whole_amounts,
            events_before=self._count[False],
            amount_before=self._sum[False],
            before_of={name: self._types_before.get(name, 0) for name, _ in ranked[:shown]},
            types=types[:shown],
            other_types=len(ranked[shown:]),
            others=TypeFigures("", int(sum(events for events, _ in others)), sum(amount for _, amount in others)),
            all_types=types,
            beyond=TypeFigures("", int(self._beyond[0]), self._beyond[1]),
            per_bucket=self._per_bucket,
        )

    def _count_at(self, at: datetime, name: str, events: int, amount: float | None, *, is_whole: bool) -> None:
        current = at >= self._period.start
        if amount is not None:
            self._has_amounts = True
            self._whole_amounts = self._whole_amounts and is_whole
            self._sum[current] += amount
        self._count[current] += events
        if current:
            self._per_bucket[max(0, bisect.bisect_right(self._edges, at) - 1)] += events
            self._add_type(name, events, amount or 0.0)
        elif name in self._types_before or len(self._types_before) < _DIFFERENT_TYPES:
            self._types_before[name] = self._types_before.get(name, 0) + events

    def _amount(self, event_id: str, value: Any) -> float | None:
        amount = usable_amount(value)
        if amount is None and value is not None:
            self._problem(event_id, "amount")
        return amount

    def _type(self, event_id: str, value: Any) -> str:
        if value is not None and not isinstance(value, str):
            self._problem(event_id, "type")
            return ""
        return sanitize(value or "", 60)

    def _add_type(self, name: str, events: int, amount: float) -> None:
        if name not in self._types and len(self._types) >= _DIFFERENT_TYPES:
            numbers = self._beyond
        else:
            numbers = self._types.setdefault(name, [0.0, 0.0])
        numbers[0] += events
        numbers[1] += amount

    def _problem(self, event_id: str, field: str) -> None:
        self.problem_count += 1
        if len(self.problems) < _NAMED_PROBLEMS:
            self.problems.append(Problem(event_id, field))
