"""Reads a kind's audience: compares the rows of its query with the subscriptions that the query has made, and writes
what differs.

Nothing is written before every row is read. A reading that is killed, or made twice, does no harm: a recipient is one
commit, on the condition that the documents are as they were read, and the next reading does what is left.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from google.api_core.exceptions import Aborted, GoogleAPICallError, InvalidArgument

from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write, changed, replaced
from functions.shared.records.audience import AUDIENCE, AUDIENCE_ROW, Audience, Effect, Plan, erased_path, row_of
from functions.shared.records.audience_comparison import Known, Open, Outcome, compare
from functions.shared.records.audience_row import AudienceRow
from functions.shared.records.last_reading import LastReading, audience_path
from functions.shared.records.subscription import SUBSCRIPTIONS, is_of_a_user, subscription_path
from functions.shared.records.user import USERS

_AT_ONCE = 150
"""How many recipients are read and written at once: each takes up to three writes, and a commit 500."""

_TURNS = 5
"""How often a recipient is planned again whose documents others write at the same moment."""

_NO_ROOM = Plan(Effect.REFUSED, problem="the documents: must have room for what the row says")


class AudienceReading:
    """One reading. Every method raises GoogleAPICallError if Firestore does not answer or refuses.

    Args:
        database: the Firestore database.
        audience: whose.
        dry_run: whether to write nothing.

    Attributes:
        figures: how many rows there are, and how many recipients each effect concerns, as far as they are carried out.
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
        accepted = LastReading.from_fields(last.fields).leaving_accepted
        settled, others = compare(rows, self._known(), accepted=accepted)
        for outcome in itertools.chain(settled, self._carry_out(others)):
            self.figures[outcome.plan.effect.name.lower()] += 1
            self.figures["rows"] += outcome.number > 0
            yield outcome
        (error,) = self._commit_each([[replaced(last, {"read_at": self._audience.now, **self.figures})]])
        if error:
            raise error

    def _known(self) -> dict[str, Known]:
        query = Query.of_group(SUBSCRIPTIONS).where(AUDIENCE, "==", self._audience.kind)
        found = self._database.stream(query.select([AUDIENCE_ROW, "active", "paused_because"]))
        return {
            each.path.split("/")[1]: Known.from_fields(each.fields or {})
            for each in found
            if each.id == self._audience.kind and is_of_a_user(each.path)
        }

    @cached_property
    def _elsewhere(self) -> Mapping[str, set[str]]:
        """By the ids of users, the addresses that rows of other queries said last. Read only for users who have no
        address of their own."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        of_any = Query.of_group(SUBSCRIPTIONS).where(AUDIENCE, ">", "")
        for each in self._database.stream(of_any.select([AUDIENCE_ROW])):
            email = row_of(each.fields or {}).get("email")
            if is_of_a_user(each.path) and each.id != self._audience.kind and isinstance(email, str):
                found[each.path.split("/")[1]].add(email)
        return found

    def _carry_out(self, recipients: Sequence[Open]) -> Iterator[Outcome]:
        for start in range(0, len(recipients), _AT_ONCE):
            some = recipients[start : start + _AT_ONCE]
            for _ in range(_TURNS):
                planned = self._planned(some)
                errors = self._commit_each([writes for _plan, writes in planned])
                again = []
                for each, (plan, _), error in zip(some, planned, errors, strict=True):
                    if isinstance(error, Aborted):
                        again.append(each)
                    else:
                        done = _NO_ROOM if isinstance(error, InvalidArgument) else plan
                        yield Outcome(each.number, each.user_id, done)
                some = again
                if not some:
                    break
            else:
                raise Aborted("others write documents of recipients all the time")  # type: ignore[no-untyped-call]

    def _planned(self, some: Sequence[Open]) -> list[tuple[Plan, list[Write]]]:
        paths = [(f"{USERS}/{each.user_id}", subscription_path(each.user_id, self._audience.kind)) for each in some]
        found = self._database.get_all([path for both in paths for path in both])
        new = [each.user_id for each, (_, path) in zip(some, paths, strict=True) if not found[path].exists]
        marks = self._database.get_all(map(erased_path, new), fields=[])
        planned = []
        for each, both in zip(some, paths, strict=True):
            user, subscription = (found[path] for path in both)
            mark = marks.get(erased_path(each.user_id))
            if each.row:
                is_erased = mark is not None and mark.exists
                has_address = subscription.exists or (user.fields or {}).get("email")
                elsewhere = () if has_address else self._elsewhere.get(each.user_id, ())
                plan = self._audience.plan(each.row, user, subscription, is_erased=is_erased, elsewhere=elsewhere)
            else:
                plan = self._audience.plan_leaving(user, subscription)
            parts = ((user, plan.user), (subscription, plan.subscription))
            writes = [changed(document, fields) for document, fields in parts if fields]
            if plan.effect is Effect.ADDED:
                # Deletes nothing, but fails if the user has been erased since the mark was read. Google's own clients
                # write the same: https://github.com/firebase/firebase-js-sdk/blob/main/packages/firestore/src/core/transaction.ts
                writes.append(Write(erased_path(each.user_id), None, None, condition=False))
            planned.append((plan, writes))
        return planned
