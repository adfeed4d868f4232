"""Compares all rows of a query that names recipients with those whom it has named before. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

from functions.shared.records.audience import Effect, Plan, has_left, row_of
from functions.shared.records.audience_row import AudienceRow

MOST_LEAVING_PERCENT, FEW = 20, 5
"""How many of its recipients a query may lose from one reading to the next: such a share, or so many. If it loses more,
or all, a person decides."""


class Known(NamedTuple):
    """A recipient whom the query has named before.

    Attributes:
        digest: of what the row said last; None where the recipient has left, and would return.
        is_active: whether reports come.
    """

    digest: int | None
    is_active: bool

    @classmethod
    def from_fields(cls, document: Mapping[str, Any]) -> Self:
        """Read the fields of the subscription."""
        digest = None if has_left(document) else _digest(row_of(document))
        return cls(digest, is_active=document.get("active") is not False)


class Open(NamedTuple):
    """A recipient whose documents say what to do.

    Attributes:
        number: of the row, from 1 on; 0 where there is none any more.
        user_id: the recipient's.
        row: what the query says; None where it has no row any more.
    """

    number: int
    user_id: str
    row: AudienceRow | None


class Outcome(NamedTuple):
    """What a reading does about a row, or about a recipient without one.

    Attributes:
        number: of the row, from 1 on; 0 where there is none any more.
        user_id: the recipient's; empty where the row has none.
        plan: what is done.
    """

    number: int
    user_id: str
    plan: Plan

    def __str__(self) -> str:
        return f"row {self.number:,}{f' ({self.user_id})' if self.user_id else ''}: {self.plan.problem}"


def compare(
    rows: Iterable[AudienceRow], known: Mapping[str, Known], *, accepted: int
) -> tuple[list[Outcome], list[Open]]:
    """Compare.

    Args:
        rows: of the query, all of them.
        known: whom it has named before, by their ids.
        accepted: how many recipients a person lets leave at once.

    Returns:
        what is settled, and what else is to be looked at.
    """
    settled: list[Outcome] = []
    found: list[Open] = []
    named: set[str] = set()
    for number, row in enumerate(rows, 1):
        before = known.get(row.user_id)
        if row.problem or row.user_id in named:
            problem = row.problem or "id: is there twice"
            settled.append(Outcome(number, row.user_id, Plan(Effect.REFUSED, problem=problem)))
        elif before and before.digest == _digest(row.said):
            settled.append(Outcome(number, row.user_id, Plan(Effect.KEPT)))
        else:
            found.append(Open(number, row.user_id, row))
        # Also one whose row is wrong is in the query.
        named.add(row.user_id)
    active = [user_id for user_id, each in known.items() if each.is_active]
    leaving = [Open(0, user_id, None) for user_id in active if user_id not in named]
    if len(leaving) <= accepted or not loses_too_many(len(leaving), of=len(active), named=len(named - {""})):
        return settled, found + leaving
    # If it is the ids that have changed, the new recipients are the ones who are gone.
    waiting = [each for each in found if each.user_id not in known]
    held_back = [Outcome(0, each.user_id, Plan(Effect.HELD_BACK)) for each in leaving]
    held_back += [Outcome(each.number, each.user_id, Plan(Effect.WAITING)) for each in waiting]
    return settled + held_back, [each for each in found if each.user_id in known]


def loses_too_many(leaving: int, *, of: int, named: int) -> bool:
    """Whether a query lost so many recipients that a person is to decide.

    Args:
        leaving: how many who get reports are not in it.
        of: how many got reports before.
        named: how many it names.
    """
    return leaving > 0 and (named == 0 or leaving > max(FEW, of * MOST_LEAVING_PERCENT // 100))


def _digest(said: Mapping[str, Any]) -> int:
    """The same within a process for rows that say the same."""
    return hash(json.dumps(said, sort_keys=True, default=str))
