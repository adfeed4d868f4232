"""A subscription: one report that one user gets, in `users/{user_id}/report_subscriptions/{subscription_id}`.

The dispatcher makes `default`; the team's application and the operator make others. Every part of the pipeline reads
the document through `Subscription` and builds its writes with the functions below the class. All of it is pure: the
callers hold the Firestore client, and make each write conditional on `Subscription.version`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from functions.shared.address_hash import address_hash
from functions.shared.cron import CronLine
from functions.shared.fields import (
    A_LOCALE,
    A_TIME_ZONE,
    A_TIMESTAMP,
    TRUE_OR_FALSE,
    MailAddress,
    Timestamp,
    TimeZone,
    read_document,
)
from functions.shared.ids import KIND_PATTERN, SHARDS, shard_of
from functions.shared.schedule import Cadence, Covers, Schedule
from functions.shared.states import PauseReason as PauseReason
from functions.shared.stored_fields import stored_version
from functions.shared.user import User

SUBSCRIPTIONS = "report_subscriptions"
"""The name of the collection below a user's document."""

DEFAULT_SUBSCRIPTION = "default"
"""The id of the subscription that enrollment makes."""

MOST_ADDRESSES = 20
"""How many addresses each of ADDRESS_LISTS may hold."""


SUBSCRIPTION_MUST_BE = {
    "active": TRUE_OR_FALSE,
    "paused_because": f"{', '.join(list(PauseReason)[:-1])} or {list(PauseReason)[-1]}",
    "paused_at": A_TIMESTAMP,
    "paused_until": A_TIMESTAMP,
    "kind": "the name of a report, such as activity",
    "cadence": f"{', '.join(list(Cadence)[:-1])} or {list(Cadence)[-1]}",
    "hour": "an integer from 0 to 23",
    "minute": "an integer from 0 to 59",
    "weekday": "monday to sunday, or an integer from 1 (Monday) to 7 (Sunday)",
    "day": "an integer from 1 to 31",
    "cron": "five cron fields that are due at some time, such as 0 8 * * 1-5",
    "covers": f"{' or '.join(Covers)}",
    "to": f"a list of 1 to {MOST_ADDRESSES} e-mail addresses, none of them twice",
    "cc": f"a list of at most {MOST_ADDRESSES} e-mail addresses, none of them twice or in `to`",
    "time_zone": A_TIME_ZONE,
    "locale": A_LOCALE,
    "sandbox": TRUE_OR_FALSE,
    "options": "a map",
    "skip_empty": TRUE_OR_FALSE,
    "objections": "a map of the hashes of e-mail addresses to maps with because, at and cleared_at",
    "suppressed": "a list of hashes of e-mail addresses",
    "bounced_address": "the hash of an e-mail address",
    "resumed_at": A_TIMESTAMP,
    "next_report_at": A_TIMESTAMP,
    "reported_until": A_TIMESTAMP,
    "settled_at": A_TIMESTAMP,
}
"""What each field has to be, as docs/reference/documents.md says it."""

_OBJECTIONS = (PauseReason.BOUNCED, PauseReason.UNSUBSCRIBED, PauseReason.COMPLAINED)

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Objection(NamedTuple):
    """What is known of an address that gets no reports of a subscription, or has got none for a time.

    Attributes:
        because: why it objects: bounced, unsubscribed or complained; None where it never has.
        at: when the latest event said so; None where it never has, or version 0.1.0 has written it.
        cleared_at: when its owner took everything before that back; None where that never was.
    """

    because: PauseReason | None = None
    at: datetime | None = None
    cleared_at: datetime | None = None

    def to_field(self) -> dict[str, Any]:
        """It as the document has it."""
        fields = {"because": self.because and self.because.value, "at": self.at, "cleared_at": self.cleared_at}
        return {name: value for name, value in fields.items() if value is not None}


class SubscriptionDefaults(NamedTuple):
    """The kind and the cadence of a subscription whose document has none: `DEFAULT_KIND` and `DEFAULT_CADENCE`."""

    kind: str
    cadence: Cadence


