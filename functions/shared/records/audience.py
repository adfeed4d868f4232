"""A kind's audience: the recipients whom a query names, one a row, and what a row changes in Firestore. Pure.

Such a recipient is a user, with the kind's name as the id of the subscription. `audience_row` of that has what the row
said last. So a field follows the query as long as it has what the row said last, and what anybody else has written
stays: the recipient on the recipient's page, an operator, or the application. The fields of the schedule are one.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from functions.shared.records.contract import Contract
from functions.shared.records.ids import is_document_id
from functions.shared.records.mark import paused_fields, resumed_fields
from functions.shared.records.states import PauseReason
from functions.shared.records.subscription import ADDRESS_LISTS, Subscription, SubscriptionDefaults
from functions.shared.records.subscription_edit import (
    EDITABLE,
    InvalidEdit,
    SubscriptionEdit,
    added_fields,
    edited_fields,
)
from functions.shared.records.user import User, enrolled_fields
from functions.shared.times.plausible_time import plausible
from functions.shared.times.schedule import Cadence

AUDIENCES = "audiences"
"""The collection with a document for each kind that has an audience: what its last whole reading has come to."""

ERASED_USERS = "erased_users"
"""The collection that says who was erased, by a hash of the user's id: no query brings such a user back."""

AUDIENCE_TASK_PATH = "/tasks/read-audience"
"""Where the worker takes the tasks by which runs have queries read."""

USERS_AUDIENCES = "audiences"
"""The field of a user's document that has the kinds whose queries have named the user."""

AUDIENCE, AUDIENCE_ROW, AUDIENCE_PAUSE = "audience", "audience_row", "audience_pause"
"""The fields of a subscription that a query has made: the kind, what the row said last, and the pause with an end that
there was when the recipient left the query."""

SCHEDULE = ("cadence", "hour", "minute", "weekday", "day", "working_day", "cron")
"""What recipients choose on their page."""

OF_USER = ("email", "name", "locale", "time_zone")
OF_SUBSCRIPTION = tuple(name for name in EDITABLE if name not in {*OF_USER, "kind", "deliver", "options"})

MOST_LEAVING_PERCENT, FEW = 20, 5
"""How many of its recipients a query may lose from one reading to the next: such a share, or so many. If it loses more,
or all, a person decides."""

_YES_OR_NO = frozenset({"sandbox", "skip_empty"})
_LARGEST = 2**63


class AudienceTask(Contract):
    """The body of the task by which a run has a worker read a query."""

    kind: str
    run_id: str


class InvalidRow(ValueError):
    """A row names no recipient. The message says which column is wrong, without the value."""


class Recipient(NamedTuple):
    """What a row says.

    Attributes:
        id: the user's.
        said: fields of the user's document and of the subscription, as the documents have them.
    """

    id: str
    said: Mapping[str, Any]

    @property
    def digest(self) -> int:
        """The same in one process for rows that say the same."""
        return digest_of(self.said)

    def of_user(self) -> dict[str, Any]:
        """What it says about the user."""
        return {name: value for name, value in self.said.items() if name in OF_USER}

    def of_subscription(self) -> dict[str, Any]:
        """What it says about the subscription."""
        return {name: value for name, value in self.said.items() if name not in OF_USER}


