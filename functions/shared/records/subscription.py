"""A subscription: one report that one user gets, in `users/{user_id}/report_subscriptions/{subscription_id}`.

The dispatcher makes `default`; the team's application and the operator make others. Every part of the pipeline reads
the document through `Subscription` and builds its writes with the functions below the class. All of it is pure: the
callers hold the Firestore client, and make each write conditional on `Subscription.version`.
"""

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, get_type_hints
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, PlainValidator, ValidationInfo

from functions.shared.records.address_hash import address_hash
from functions.shared.records.calendar import CALENDAR_PATTERN, UnusableCalendar, no_calendar
from functions.shared.records.deliver import BY_EMAIL, MUST_BE, Deliver, DestinationName, read_deliver
from functions.shared.records.fields import (
    A_LOCALE,
    A_TIME_ZONE,
    DocumentFields,
    MailAddress,
    Timestamp,
    TimeZone,
    TrueOrFalse,
)
from functions.shared.records.ids import KIND_PATTERN, shard_of, stored_shard
from functions.shared.records.states import PauseReason as PauseReason
from functions.shared.records.user import USERS, User
from functions.shared.times.cron import CronLine
from functions.shared.times.days_off import NO_DAYS_OFF, DaysOff
from functions.shared.times.plausible_time import plausible
from functions.shared.times.schedule import Cadence, Covers, Schedule, WorkingDay
from functions.shared.times.send_between import SendBetween

SUBSCRIPTIONS = "report_subscriptions"
"""The name of the collection below a user's document."""

DEFAULT_SUBSCRIPTION = "default"
"""The id of the subscription that enrollment makes."""

MOST_ADDRESSES = 20
"""How many addresses each of ADDRESS_LISTS may hold."""

_EACH_ONCE = "email addresses, none of them twice"

_OBJECTIONS = (PauseReason.BOUNCED, PauseReason.UNSUBSCRIBED, PauseReason.COMPLAINED)

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_Weekday = Annotated[int, Field(ge=1, le=7)] | Annotated[str, Field(pattern=f"^({'|'.join(_WEEKDAYS)})$")]
"""A weekday as a document has it."""


def _because(because: PauseReason | None) -> PauseReason | None:
    if because is not None and because not in _OBJECTIONS:
        raise ValueError("not why an address objects")
    return because


def _latest(value: Any) -> dict[PauseReason, datetime]:
    if not isinstance(value, dict) or not value.keys() <= set(_OBJECTIONS):
        raise ValueError("not when addresses objected")
    return {because: at for because in _OBJECTIONS if because in value and (at := plausible(value[because]))}


class Objection(NamedTuple):
    """What is known of an address that gets no reports of a subscription, or has got none for a time.

    Attributes:
        because: why it objects: bounced, unsubscribed or complained; None if it does not.
        at: when the latest event said so; None if it does not, or version 0.1.0 has written it.
        cleared_at: when its owner took everything before that back; None if that never was.
        resubscribed_at: when its owner subscribed again at the email provider, which takes earlier unsubscriptions
            back, and nothing else; None if that never was.
        stopped_at: when its owner stopped the subscription by the recipient's page; None if that never was.
        latest: if it objects for several reasons, when each was said last.
    """

    because: Annotated[PauseReason | None, Field(strict=False), AfterValidator(_because)] = None
    at: Timestamp = None
    cleared_at: Timestamp = None
    resubscribed_at: Timestamp = None
    stopped_at: Timestamp = None
    latest: Annotated[Mapping[PauseReason, datetime], PlainValidator(_latest)] = {}

    @property
    def said(self) -> dict[PauseReason, datetime]:
        """When each of its reasons was last given."""
        if self.latest:
            return dict(self.latest)
        return {self.because: self.at} if self.because and self.at else {}

    def to_field(self) -> dict[str, Any]:
        """It as the document has it."""
        latest = {because.value: at for because, at in self.latest.items()}
        fields = {**self._asdict(), "because": self.because and self.because.value, "latest": latest}
        return {name: value for name, value in fields.items() if value}


_OBJECTION_FIELDS = DocumentFields(Objection)


def _objection(fields: Any) -> Objection:
    return Objection(**vars(_OBJECTION_FIELDS.model.model_validate(fields)))


