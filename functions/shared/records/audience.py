"""A kind's audience: the recipients whom a query names, one a row, and what a row changes in Firestore. Pure.

Such a recipient is a user, with the kind's name as the id of the subscription. `audience_row` of that has what the row
said last. So a field follows the query as long as it has what the row said last, and what anybody else has written
stays: the recipient on the recipient's page, an operator, or the application. The fields of the schedule are one.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from functions.shared.records.address_hash import address_hash
from functions.shared.records.audience_row import OF_SUBSCRIPTION, OF_USER, AudienceRow
from functions.shared.records.contract import Contract
from functions.shared.records.mark import paused_fields, resumed_fields
from functions.shared.records.objections import resubscription_fields
from functions.shared.records.recipients import lists_without
from functions.shared.records.states import PauseReason
from functions.shared.records.subscription import ADDRESS_LISTS, Subscription, SubscriptionDefaults
from functions.shared.records.subscription_edit import InvalidEdit, SubscriptionEdit, added_fields, edited_fields
from functions.shared.records.user import User, enrolled_fields
from functions.shared.times.plausible_time import plausible

ERASED_USERS = "erased_users"
"""The collection that says who was erased, by a hash of the user's id: no query brings such a user back."""

ERASED_ID = "user_id"
"""The field of such a document that has the id for a day, so that runs find what was written after the erasure."""

AUDIENCE_TASK_PATH = "/tasks/read-audience"
"""Where the worker takes the tasks by which runs have queries read."""

USERS_AUDIENCES = "audiences"
"""The field of a user's document that has the kinds whose queries have named the user."""

AUDIENCE, AUDIENCE_ROW, AUDIENCE_PAUSE = "audience", "audience_row", "audience_pause"
"""The fields of a subscription that a query has made: the kind, what the row said last, and the pause with an end that
there was when the recipient left the query."""

AUDIENCE_TAKEN_AWAY = "audience_taken_away"
"""Another one: the hashes of the addresses that their owners have taken away from the query's lists."""

SCHEDULE = ("cadence", "hour", "minute", "weekday", "day", "working_day", "cron")
"""What recipients choose on their page."""


class AudienceTask(Contract):
    """The body of the task by which a run has a worker read a query."""

    kind: str
    run_id: str


class Effect(StrEnum):
    """What a reading does about a recipient."""

    ADDED = "added"
    """The query has a new row. There is a subscription from now on, and a user unless there was one. The first report
    comes at the next due time."""
    CHANGED = "changed"
    """The row says something new, and the fields follow, but none that someone else has changed. The schedule counts
    as one field."""
    KEPT = "kept"
    """The row says what it said, or the recipient, an operator or your application has changed all of these fields:
    they stay."""
    LEFT = "left"
    """The row is gone. The subscription is paused as `not-in-audience`, and nothing is deleted."""
    HELD_BACK = "held back"
    """The row is gone, and so are so many that a person decides. Reports come as before."""
    WAITING = "waiting"
    """The row is new, but so many are gone that a person decides about them first."""
    RETURNED = "returned"
    """The row is back. Reports come again from the next due time on."""
    REFUSED = "refused"
    """The row is malformed, has the id of an earlier row, or is new with the id of another person. It changes
    nothing."""
    REMOVED = "removed"
    """Someone has deleted the user or the subscription, which stays so."""
    ERASED = "erased"
    """The user was erased, and is not made again."""
    NOT_ITS_OWN = "not its own"
    """The user has a subscription of the kind's name that no query has made. It stays as it is."""


class Plan(NamedTuple):
    """What a reading does about a recipient.

    Attributes:
        effect: in one word.
        user: the fields to write into the user's document.
        subscription: the same of the subscription.
        problem: why a row is refused, without the value.
    """

    effect: Effect
    user: Mapping[str, Any] = {}
    subscription: Mapping[str, Any] = {}
    problem: str = ""