class Effect(StrEnum):
    """What a reading does about a recipient."""

    ADDED = "added"
    """The query has a new row. There is a subscription from now on, and a user unless there was one. The first report
    comes at the next due time."""
    CHANGED = "changed"
    """The row says something new, and the fields follow, but none that someone else has changed. The schedule counts
    as one field."""
    KEPT = "kept"
    """The same, and the recipient, an operator or your application has changed all of these fields: they stay."""
    LEFT = "left"
    """The row is gone. The subscription is paused as `not-in-audience`, and nothing is deleted."""
    RETURNED = "returned"
    """The row is back. Reports come again from the next due time on."""
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
    """

    effect: Effect
    user: Mapping[str, Any] = {}
    subscription: Mapping[str, Any] = {}


def digest_of(said: Mapping[str, Any]) -> int:
    """The digest of what a row said; any number for what no row can have said."""
    return hash(json.dumps(said, sort_keys=True, default=str))


def erased_path(user_id: str) -> str:
    """The path of the document that says that a user was erased."""
    return f"{ERASED_USERS}/{hashlib.sha256(user_id.encode()).hexdigest()}"


def recipient_of(
    row: Mapping[str, Any], base: Mapping[str, Any], options: Collection[str], *, cadence: Cadence
) -> Recipient:
    """Read a row. What is NULL or empty in it is as the file has it, or else as the documents' own defaults.

    Args:
        row: the values by the names of the columns, as the database's driver has them.
        base: the file's defaults.
        options: the columns that are options of the kind.
        cadence: where neither names one.

    Raises:
        InvalidRow: there is no id, or none that Firestore takes.
    """
    given = {name: value for name, each in row.items() if (value := _stored(name, each)) not in (None, "")}
    user_id = given.pop("id", None)
    if isinstance(user_id, int) and not isinstance(user_id, bool):
        user_id = str(user_id)
    if not isinstance(user_id, str) or not is_document_id(user_id):
        raise InvalidRow("id: must be a text or a whole number that can be a document's id")
    said = {**base, **{name: value for name, value in given.items() if name not in options}}
    if chosen := {name: value for name, value in given.items() if name in options}:
        said["options"] = chosen
    said.setdefault("cadence", Cadence.CRON.value if "cron" in said else cadence.value)
    return Recipient(user_id, said)


def check(recipient: Recipient, kind: str, defaults: SubscriptionDefaults, *, now: datetime) -> None:
    """Check what a row says.

    Args:
        recipient: of the row.
        kind: whose audience it is.
        defaults: what a subscription's document does not say.
        now: the present, in UTC.

    Raises:
        InvalidRow: a document that says this would be malformed.
    """
    user = User.from_fields(recipient.id, {"active": True, **recipient.of_user()})
    if user.problem:
        raise InvalidRow(user.problem)
    try:
        added_fields(user, kind, _edit(recipient, kind), defaults, now=now)
    except InvalidEdit as error:
        raise InvalidRow(str(error)) from None


def plan(
    recipient: Recipient,
    user: Any,
    subscription: Any,
    *,
    kind: str,
    is_erased: bool,
    defaults: SubscriptionDefaults,
    now: datetime,
) -> Plan:
    """What to do about a recipient whom the query names.

    Args:
        recipient: what its row says, which is sound.
        user: the user's document, a FoundDocument.
        subscription: that of the kind's name, likewise.
        kind: whose audience it is.
        is_erased: whether the user was erased.
        defaults: what a subscription's document does not say.
        now: the present, in UTC.

    Raises:
        InvalidRow: with what others have written, the subscription would be malformed.
    """
    stored, document = Subscription.from_snapshot(subscription, defaults), subscription.fields or {}
    if stored is None:
        return Plan(Effect.ERASED) if is_erased else _added(recipient, user, kind, defaults, now)
    if document.get(AUDIENCE) != kind:
        return Plan(Effect.NOT_ITS_OWN)
    if user.fields is None:
        return Plan(Effect.REMOVED)
    said_before = row_of(document)
    of_user = _following(user.fields, said_before, recipient.said, OF_USER)
    after = User.from_fields(recipient.id, {**user.fields, **of_user}, version=user.update_time)
    names = [name for name in (*OF_SUBSCRIPTION, "options") if name not in SCHEDULE]
    wanted = _following(document, said_before, recipient.said, names)
    schedule = _part(recipient.said, SCHEDULE)
    if _part(said_before, SCHEDULE) == _part(document, SCHEDULE) != schedule:
        wanted |= schedule
    edit = SubscriptionEdit(fields=wanted)
    try:
        fields = edited_fields(after, stored, document, edit, defaults, now=now)
    except InvalidEdit as error:
        raise InvalidRow(str(error)) from None
    effect = Effect.CHANGED if fields or of_user else Effect.KEPT
    if has_left(stored):
        edited = Subscription.from_fields(
            recipient.id, kind, {**document, **fields}, defaults, version=subscription.update_time
        )
        fields |= _returned(edited, after, document.get(AUDIENCE_PAUSE), now)
        effect = Effect.RETURNED
    if recipient.said != said_before:
        fields[AUDIENCE_ROW] = recipient.said
    return Plan(effect, of_user, fields)


def plan_leaving(user: Any, subscription: Any, *, kind: str, defaults: SubscriptionDefaults, now: datetime) -> Plan:
    """What to do about a recipient whom the query does not name any more.

    Args:
        user: the user's document, a FoundDocument.
        subscription: that of the kind's name, likewise.
        kind: whose audience it is.
        defaults: what a subscription's document does not say.
        now: the present, in UTC.
    """
    stored = Subscription.from_snapshot(subscription, defaults)
    if stored is None or subscription.fields.get(AUDIENCE) != kind:
        return Plan(Effect.NOT_ITS_OWN)
    if not stored.active:
        return Plan(Effect.KEPT)
    fields = paused_fields(stored, User.from_snapshot(user), PauseReason.NOT_IN_AUDIENCE, now=now)
    if stored.is_paused(now):
        because = stored.paused_because or PauseReason.USER
        fields[AUDIENCE_PAUSE] = {"because": because.value, "until": stored.paused_until}
    return Plan(Effect.LEFT, subscription=fields)


def has_left(subscription: Subscription) -> bool:
    """Whether it is paused since its recipient is not in the query."""
    return not subscription.active and subscription.paused_because is PauseReason.NOT_IN_AUDIENCE


def row_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the row of a subscription said last; nothing where the document does not have it."""
    row = document.get(AUDIENCE_ROW)
    return row if isinstance(row, dict) else {}