def _weekday(value: Any) -> Any:
    if isinstance(value, str) and value.lower() in _WEEKDAYS:
        return _WEEKDAYS.index(value.lower()) + 1
    return value


def _cron(value: Any, subscription: ValidationInfo) -> CronLine | None:
    if subscription.data.get("cadence") is not Cadence.CRON:
        return None
    if not isinstance(value, str):
        raise ValueError("not a string")  # noqa: TRY004  pydantic counts no TypeError
    return CronLine(value)


def _each_once(addresses: list[str], subscription: ValidationInfo) -> list[str]:
    # `data` has the fields above this one, so the later of two lists is the one at fault.
    above = [address for name in ADDRESS_LISTS for address in subscription.data.get(name) or ()]
    every = [*above, *addresses]
    # Mail providers compare addresses without regard to case.
    if len({address.casefold() for address in every}) < len(every):
        raise ValueError("an address twice")
    return addresses


def _objection(because: PauseReason | None) -> PauseReason | None:
    if because is not None and because not in _OBJECTIONS:
        raise ValueError("not why an address objects")
    return because


class _ObjectionFields(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", defer_build=True)

    because: Annotated[PauseReason | None, Field(strict=False), AfterValidator(_objection)] = None
    at: Timestamp | None = None
    cleared_at: Timestamp | None = None


_Addresses = Annotated[list[MailAddress], Field(max_length=MOST_ADDRESSES), AfterValidator(_each_once)]


class _SubscriptionFields(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", arbitrary_types_allowed=True, defer_build=True)

    active: bool = True
    paused_because: Annotated[PauseReason | None, Field(strict=False)] = None
    paused_at: Timestamp | None = None
    paused_until: Timestamp | None = None
    kind: Annotated[str, Field(pattern=KIND_PATTERN)] | None = None
    cadence: Annotated[Cadence | None, Field(strict=False)] = None
    hour: Annotated[int, Field(ge=0, le=23)] = 8
    minute: Annotated[int, Field(ge=0, le=59)] = 0
    weekday: Annotated[int, BeforeValidator(_weekday), Field(ge=1, le=7)] = 1
    day: Annotated[int, Field(ge=1, le=31)] = 1
    cron: Annotated[CronLine | None, BeforeValidator(_cron), Field(validate_default=True)] = None
    covers: Annotated[Covers | None, Field(strict=False)] = None
    to: Annotated[_Addresses, Field(min_length=1)] | None = None
    cc: _Addresses = []
    time_zone: TimeZone | None = None
    locale: str | None = None
    sandbox: bool = False
    options: dict[Any, Any] = {}
    skip_empty: bool = True
    objections: dict[str, _ObjectionFields] = {}
    suppressed: list[str] = []
    bounced_address: str = ""
    resumed_at: Timestamp | None = None
    next_report_at: Timestamp | None = None
    reported_until: Timestamp | None = None
    settled_at: Timestamp | None = None


class Subscription(NamedTuple):
    """A subscription as Firestore has it. Each attribute has the name of the document's field, except `id`, `problem`
    and `version`.

    Applications write to the collection, too. A field that is absent or malformed has the default.

    Attributes:
        id: the document's id.
        user_id: whose it is, from the document's path.
        kind: which report.
        cadence: how often.
        shard: 0 to 29, the first field of the due index; None until the dispatcher has scheduled the subscription.
        active: whether it is sent: only `false` in the document says no.
        paused_because: why it is paused, or was paused last.
        paused_at: when its pause began, until the mark has been moved past the pause (functions.shared.mark).
        paused_until: until when, where it resumes by itself, or has resumed; its next due time is not before that.
        hour: 0 to 23, in the recipient's own zone, like the three that follow.
        minute: 0 to 59.
        weekday: 1 (Monday) to 7 (Sunday).
        day: 1 to 31.
        cron: the line, where the cadence is `cron`.
        covers: which time a report covers; None for the default.
        to: who gets the report; none for the user's own address.
        cc: who gets a copy.
        time_zone: replaces the user's.
        locale: BCP 47; replaces the user's.
        sandbox: whether the provider is to check the mails and deliver none, as for a test user.
        options: what the kind is given.
        skip_empty: whether no mail is sent where the kind has nothing to report.
        objections: the addresses that mail bounces from, or whose owners want none, by their hashes
            (functions.shared.address_hash), so that an address that changes is not among them. None where the document
            says `null`: the application has written that all of them want emails again.
        suppressed: addresses that object, as version 0.1.0 wrote them.
        bounced_address: another one; empty where there is none.
        resumed_at: when all addresses were to get emails again. What happened to emails before that keeps nothing back.
        next_report_at: when the next report is due; None while the subscription is paused or not scheduled yet.
        reported_until: the mark: the end of what its reports cover (functions.shared.mark).
        settled_at: when a delivery of it became final last. Nobody has written it since if that is its version, too.
        problem: what is wrong with the document: each malformed field and what it must be; empty where nothing is.
        version: the update time of the document, set by the server; None where the caller does not know it.
    """

    id: str
    user_id: str
    kind: str
    cadence: Cadence
    shard: int | None = None
    active: bool = True
    paused_because: PauseReason | None = None
    paused_at: datetime | None = None
    paused_until: datetime | None = None
    hour: int = 8
    minute: int = 0
    weekday: int = 1
    day: int = 1
    cron: CronLine | None = None
    covers: Covers | None = None
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    time_zone: ZoneInfo | None = None
    locale: str | None = None
    sandbox: bool = False
    options: Mapping[Any, Any] = {}
    skip_empty: bool = True
    objections: Mapping[str, Objection] | None = {}
    suppressed: frozenset[str] = frozenset()
    bounced_address: str = ""
    resumed_at: datetime | None = None
    next_report_at: datetime | None = None
    reported_until: datetime | None = None
    settled_at: datetime | None = None
    problem: str = ""
    version: datetime | None = None

    @classmethod
    def from_snapshot(cls, snapshot: Any, defaults: SubscriptionDefaults) -> "Subscription | None":
        """Read a document, whatever is in it; None where there is no document.

        Args:
            snapshot: a google.cloud.firestore.DocumentSnapshot, of all fields or of some.
            defaults: what the document does not say.
        """
        document = snapshot.to_dict() if snapshot.exists else None
        if document is None:
            return None
        user_id = snapshot.reference.parent.parent.id
        return cls.from_fields(user_id, snapshot.id, document, defaults, version=stored_version(snapshot))

    @classmethod
    def from_fields(
        cls,
        user_id: str,
        subscription_id: str,
        document: Mapping[str, Any],
        defaults: SubscriptionDefaults,
        *,
        version: datetime | None = None,
    ) -> "Subscription":
        """Read a document's fields, whatever they are.

        Args:
            user_id: whose it is.
            subscription_id: the document's id.
            document: its fields.
            defaults: what the document does not say.
            version: the update time of the document.
        """
        read, problem = read_document(
            _SubscriptionFields,
            document,
            must_be=SUBSCRIPTION_MUST_BE,
            # The cadence `cron` needs a cron line.
            together=[("cron", "cadence")],
        )
        shard = document.get("shard")
        objections = {
            hashed: Objection(each.because, each.at, each.cleared_at) for hashed, each in read.objections.items()
        }
        return cls(
            id=subscription_id,
            user_id=user_id,
            shard=shard if type(shard) is int and 0 <= shard < SHARDS else None,
            active=read.active,
            paused_because=read.paused_because,
            paused_at=read.paused_at,
            paused_until=read.paused_until,
            kind=read.kind or defaults.kind,
            cadence=read.cadence or defaults.cadence,
            hour=read.hour,
            minute=read.minute,
            weekday=read.weekday,
            day=read.day,
            cron=read.cron,
            covers=read.covers,
            to=tuple(read.to or ()),
            cc=tuple(read.cc),
            time_zone=read.time_zone,
            locale=read.locale,
            sandbox=read.sandbox,
            options=read.options,
            skip_empty=read.skip_empty,
            objections=objections if document.get("objections", {}) is not None else None,
            suppressed=frozenset(read.suppressed),
            bounced_address=read.bounced_address,
            resumed_at=read.resumed_at,
            next_report_at=read.next_report_at,
            reported_until=read.reported_until,
            settled_at=read.settled_at,
            problem=problem,
            version=version,
        )

    def is_paused(self, now: datetime) -> bool:
        """Whether the subscription is paused and gets no reports for now.

        Args:
            now: the present, in UTC.
        """
        return not self.active or (self.paused_until is not None and now < self.paused_until)

    @property
    def waits_for_user(self) -> bool:
        """Whether it is paused since its user is inactive, and resumes when the user is active again."""
        return not self.active and self.paused_because is PauseReason.USER_INACTIVE

    @property
    def all_wanted_at(self) -> datetime | None:
        """Before when nothing counts that happened to emails, whatever the address; None where everything does."""
        if self.objections is None and self.shard is None:
            # No run has seen it yet, so it is the application's write.
            return max(filter(None, (self.resumed_at, self.version)), default=None)
        return self.resumed_at

    @property
    def objecting(self) -> dict[str, Objection]:
        """The addresses that get no reports of it, by their hashes."""
        if self.objections is None:
            return {}
        earlier = dict.fromkeys({*self.suppressed, self.bounced_address} - {""}, Objection(PauseReason.BOUNCED))
        return earlier | {hashed: each for hashed, each in self.objections.items() if self.holds(each)}

    def holds(self, objection: Objection) -> bool:
        """Whether nobody has taken an objection back since it was made."""
        since = max(filter(None, (objection.cleared_at, self.all_wanted_at)), default=None)
        if objection.because is None or objection.at is None:
            return False
        return since is None or objection.at > since

    def leaves_out(self, address: str) -> bool:
        """Whether its reports do not go to an address, although a list or the user's document has it."""
        return address_hash(address) in self.objecting

    def schedule(self, user: User | None) -> Schedule:
        """When its reports are due.

        Args:
            user: whose it is, for the time zone; None where there is no such user.
        """
        return Schedule(
            cadence=self.cadence,
            time_zone=self.time_zone or (user.time_zone if user else ZoneInfo("UTC")),
            hour=self.hour,
            minute=self.minute,
            weekday=self.weekday,
            day=self.day,
            cron=self.cron,
            covers=self.covers,
        )


SUBSCRIPTION_FIELDS = tuple(name for name in Subscription._fields if name not in {"id", "problem", "version"})
"""The names of the document's fields."""

ADDRESS_LISTS = tuple(name for name, type_ in Subscription.__annotations__.items() if type_ == tuple[str, ...])
"""The names of the fields that say who gets the reports."""


def default_fields(user_id: str, defaults: SubscriptionDefaults, *, due_at: datetime) -> dict[str, Any]:
    """The subscription that enrollment makes.

    Args:
        user_id: whose.
        defaults: its kind and its cadence.
        due_at: when its first report is due.
    """
    return {
        "active": True,
        "kind": defaults.kind,
        "cadence": defaults.cadence.value,
        **scheduled_fields(user_id, DEFAULT_SUBSCRIPTION, due_at=due_at),
    }


def scheduled_fields(user_id: str, subscription_id: str, *, due_at: datetime | None) -> dict[str, Any]:
    """The subscription gets its place in the due index. An application that makes a subscription writes these fields,
    or leaves them to the dispatcher.

    Args:
        user_id: whose it is.
        subscription_id: its id.
        due_at: when its next report is due; None while it is paused.
    """
    return {"user_id": user_id, "shard": shard_of(user_id, subscription_id), "next_report_at": due_at}


def unscheduled_fields() -> dict[str, Any]:
    """The dispatcher is to schedule the subscription with its next run."""
    return {"shard": None, "next_report_at": None}