class Audience(NamedTuple):
    """The audience of a kind, when it is read. `user` and `subscription` are the documents of a recipient,
    FoundDocuments, the subscription being that of the kind's name.

    Attributes:
        kind: whose.
        defaults: what a subscription's document does not say.
        now: the present, in UTC.
    """

    kind: str
    defaults: SubscriptionDefaults
    now: datetime

    def plan(
        self, row: AudienceRow, user: Any, subscription: Any, *, is_erased: bool, elsewhere: Collection[str] = ()
    ) -> Plan:
        """What to do about a recipient whom the query names.

        Args:
            row: what it says.
            user: see above.
            subscription: likewise.
            is_erased: whether the user was erased.
            elsewhere: the addresses that the rows of other queries said last for subscriptions below this id.
        """
        if problem := self.problem_of(row):
            return Plan(Effect.REFUSED, problem=problem)
        if not subscription.exists:
            return self._plan_new(row, user, elsewhere, is_erased=is_erased)
        if subscription.fields.get(AUDIENCE) != self.kind:
            return Plan(Effect.NOT_ITS_OWN)
        return self._plan_known(row, user, subscription) if user.exists else Plan(Effect.REMOVED)

    def problem_of(self, row: AudienceRow) -> str:
        """What is wrong with a row, whatever the documents have; empty where nothing is."""
        user = User.from_fields(row.user_id, {"active": True, **row.of_user})
        if problem := row.problem or user.problem:
            return problem
        try:
            self._added(row, user)
        except InvalidEdit as error:
            return str(error)
        return ""

    def plan_leaving(self, user: Any, subscription: Any) -> Plan:
        """What to do about a recipient whom the query does not name any more."""
        if not subscription.exists or subscription.fields.get(AUDIENCE) != self.kind:
            return Plan(Effect.NOT_ITS_OWN)
        stored = self._read(subscription, {})
        if not stored.active:
            return Plan(Effect.KEPT)
        fields = paused_fields(stored, User.from_snapshot(user), PauseReason.NOT_IN_AUDIENCE, now=self.now)
        if stored.is_paused(self.now):
            because = stored.paused_because or PauseReason.USER
            fields[AUDIENCE_PAUSE] = {"because": because.value, "until": stored.paused_until}
        elif AUDIENCE_PAUSE in subscription.fields:
            # Of an earlier absence that another than the query has ended.
            fields[AUDIENCE_PAUSE] = None
        return Plan(Effect.LEFT, subscription=fields)

    def _plan_new(self, row: AudienceRow, user: Any, elsewhere: Collection[str], *, is_erased: bool) -> Plan:
        document = user.fields or {}
        kinds = document.get(USERS_AUDIENCES)
        known = kinds if isinstance(kinds, list) else []
        if is_erased or self.kind in known:
            return Plan(Effect.ERASED if is_erased else Effect.REMOVED)
        # Of two queries that number people by themselves, this id may name one person here and another there.
        email, said = (_comparable("email", each) for each in (document.get("email"), row.said["email"]))
        if isinstance(email, str) and email != said:
            return Plan(Effect.REFUSED, problem="email: is not that of the user who has this id already")
        if not isinstance(email, str) and any(_comparable("email", each) != said for each in elsewhere):
            left = "email: is not that of a subscription of another query, which a deleted user has left below this id"
            return Plan(Effect.REFUSED, problem=left)
        changes = _following(document, {}, row.said, OF_USER) | {USERS_AUDIENCES: [*known, self.kind]}
        if not user.exists:
            changes |= {"active": True, **enrolled_fields(now=self.now)}
        return Plan(Effect.ADDED, changes, self._added(row, User.from_fields(row.user_id, {**document, **changes})))

    def _plan_known(self, row: AudienceRow, user: Any, subscription: Any) -> Plan:
        document = subscription.fields
        changes = _following(user.fields, row_of(document), row.said, OF_USER)
        after = User.from_fields(row.user_id, {**user.fields, **changes}, version=user.update_time)
        try:
            fields = self._changed(row, after, subscription)
        except InvalidEdit as error:
            return Plan(Effect.REFUSED, problem=str(error))
        effect = Effect.CHANGED if fields or changes else Effect.KEPT
        # Those whom the query has put in place of the ones who stopped it have stopped nothing.
        fields |= resubscription_fields(
            self._read(subscription, {}), self._read(subscription, fields), after, now=self.now
        )
        if has_left(document):
            fields |= self._returned(self._read(subscription, fields), after, document.get(AUDIENCE_PAUSE))
            effect = Effect.RETURNED
        if row.said != row_of(document):
            fields[AUDIENCE_ROW] = row.said
        return Plan(effect, changes, fields)

    def _added(self, row: AudienceRow, user: User) -> dict[str, Any]:
        edit = SubscriptionEdit(fields={"kind": self.kind, **row.of_subscription})
        fields = added_fields(user, self.kind, edit, self.defaults, now=self.now)
        return fields | {AUDIENCE: self.kind, AUDIENCE_ROW: row.said}

    def _changed(self, row: AudienceRow, user: User, subscription: Any) -> dict[str, Any]:
        document = subscription.fields
        said_before = row_of(document)
        names = [name for name in (*OF_SUBSCRIPTION, "options") if name not in {*SCHEDULE, *ADDRESS_LISTS}]
        wanted = _following(document, said_before, row.said, names) | _following_lists(document, said_before, row.said)
        schedule = _part(row.said, SCHEDULE)
        if _part(said_before, SCHEDULE) == _part(document, SCHEDULE) != schedule:
            wanted |= schedule
        edit, stored = SubscriptionEdit(fields=wanted), self._read(subscription, {})
        return edited_fields(user, stored, document, edit, self.defaults, now=self.now)

    def _read(self, found: Any, changes: Mapping[str, Any]) -> Subscription:
        user_id, document = found.path.split("/")[1], {**found.fields, **changes}
        return Subscription.from_fields(user_id, self.kind, document, self.defaults, version=found.update_time)

    def _returned(self, subscription: Subscription, user: User, pause: Any) -> dict[str, Any]:
        """The pause for leaving ends. A pause goes on that had an end, and would go on without it."""
        before = pause if isinstance(pause, dict) else {}
        until, because = plausible(before.get("until")), before.get("because")
        ended = {AUDIENCE_PAUSE: None} if pause else {}
        if until is not None and until > self.now and isinstance(because, str) and because in set(PauseReason):
            return ended | paused_fields(subscription, user, PauseReason(because), now=self.now, until=until)
        return ended | resumed_fields(subscription, user, now=self.now)