def loses_too_many(leaving: int, *, of: int, named: int) -> bool:
    """Whether a query lost so many recipients that a person is to decide.

    Args:
        leaving: how many who get reports are not in it.
        of: how many got reports before.
        named: how many it names.
    """
    return leaving > 0 and (named == 0 or leaving > max(FEW, of * MOST_LEAVING_PERCENT // 100))


def _added(recipient: Recipient, user: Any, kind: str, defaults: SubscriptionDefaults, now: datetime) -> Plan:
    stored = user.fields or {}
    kinds = stored.get(USERS_AUDIENCES)
    known = kinds if isinstance(kinds, list) else []
    if kind in known:
        return Plan(Effect.REMOVED)
    of_user = _following(stored, {}, recipient.said, OF_USER) | {USERS_AUDIENCES: [*known, kind]}
    if user.fields is None:
        of_user |= {"active": True, **enrolled_fields(now=now)}
    whole = User.from_fields(recipient.id, {**stored, **of_user})
    fields = added_fields(whole, kind, _edit(recipient, kind), defaults, now=now)
    return Plan(Effect.ADDED, of_user, fields | {AUDIENCE: kind, AUDIENCE_ROW: recipient.said})


def _edit(recipient: Recipient, kind: str) -> SubscriptionEdit:
    return SubscriptionEdit(fields={"kind": kind, **recipient.of_subscription()})


def _returned(subscription: Subscription, user: User, pause: Any, now: datetime) -> dict[str, Any]:
    """The pause for leaving ends. A pause goes on that had an end, and would go on without it."""
    before = pause if isinstance(pause, dict) else {}
    until, because = plausible(before.get("until")), before.get("because")
    ended = {AUDIENCE_PAUSE: None} if pause else {}
    if until is not None and until > now and isinstance(because, str) and because in set(PauseReason):
        return ended | paused_fields(subscription, user, PauseReason(because), now=now, until=until)
    return ended | resumed_fields(subscription, user, now=now)


def _following(
    document: Mapping[str, Any], before: Mapping[str, Any], said: Mapping[str, Any], names: Collection[str]
) -> dict[str, Any]:
    """The fields that the row changes: it says something new, and nobody else has changed what it said before."""
    return {
        name: said.get(name)
        for name in names
        if said.get(name) != before.get(name) and document.get(name) == before.get(name)
    }


def _part(fields: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: fields.get(name) for name in names}


def _stored(name: str, value: Any) -> Any:
    """A value of a database as a document has it."""
    match value:
        case str():
            value = value.strip()
            return value.split() if name in ADDRESS_LISTS else value
        case Decimal():
            is_whole = value == value.to_integral_value() and abs(value) < _LARGEST
            return int(value) if is_whole else float(value)
        case int() if name in _YES_OR_NO and value in (0, 1):
            return bool(value)
        case int() if abs(value) >= _LARGEST:
            return float(value)
        case bool() | int() | float() | None:
            return value
        case list() | tuple():
            return [_stored("", each) for each in value]
        case date():
            return value.isoformat()
        case _:
            return str(value)
