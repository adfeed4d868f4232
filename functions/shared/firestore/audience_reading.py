"""Reads a kind's audience: takes the rows of its query one after another, compares them with the subscriptions that the
query has made, and writes what differs.

A reading that is killed, or made twice, does no harm: each recipient is one commit, on the condition that the documents
are as they were read, and the next reading does what is left. Nobody leaves before every row is read.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from google.api_core.exceptions import Aborted, GoogleAPICallError, InvalidArgument

from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write, changed, replaced
from functions.shared.records.audience import (
    AUDIENCE,
    AUDIENCE_ROW,
    Audience,
    Effect,
    Plan,
    erased_path,
    has_left,
    loses_too_many,
    row_of,
)
from functions.shared.records.audience_row import AudienceRow
from functions.shared.records.last_reading import LastReading, audience_path
from functions.shared.records.subscription import SUBSCRIPTIONS, is_of_a_user, subscription_path
from functions.shared.records.user import USERS

_AT_ONCE = 150
"""How many recipients are read and written at once: each takes up to three writes, and a commit 500."""

_TURNS = 5
"""How often a recipient is planned again whose documents others write at the same moment."""

_NO_ROOM = "the documents: must have room for what the row says"


class Outcome(NamedTuple):
    """What a reading does about a recipient.

    Attributes:
        number: of the row, from 1 on; 0 where there is none.
        user_id: the recipient's; empty where the row has none.
        plan: what is done.
    """

    number: int
    user_id: str
    plan: Plan

    def __str__(self) -> str:
        return f"row {self.number:,}{f' ({self.user_id})' if self.user_id else ''}: {self.plan.problem}"


class _Known(NamedTuple):
    """One whom the query has named before: the digest of the row, and whether reports come.

    There is none of one who has left, whose row is looked at if it is back.
    """

    digest: int | None
    is_active: bool


_Numbered = tuple[int, str, AudienceRow | None]
"""The number of a row, the user's id, and the row; None for one who is not in the query any more."""


class AudienceReading:
    """One reading. Every method raises GoogleAPICallError if Firestore does not answer or refuses.

    Args:
        database: the Firestore database.
        audience: whose.
        dry_run: whether to write nothing.

    Attributes:
        figures: how many rows there are, and how many recipients each effect concerns, as far as they are read.
    """

    def __init__(self, database: Database, audience: Audience, *, dry_run: bool = False) -> None:
        self._database, self._audience = database, audience
        self.figures = {"rows": 0} | dict.fromkeys(map(str.lower, Effect.__members__), 0)
        self._commit_each: Callable[[Sequence[Sequence[Write]]], Sequence[GoogleAPICallError | None]] = (
            (lambda groups: [None] * len(groups)) if dry_run else database.commit_each
        )

    def read(self, rows: Iterable[AudienceRow]) -> Iterator[Outcome]:
        """Take all rows, and note in the document about the audience what has come of them.

        Args:
            rows: of the query. What they raise ends the reading.

        Yields:
            what is done about each row, and about each recipient who has none any more. A caller who takes no more of
            them leaves the rest to the next reading.

        Raises:
            ChangedMeanwhile: another reading has ended, or a person has accepted that recipients leave.
        """
        last = self._database.get(audience_path(self._audience.kind))
        for outcome in self._outcomes(rows, LastReading.from_fields(last.fields).leaving_accepted):
            self.figures[outcome.plan.effect.name.lower()] += 1
            self.figures["rows"] += outcome.number > 0
            yield outcome
        (error,) = self._commit_each([[replaced(last, {"read_at": self._audience.now, **self.figures})]])
        if error:
            raise error

    def _outcomes(self, rows: Iterable[AudienceRow], accepted: int) -> Iterator[Outcome]:
        known = self._known()
        seen: set[str] = set()
        waiting: list[_Numbered] = []
        for number, row in enumerate(rows, 1):
            before = known.get(row.user_id)
            if row.problem or row.user_id in seen:
                yield Outcome(number, row.user_id, Plan(Effect.REFUSED, problem=row.problem or "id: is there twice"))
            elif before and before.digest == _digest(row.said):
                yield Outcome(number, row.user_id, Plan(Effect.KEPT))
            else:
                waiting.append((number, row.user_id, row))
            # Also one whose row is wrong is in the query.
            seen.add(row.user_id)
            if len(waiting) == _AT_ONCE:
                yield from self._carry_out(waiting)
                waiting = []
        yield from self._carry_out(waiting)
        active = [user_id for user_id, each in known.items() if each.is_active]
        leaving: list[_Numbered] = [(0, user_id, None) for user_id in active if user_id not in seen]
        if len(leaving) > accepted and loses_too_many(len(leaving), of=len(active), named=len(seen - {""})):
            yield from (Outcome(0, user_id, Plan(Effect.HELD_BACK)) for _, user_id, _ in leaving)
            return
        for start in range(0, len(leaving), _AT_ONCE):
            yield from self._carry_out(leaving[start : start + _AT_ONCE])

    def _known(self) -> dict[str, _Known]:
        query = Query.of_group(SUBSCRIPTIONS).where(AUDIENCE, "==", self._audience.kind)
        found = self._database.stream(query.select([AUDIENCE_ROW, "active", "paused_because"]))
        ours = ((each.path, each.fields or {}) for each in found if each.id == self._audience.kind)
        return {
            path.split("/")[1]: _Known(
                None if has_left(fields) else _digest(row_of(fields)), is_active=fields.get("active") is not False
            )
            for path, fields in ours
            if is_of_a_user(path)
        }

    def _carry_out(self, some: Sequence[_Numbered]) -> Iterator[Outcome]:
        for _ in range(_TURNS):
            planned = self._planned(some)
            errors = self._commit_each([writes for _plan, writes in planned])
            again = []
            for each, (plan, _), error in zip(some, planned, errors, strict=True):
                if isinstance(error, Aborted):
                    again.append(each)
                else:
                    is_refused = isinstance(error, InvalidArgument)
                    yield Outcome(*each[:2], Plan(Effect.REFUSED, problem=_NO_ROOM) if is_refused else plan)
            if not again:
                return
            some = again
        raise Aborted("other programs write the documents of recipients all the time")  # type: ignore[no-untyped-call]

    def _planned(self, some: Sequence[_Numbered]) -> list[tuple[Plan, list[Write]]]:
        paths = [(f"{USERS}/{user_id}", subscription_path(user_id, self._audience.kind)) for _, user_id, _ in some]
        found = self._database.get_all([path for both in paths for path in both])
        new = [user_id for (_, user_id, _), (_, path) in zip(some, paths, strict=True) if not found[path].exists]
        marks = self._database.get_all(map(erased_path, new), fields=[])
        planned = []
        for (_, user_id, row), both in zip(some, paths, strict=True):
            user, subscription = (found[path] for path in both)
            mark = marks.get(erased_path(user_id))
            plan = (
                self._audience.plan(row, user, subscription, is_erased=mark is not None and mark.exists)
                if row
                else self._audience.plan_leaving(user, subscription)
            )
            parts = ((user, plan.user), (subscription, plan.subscription))
            writes = [changed(document, fields) for document, fields in parts if fields]
            if plan.effect is Effect.ADDED:
                # Deletes nothing, but fails if the user has been erased since the mark was read.
                writes.append(Write(erased_path(user_id), None, None, condition=False))
            planned.append((plan, writes))
        return planned


def _digest(said: Mapping[str, Any]) -> int:
    """The same within a process for rows that say the same."""
    return hash(json.dumps(said, sort_keys=True, default=str))