def erased_path(user_id: str) -> str:
    """The path of the document that says that a user was erased."""
    return f"{ERASED_USERS}/{hashlib.sha256(user_id.encode()).hexdigest()}"


def has_left(document: Mapping[str, Any]) -> bool:
    """Whether a subscription is paused since its recipient is not in the query."""
    return document.get("active") is False and document.get("paused_because") == PauseReason.NOT_IN_AUDIENCE


def row_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the row of a subscription said last; nothing where the document does not have it."""
    row = document.get(AUDIENCE_ROW)
    return row if isinstance(row, dict) else {}


def taken_away_fields(document: Mapping[str, Any], hashed: str) -> dict[str, Any]:
    """The fields that keep an address out of the lists whose owner has taken it away, whatever the query says later;
    none if no query has made the subscription.

    Args:
        document: of the subscription.
        hashed: the address (functions.shared.records.address_hash).
    """
    return {AUDIENCE_TAKEN_AWAY: [*_taken_away(document), hashed]} if AUDIENCE in document else {}


def _following(
    document: Mapping[str, Any], before: Mapping[str, Any], said: Mapping[str, Any], names: Collection[str]
) -> dict[str, Any]:
    """The fields that the row changes: it says something new, and nobody else has changed what it said before."""
    return {
        name: said.get(name)
        for name in names
        if said.get(name) != before.get(name)
        and _comparable(name, document.get(name)) == _comparable(name, before.get(name))
    }


def _comparable(name: str, value: Any) -> Any:
    """The value of a field without what makes no other: the capitals of an address."""
    return value.strip().casefold() if name == "email" and isinstance(value, str) else value


def _following_lists(document: Mapping[str, Any], before: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The same of the lists, without those whom recipients have taken away. Who is in a list again was put there by a
    person."""
    stored = _lists_of(document)
    away = set(_taken_away(document)) - {address_hash(each) for found in stored.values() for each in found}
    lists_before, lists = (_lists_of(each) for each in (before, said))
    # Those who are left alone have objected, and the lists are as the query has them.
    lists_before = lists_without(lists_before, away) or lists_before
    lists = lists_without(lists, away) or lists
    return {
        name: lists[name] or None
        for name in ADDRESS_LISTS
        if lists[name] != lists_before[name] and stored[name] == lists_before[name]
    }


def _lists_of(fields: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    return {name: _texts(fields.get(name)) for name in ADDRESS_LISTS}


def _taken_away(document: Mapping[str, Any]) -> list[str]:
    return _texts(document.get(AUDIENCE_TAKEN_AWAY))


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _part(fields: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: fields.get(name) for name in names}