class SubscriptionDefaults(NamedTuple):
    """What a subscription's document does not say.

    Attributes:
        kind: where it names none: `DEFAULT_KIND`.
        cadence: likewise, `DEFAULT_CADENCE`.
        calendars: finds the days off of the calendar that it names, or raises UnusableCalendar.
    """

    kind: str
    cadence: Cadence
    calendars: Callable[[str], DaysOff] = no_calendar


def _weekday(value: Any) -> Any:
    if isinstance(value, str) and value.lower() in _WEEKDAYS:
        return _WEEKDAYS.index(value.lower()) + 1
    return value


def _cron(value: Any, subscription: ValidationInfo) -> CronLine | None:
    if subscription.data.get("cadence") is not Cadence.CRON:
        return None
    if not isinstance(value, str):
        raise ValueError("not a string")  # noqa: TRY004  pydantic counts no TypeError
    return _cron_line(value)


# Kept, since it takes as long to read as the rest of a subscription, and many have the same.
_cron_line = functools.lru_cache(maxsize=1024)(CronLine)


def _send_between(value: Any) -> SendBetween:
    if not isinstance(value, str):
        raise ValueError("not a string")  # noqa: TRY004  pydantic counts no TypeError
    return SendBetween.parse(value)


def _each_once(addresses: tuple[str, ...], subscription: ValidationInfo) -> tuple[str, ...]:
    # `data` has the fields above this one, so the later of two lists is the one at fault.
    above = [address for name in ADDRESS_LISTS for address in subscription.data.get(name) or ()]
    every = [*above, *addresses]
    # Email providers compare addresses without regard to case.
    if len({address.casefold() for address in every}) < len(every):
        raise ValueError("an address twice")
    return addresses


_Addresses = Annotated[
    tuple[MailAddress, ...], Field(strict=False, max_length=MOST_ADDRESSES), AfterValidator(_each_once)
]


def _one_of(names: type[StrEnum]) -> Any:
    *others, last = names
    # Not strict: the document has the name, and this reads the member.
    return Field(strict=False, description=f"{', '.join(others)} or {last}")


