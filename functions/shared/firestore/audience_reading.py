"""Reads a kind's audience: takes the rows of its query one after another, compares them with the subscriptions that the
query has made, and writes what differs.

A reading that is killed, or made twice, does no harm: each recipient is one commit, on the condition that the documents
are as they were read, and the next reading does what is left. Nobody leaves before every row is read.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from google.api_core.exceptions import Aborted, InvalidArgument

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write, changed
from functions.shared.records.audience import (
    AUDIENCE,
    AUDIENCE_ROW,
    AUDIENCES,
    Effect,
    InvalidRow,
    Plan,
    Recipient,
    check,
    digest_of,
    erased_path,
    loses_too_many,
    plan,
    plan_leaving,
    recipient_of,
    row_of,
)
from functions.shared.records.states import PauseReason
from functions.shared.records.subscription import (
    SUBSCRIPTIONS,
    SubscriptionDefaults,
    is_of_a_user,
    subscription_path,
)
from functions.shared.records.user import USERS

_AT_ONCE = 200
"""How many recipients are read and written at once: each takes two writes, and a commit 500."""

_TURNS = 5
"""How often a recipient is planned again whose documents others write at the same moment."""


class RefusedRow(NamedTuple):
    """A row that is no recipient.

    Attributes:
        number: the row's, from 1 on.
        user_id: what it has as the id; empty where that is none.
        problem: what is wrong, without the values.
    """

    number: int
    user_id: str
    problem: str

    def __str__(self) -> str:
        return f"row {self.number:,}{f' ({self.user_id})' if self.user_id else ''}: {self.problem}"


class _Known(NamedTuple):
    digest: int
    is_active: bool
    has_left: bool


class _Row(NamedTuple):
    number: int
    user_id: str
    recipient: Recipient | None
    """None for one who is not in the query any more."""


class AudienceReading:
    """One reading. Every method raises GoogleAPICallError if Firestore does not answer or refuses.

    Args:
        database: the Firestore database.
        kind: whose audience.
        defaults: what a subscription's document does not say.
        base: what the kind's file says for columns that are NULL or missing.
        options: the columns that are options of the kind.
        now: when it began, in UTC.
        is_late: whether it is to end, and leave the rest to the next one.
        dry_run: whether to write nothing.
        on_effect: called with the user's id, what is done, and the fields that are written.

    Attributes:
        rows: how many rows the query has.
        effects: how many recipients each effect concerns.
        refused: the rows that are no recipients.
        held_back: who is not in the query any more, and gets reports until a person decides.
        is_whole: whether all was read and written.
    """

    def __init__(
        self,
        database: Database,
        kind: str,
        defaults: SubscriptionDefaults,
        *,
        base: Mapping[str, Any],
        options: Collection[str],
        now: datetime,
        is_late: Callable[[], bool] = lambda: False,
        dry_run: bool = False,
        on_effect: Callable[[str, Effect, Sequence[str]], None] = lambda _user_id, _effect, _fields: None,
    ) -> None:
        self._database, self._kind, self._defaults = database, kind, defaults
        self._base, self._options, self._now = base, options, now
        self._is_late, self._dry_run, self._on_effect = is_late, dry_run, on_effect
        self._path = f"{AUDIENCES}/{kind}"
        self.rows = 0
        self.held_back: Sequence[str] = ()
        self.effects: Counter[Effect] = Counter()
        self.refused: list[RefusedRow] = []
        self.is_whole = False

    def read(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take all rows, and note what has come of them.

        Args:
            rows: of the query, by the names of the columns. What they raise ends the reading.
        """
        accepted = (self._database.get(self._path).fields or {}).get("leaving_accepted")
        known = self._known()
        seen: set[str] = set()
        waiting: list[_Row] = []
        for row in rows:
            self.rows += 1
            if self._is_late():
                return
            if recipient := self._changing(row, seen, known):
                waiting.append(_Row(self.rows, recipient.id, recipient))
            if len(waiting) == _AT_ONCE:
                self._write(waiting)
                waiting = []
        self._write(waiting)
        active = [user_id for user_id, each in known.items() if each.is_active]
        leaving = [_Row(0, user_id, None) for user_id in active if user_id not in seen]
        is_accepted = isinstance(accepted, int) and len(leaving) <= accepted
        if loses_too_many(len(leaving), of=len(active), named=len(seen)) and not is_accepted:
            self.held_back, leaving = [each.user_id for each in leaving], []
        while leaving and not self._is_late():
            self._write(leaving[:_AT_ONCE])
            leaving = leaving[_AT_ONCE:]
        self.is_whole = not leaving
        if self.is_whole and not self._dry_run:
            self._database.commit([Write(self._path, self._figures(), None, None)])

    def _known(self) -> dict[str, _Known]:
        query = Query.of_group(SUBSCRIPTIONS).where(AUDIENCE, "==", self._kind)
        found = self._database.stream(query.select([AUDIENCE_ROW, "active", "paused_because"]))
        ours = (each for each in found if each.id == self._kind and is_of_a_user(each.path))
        return {each.path.split("/")[1]: _known(each.fields or {}) for each in ours}

    def _changing(self, row: Mapping[str, Any], seen: set[str], known: Mapping[str, _Known]) -> Recipient | None:
        """The recipient of a row that may change something."""
        user_id = ""
        try:
            recipient = recipient_of(row, self._base, self._options, cadence=self._defaults.cadence)
            user_id = recipient.id
            if user_id in seen:
                raise InvalidRow("id: is there twice")  # noqa: TRY301  as for what a row says
            # Also one whose row is wrong is in the query.
            seen.add(user_id)
            before = known.get(user_id)
            if before and before.digest == recipient.digest and not before.has_left:
                return None
            check(recipient, self._kind, self._defaults, now=self._now)
        except InvalidRow as error:
            self.refused.append(RefusedRow(self.rows, user_id, str(error)))
            return None
        return recipient

    def _write(self, rows: Sequence[_Row]) -> None:
        for _ in range(_TURNS):
            plans = self._plans(rows)
            writes = [each for _row, _plan, each in plans]
            errors = [None] * len(plans) if self._dry_run else self._database.commit_each(writes)
            for (row, what, _), error in zip(plans, errors, strict=True):
                if error is None:
                    self.effects[what.effect] += 1
                    self._on_effect(row.user_id, what.effect, sorted({*what.user, *what.subscription}))
                elif isinstance(error, InvalidArgument):
                    self._refuse(row, "the documents: must have room for what the row says")
            pairs = zip(plans, errors, strict=True)
            rows = [row for (row, *_), error in pairs if isinstance(error, Aborted)]
            if not rows:
                return
        raise Aborted("other programs write the documents of recipients all the time")  # type: ignore[no-untyped-call]

    def _plans(self, rows: Sequence[_Row]) -> list[tuple[_Row, Plan, list[Write]]]:
        paths = [(f"{USERS}/{row.user_id}", subscription_path(row.user_id, self._kind)) for row in rows]
        found = self._database.get_all([path for both in paths for path in both])
        new = [row.user_id for row, (_, path) in zip(rows, paths, strict=True) if not found[path].exists]
        erased = self._database.get_all(map(erased_path, new), fields=[])
        plans = []
        for row, both in zip(rows, paths, strict=True):
            user, subscription = (found[path] for path in both)
            mark = erased.get(erased_path(row.user_id))
            try:
                what = self._plan(row, user, subscription, is_erased=mark is not None and mark.exists)
            except InvalidRow as error:
                self._refuse(row, str(error))
                continue
            parts = ((user, what.user), (subscription, what.subscription))
            plans.append((row, what, [changed(document, fields) for document, fields in parts if fields]))
        return plans

    def _plan(self, row: _Row, user: FoundDocument, subscription: FoundDocument, *, is_erased: bool) -> Plan:
        given: Any = {"kind": self._kind, "defaults": self._defaults, "now": self._now}
        if row.recipient is None:
            return plan_leaving(user, subscription, **given)
        return plan(row.recipient, user, subscription, is_erased=is_erased, **given)

    def _refuse(self, row: _Row, problem: str) -> None:
        self.refused.append(RefusedRow(row.number, row.user_id, problem))

    def _figures(self) -> dict[str, Any]:
        return {
            "read_at": self._now,
            "rows": self.rows,
            "refused": len(self.refused),
            "held_back": len(self.held_back),
            **{effect.name.lower(): self.effects[effect] for effect in Effect},
        }


def _known(fields: Mapping[str, Any]) -> _Known:
    is_active = fields.get("active") is not False
    has_left = not is_active and fields.get("paused_because") == PauseReason.NOT_IN_AUDIENCE
    return _Known(digest_of(row_of(fields)), is_active, has_left)