class Subscription(NamedTuple):
    """A subscription as Firestore has it. Each attribute has the name of the document's field, except `id`, `days_off`,
    `problem` and `version`.

    Applications write to the collection, too. A field that is absent or malformed has the default.
    docs/reference/documents.md has these sentences.

    Attributes:
        id: the document's id.
        user_id: the user's id, so that queries over all subscriptions can name it. Not this field but the path says
            whose subscription it is.
        kind: which report: `activity`, `usage` or one of your own (docs/guides/python-reports.md); default:
            DEFAULT_KIND.
        cadence: `hourly`, `daily`, `weekly`, `biweekly` (docs/guides/subscriptions.md#every-second-week), `monthly`,
            `quarterly` or `cron`; default: DEFAULT_CADENCE.
        shard: 0 to 29, from a hash of the path: the first field of the index by which runs find what is due;
            `held:KIND:17` while its kind is paused. Your application writes only `null`: the next run schedules it.
        active: `false`: paused.
        paused_because: why it is paused, or was paused last: `user`, `operator`, `user-inactive`, `not-in-audience`,
            `bounced`, `complained` or `unsubscribed`.
        paused_at: when its pause began, until the mark has been moved past the pause.
        paused_until: until when it is paused, if it resumes by itself.
        hour: 0 to 23 in the recipient's own zone; hourly reports and `cron` do not use it.
        minute: 0 to 59; `cron` does not use it. How often runs come limits how punctual a report can be
            (docs/reference/settings.md#the-queue-and-the-job).
        weekday: `monday` to `sunday`, or the day's number, from 1 for Monday to 7; only weekly and biweekly reports
            use it.
        day: 1 to 31; only monthly and quarterly reports use it, quarterly ones in January, April, July and October. If
            a month has no such day, its last day.
        working_day: `first` or `last`: the working day of the month
            (docs/guides/subscriptions.md#working-days-and-days-off), in place of `day`.
        cron: the five fields of a cron line, such as `0 8 * * 1-5`; only the cadence `cron` uses it, and requires it.
            A line that names days of the month and of the week, such as `0 8 1-7 * 1`, is due on both: on the first to
            the seventh, and on each Monday.
        calendar: the name of the calendar (docs/reference/documents.md#calendars) that has its days off.
        send_between: the hours of the recipient's day in which its reports come
            (docs/guides/subscriptions.md#hours-of-the-day), such as `08:00-18:00`, or `22:00-06:00` across midnight.
        covers: the period of a report: `calendar` or `since-last` (docs/guides/subscriptions.md#what-a-report-covers).
        deliver: where its reports go (docs/guides/destinations.md): `destination` and what that needs, such as `url`;
            default: by email.
        to: the addresses that the report goes to instead of the user's `email`: 1 to 20, none of them twice. Your
            application must have verified them.
        cc: up to 20 addresses that get a copy (docs/guides/subscriptions.md#several-recipients), none of them twice or
            in `to`.
        time_zone: the zone of this subscription, instead of the user's.
        locale: the language of this subscription, instead of the user's.
        sandbox: `true`: no email reaches a recipient, as for a test user.
        options: what the kind is given, such as a threshold, a filter or a region.
        skip_empty: `false`: the report comes even if there is nothing to report, and says so
            (docs/guides/python-reports.md#nothing-to-report).
        objections: who wants no emails (docs/guides/mail-events.md#what-it-causes), by the hash of the address:
            `because` (`bounced`, `unsubscribed` or `complained`), `at` (when the latest event said so),
            `cleared_at` (when the recipient took everything before that back), `resubscribed_at` (when the recipient
            subscribed again at the email provider), `stopped_at` (when the recipient stopped the subscription) and,
            of several reasons, when each was said last (`latest`). Your application writes only `null`: all of them
            want emails again (docs/guides/subscriptions.md#pause-and-resume).
        suppressed: written by version 0.1.0: hashes of addresses that object, until a later change takes them over.
        bounced_address: written by version 0.1.0: one more such hash.
        resumed_at: when all of its addresses were to get emails again. What happened to emails before that keeps
            nothing back.
        next_report_at: when the next report is due; `null` while it is paused without an end. Your application may set
            it, too.
        reported_until: the mark, where the next report begins (docs/guides/subscriptions.md#every-moment-once).
        settled_at: when a delivery of it became final last. After any later write the next report asks the deliveries
            how far its reports came.
        days_off: of its calendar.
        problem: what is wrong with the document: each malformed field and what it must be; empty where nothing is.
        version: the update time of the document, set by the server; None where the caller does not know it.
    """

    id: str
    user_id: str
    kind: Annotated[str, Field(pattern=KIND_PATTERN, description="the name of a report, such as sales")]
    cadence: Annotated[Cadence, _one_of(Cadence)]
    shard: int | None = None
    active: TrueOrFalse = True
    paused_because: Annotated[PauseReason | None, _one_of(PauseReason)] = None
    paused_at: Timestamp = None
    paused_until: Timestamp = None
    hour: Annotated[int, Field(ge=0, le=23, description="an integer from 0 to 23")] = 8
    minute: Annotated[int, Field(ge=0, le=59, description="an integer from 0 to 59")] = 0
    weekday: Annotated[
        int,
        BeforeValidator(_weekday, json_schema_input_type=_Weekday),
        Field(ge=1, le=7, description="monday to sunday, or an integer from 1 (Monday) to 7 (Sunday)"),
    ] = 1
    day: Annotated[int, Field(ge=1, le=31, description="an integer from 1 to 31")] = 1
    working_day: Annotated[WorkingDay | None, _one_of(WorkingDay)] = None
    cron: Annotated[
        CronLine | None,
        BeforeValidator(_cron, json_schema_input_type=str | None),
        Field(validate_default=True, description="five cron fields that are due at some time, such as 0 8 * * 1-5"),
    ] = None
    calendar: Annotated[
        str | None,
        Field(pattern=CALENDAR_PATTERN, description="the name of a calendar: small letters, digits, - and _"),
    ] = None
    send_between: Annotated[
        Annotated[SendBetween, BeforeValidator(_send_between, json_schema_input_type=str)] | None,
        Field(description="two times of the day, such as 08:00-18:00"),
    ] = None
    covers: Annotated[Covers | None, _one_of(Covers)] = None
    deliver: Annotated[
        Deliver, PlainValidator(read_deliver, json_schema_input_type=dict[str, str]), Field(description=MUST_BE)
    ] = BY_EMAIL
    to: Annotated[_Addresses, Field(min_length=1, description=f"a list of 1 to {MOST_ADDRESSES} {_EACH_ONCE}")] = ()
    cc: Annotated[_Addresses, Field(description=f"a list of at most {MOST_ADDRESSES} {_EACH_ONCE} or in `to`")] = ()
    time_zone: Annotated[TimeZone | None, A_TIME_ZONE] = None
    locale: Annotated[str | None, A_LOCALE] = None
    sandbox: TrueOrFalse = False
    options: Annotated[Mapping[Any, Any], InstanceOf(), Field(description="a map")] = {}
    skip_empty: TrueOrFalse = True
    objections: Annotated[
        Mapping[str, Annotated[Objection, PlainValidator(_objection)]] | None,
        Field(description="a map of the hashes of email addresses to maps with because, at and cleared_at"),
    ] = {}
    suppressed: Annotated[frozenset[str], Field(strict=False, description="a list of hashes of email addresses")] = (
        frozenset()
    )
    bounced_address: Annotated[str, Field(description="the hash of an email address")] = ""
    resumed_at: Timestamp = None
    next_report_at: Timestamp = None
    reported_until: Timestamp = None
    settled_at: Timestamp = None
    days_off: DaysOff = NO_DAYS_OFF
    problem: str = ""
    version: datetime | None = None

    @classmethod
    def from_snapshot(cls, snapshot: Any, defaults: SubscriptionDefaults) -> "Subscription | None":
        """Read a document, whatever is in it; None where there is no document.

        Args:
            snapshot: a FoundDocument, of all fields or of some.
            defaults: what the document does not say.
        """
        if snapshot.fields is None:
            return None
        user_id = snapshot.path.split("/")[-3]
        return cls.from_fields(user_id, snapshot.id, snapshot.fields, defaults, version=snapshot.update_time)

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
        # The cadence `cron` needs a cron line.
        read, problem = _FIELDS.read(document, together=[("cron", "cadence")])
        read["kind"] = read["kind"] or defaults.kind
        read["cadence"] = read["cadence"] or defaults.cadence
        if document.get("objections", {}) is None:
            read["objections"] = None
        read["shard"] = stored_shard(document.get("shard"))
        if name := read["calendar"]:
            try:
                read["days_off"] = defaults.calendars(name)
            except UnusableCalendar as error:
                problem = "; ".join(filter(None, (problem, f"calendar: {error}")))
        return cls(id=subscription_id, user_id=user_id, problem=problem, version=version, **read)

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
        """Whether nobody has taken an objection back since it was made. A recipient who unsubscribed and subscribed
        again in the same second wants emails: if not, the provider itself still keeps them back."""
        wanted_at = [objection.cleared_at, self.all_wanted_at]
        if objection.because is PauseReason.UNSUBSCRIBED:
            wanted_at.append(objection.resubscribed_at)
        since = max(filter(None, wanted_at), default=None)
        if objection.because is None or objection.at is None:
            return False
        return since is None or objection.at > since

    def leaves_out(self, address: str) -> bool:
        """Whether its reports do not go to an address, although a list or the user's document has it."""
        objecting = self.objecting
        return bool(objecting) and address_hash(address) in objecting

    @property
    def is_emailed(self) -> bool:
        """Whether its reports go to addresses."""
        return self.deliver.destination is DestinationName.EMAIL

    def problem_of(self, user: User) -> str:
        """What is wrong with a user's document, as far as its reports need it; empty where nothing is.

        Args:
            user: whose it is.
        """
        return user.problem if self.is_emailed else user.problem_without_address

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
            working_day=self.working_day,
            days_off=self.days_off,
            send_between=self.send_between,
        )


SUBSCRIPTION_FIELDS = tuple(
    name for name in Subscription._fields if name not in {"id", "days_off", "problem", "version"}
)
"""The names of the document's fields."""

ADDRESS_LISTS = tuple(name for name, type_ in get_type_hints(Subscription).items() if type_ == tuple[str, ...])
"""The names of the fields that say who gets the reports."""


_FIELDS = DocumentFields(Subscription)

SUBSCRIPTION_DOCUMENT = _FIELDS.model
"""The type of what applications write, of which a schema can be made."""

SUBSCRIPTION_MUST_BE = _FIELDS.must_be
"""What each field has to be, as docs/reference/documents.md says it."""


def subscriptions_of(user_id: str) -> str:
    """The path of the collection of a user's subscriptions."""
    return f"{USERS}/{user_id}/{SUBSCRIPTIONS}"


def subscription_path(user_id: str, subscription_id: str) -> str:
    """The path of a subscription."""
    return f"{subscriptions_of(user_id)}/{subscription_id}"


def is_of_a_user(path: str) -> bool:
    """Whether a path names a user or a document in a collection of a user's: other software may keep a collection of
    the same name elsewhere."""
    return path.startswith(f"{USERS}/") and path.count("/") in {1, 3}


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
