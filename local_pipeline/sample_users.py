"""Users, subscriptions and events that look like a product's own, the same every time."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from local_pipeline.sample_documents import Documents
from local_pipeline.sample_figures import Months, add_up

REFUSED_ADDRESS = "grace.hopper@navy..example"
"""An address that a sign-up page accepts, and that SendGrid answers with 400."""

BOUNCING_ADDRESS, COMPLAINING_ADDRESS = "bounce+user9@example.com", "spam+user4@example.com"
"""Addresses whose emails come to the end that the local part says (local_pipeline/inbox/event_webhook.py)."""

_SPECIAL_ADDRESSES = {
    1: "deferred+user1@example.com",
    3: REFUSED_ADDRESS,
    4: COMPLAINING_ADDRESS,
    9: BOUNCING_ADDRESS,
}
_PAUSED = {COMPLAINING_ADDRESS: "complained", BOUNCING_ADDRESS: "bounced"}
"""Why the subscriptions that go there are paused afterwards."""

PIPELINES_DEFAULT = "activity"
"""The kind of a subscription that names none, where there is this kind. Its reports are made from the sample data."""

SHIPPED = (PIPELINES_DEFAULT, "usage")
"""The kinds of which it is known what becomes of the sample data."""

_PEOPLE = (
    ("Amina Diallo", "Africa/Dakar", "en"),
    ("Yuki Tanaka", "Asia/Tokyo", "ja"),
    ("Liam O'Connor", "Europe/Dublin", "en"),
    ("Zoë Müller-Groß", "Europe/Berlin", "de"),
    ("Priya Nair", "Asia/Kolkata", "en"),
    ("Mateo Álvarez", "America/Argentina/Buenos_Aires", "es"),
    ("佐藤 花子", "Asia/Tokyo", "ja"),
    ("Olivia Smith", "America/New_York", "en"),
    ("Noah <noah> & Sons", "America/Los_Angeles", "en"),
    ("Aroha Ngata", "Pacific/Auckland", "en"),
    ("Bishal Gurung", "Asia/Kathmandu", "en"),
    ("Léa Tremblay", "America/Toronto", "fr"),
)
_TYPES = (
    ("page.viewed", 0.55),
    ("order.placed", 0.2),
    ("invoice.paid", 0.12),
    ("file.uploaded", 0.1),
    ("refund", 0.03),
)
_QUOTAS: dict[str, dict[str, Any]] = {
    "storage": {"name": "Storage", "allowed": 100, "unit": "GB"},
    "calls": {"name": "API calls", "allowed": 100_000},
}
_PERHAPS = {"sent": "sent or skipped", "dead": "dead or skipped"}
"""What becomes of a report that may have nothing to say."""
_ADDED_UP_SINCE = datetime(2020, 1, 1, tzinfo=UTC)
_SPAN = {
    "hourly": 3,
    "daily": 3 * 24,
    "weekly": 3 * 7 * 24,
    "biweekly": 3 * 14 * 24,
    "monthly": 3 * 31 * 24,
    "quarterly": 3 * 92 * 24,
    "cron": 3 * 24,
}
"""Hours of history: the period that has ended, the one before to compare with, and the one that goes on."""


@dataclass(frozen=True, kw_only=True)
class SampleSubscription:
    """One sample subscription, and what must become of it in the first run.

    Attributes:
        id: the document's id.
        document: its fields; None for the one that enrollment makes.
        state: the state that its delivery must end in, or two of them with `or`; None where none may come to be.
        recipients: who must get the report.
        paused_because: why it must be paused afterwards; empty where it must not, and None where that is not known.
        is_elsewhere: whether the report goes elsewhere than by email.
    """

    id: str
    document: dict[str, Any] | None
    state: str | None = "sent"
    recipients: tuple[str, ...] = ()
    paused_because: str | None = ""
    is_elsewhere: bool = False

    @property
    def is_scheduled(self) -> bool:
        """Whether it is in the due index already."""
        return self.document is not None and self.document.get("shard") is not None


@dataclass(frozen=True, kw_only=True)
class SampleUser:
    """One sample user.

    Attributes:
        id: the document's id.
        document: the user's fields.
        subscriptions: those that are written, and the one that the user must be given.
        events: the fields of each event.
        quotas: the fields of each quota, by its id.
        usage: the fields of what is used of them.
        event_figures: the events added up, a document for each month, by its id.
        usage_figures: likewise.
        documents: what else is below the user.
    """

    id: str
    document: dict[str, Any]
    subscriptions: list[SampleSubscription]
    events: list[dict[str, Any]]
    quotas: dict[str, dict[str, Any]] = field(default_factory=dict)
    usage: list[dict[str, Any]] = field(default_factory=list)
    event_figures: Months = field(default_factory=dict)
    usage_figures: Months = field(default_factory=dict)
    documents: Documents = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Whether the first run must enroll the user."""
        return self.document["active"] and self.document.get("enrolled_at") is None


def sample_users(
    count: int,
    *,
    now: datetime,
    kinds: Sequence[str] = SHIPPED,
    known: Collection[str] = SHIPPED,
    documents: Documents | None = None,
    events_per_user: int = 40,
    mails_end: bool = True,
    deliver: Mapping[str, str] | None = None,
) -> Iterator[SampleUser]:
    """Make users in several time zones, with up to three subscriptions each. There are twelve types of user in turn,
    such as a new user, one who has paused a report, and one whose colleague gets a copy.

    The third has an address that SendGrid refuses, the fourth marks the email as spam, and the ninth's email bounces.
    Every tenth has done nothing lately, and so gets no `activity`. Where there are other kinds than those that come
    with the pipeline, users get those, too, and it is open which of them have something to report.

    Args:
        count: how many.
        now: when the events end.
        kinds: the kinds of report that there are, one at least.
        known: those of the SHIPPED that these are: a team's own kind may have the name of one.
        documents: what each user has beside that, but for those who have done nothing.
        events_per_user: on average.
        mails_end: whether somebody says what becomes of the emails, so that those that bounce have consequences.
        deliver: where the reports go, of all subscriptions but those that enrollment makes; None: by email.
    """
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    for number in range(1, count + 1):
        chance = random.Random(number)  # noqa: S311  sample data, the same every time
        name, time_zone, locale = _PEOPLE[number % len(_PEOPLE)]
        document: dict[str, Any] = {
            "email": _SPECIAL_ADDRESSES.get(number, f"user{number}@example.com"),
            "name": name,
            "active": True,
            "time_zone": time_zone,
            "locale": locale,
            "enrolled_at": this_hour - timedelta(days=100),
            # The application adds up what happens, as docs/guides/shipped-reports.md shows it.
            "event_figures_since": _ADDED_UP_SINCE,
            "usage_figures_since": _ADDED_UP_SINCE,
        }
        subscriptions = _subscriptions(
            number, document, this_hour, _PAUSED.get(document["email"], "") if mails_end else ""
        )
        written = [subscription.document for subscription in subscriptions if subscription.document]
        spans = {_SPAN[fields["cadence"]] for fields in written if fields["kind"] == "activity"} or {_SPAN["hourly"]}
        has_usage = any(fields["kind"] == "usage" for fields in written)
        subscriptions = [_of_a_kind_there_is(each, number, kinds, known) for each in subscriptions]
        if number % 12 == 2:
            subscriptions += _of_others(number, document, this_hour, kinds)
        is_idle = number % 10 == 0
        if is_idle:
            subscriptions = [_without_events(each) for each in subscriptions]
        if deliver is not None:
            subscriptions = [_elsewhere(each, deliver) for each in subscriptions]
        events = [] if is_idle else list(_events(chance, now, spans, events_per_user))
        usage = list(_usage(chance, now, events_per_user)) if has_usage else []
        yield SampleUser(
            id=f"u{number}",
            document=document,
            subscriptions=subscriptions,
            events=events,
            event_figures=add_up(events, by="type"),
            quotas=_QUOTAS if has_usage else {},
            usage=usage,
            usage_figures=add_up(usage, by="quota"),
            documents={} if is_idle else documents or {},
        )


def _subscriptions(number: int, user: dict[str, Any], this_hour: datetime, becomes: str) -> list[SampleSubscription]:
    """The subscriptions of a user. Also changes the user's fields, for the types of user that need it."""
    address = user["email"]
    # As the pipeline leaves a subscription that was due at the last full hour. Any of the 30 shards will do.
    due = {"user_id": f"u{number}", "shard": number % 30, "active": True, "next_report_at": this_hour}
    not_due = {**due, "next_report_at": this_hour + timedelta(days=3)}
    # As an application writes one: the next run schedules it.
    new = {"active": True, "shard": None}

    def sent(name: str, document: dict[str, Any] | None, *others: str) -> SampleSubscription:
        return SampleSubscription(id=name, document=document, recipients=(address, *others), paused_because=becomes)

    def waits(name: str, document: dict[str, Any], paused_because: str = becomes) -> SampleSubscription:
        return SampleSubscription(id=name, document=document, state=None, paused_because=paused_because)

    match number % 12:
        case 1:  # new: the application has written a null
            user["enrolled_at"] = None
            return [sent("default", None)]
        case 2:  # a weekly report beside the daily one
            return [
                sent("default", {**due, "kind": "activity", "cadence": "daily", "hour": 8}),
                sent("usage", {**due, "kind": "usage", "cadence": "weekly", "weekday": "monday"}),
            ]
        case 3:
            default = {**due, "kind": "activity", "cadence": "hourly"}
            if address == REFUSED_ADDRESS:
                return [SampleSubscription(id="default", document=default, state="dead")]
            return [sent("default", default)]
        case 4:  # new, with a subscription that the application has written, to be sent at once
            user["enrolled_at"] = None
            return [sent("orders", {**new, "kind": "activity", "cadence": "daily", "next_report_at": this_hour})]
        case 5:  # inactive, and never enrolled
            user |= {"active": False, "enrolled_at": None}
            return []
        case 6:  # a colleague gets a copy; the other report rests for a week
            until = this_hour + timedelta(days=7)
            paused = {**due, "paused_because": "user", "paused_until": until, "next_report_at": until}
            copy = f"copy{number}@example.com"
            return [
                sent("default", {**due, "kind": "activity", "cadence": "daily", "cc": [copy]}, copy),
                waits("usage", {**paused, "kind": "usage", "cadence": "weekly"}, "user"),
            ]
        case 7:  # new: the application writes no nulls, and a sweep finds the user
            del user["enrolled_at"]
            return [sent("default", None)]
        case 8:  # three reports: one paused, one by cron
            paused = {**due, "active": False, "paused_because": "user", "next_report_at": None}
            return [
                sent("default", {**due, "kind": "activity", "cadence": "hourly"}),
                waits("usage", {**paused, "kind": "usage", "cadence": "monthly", "day": 1}, "user"),
                sent("weekdays", {**due, "kind": "activity", "cadence": "cron", "cron": "0 8 * * 1-5"}),
            ]
        case 9:  # a further one that the application has written: its first report is due at its time
            return [
                sent("default", {**due, "kind": "activity", "cadence": "quarterly"}),
                waits("usage", {**new, "kind": "usage", "cadence": "biweekly"}),
            ]
        case 10:  # with files
            options = {"attach": ["csv", "xlsx", "pdf"], "currency": "EUR"}
            return [sent("default", {**due, "kind": "activity", "cadence": "weekly", "options": options})]
        case 11:  # became inactive since the last report
            user["active"] = False
            default = {**due, "kind": "activity", "cadence": "daily"}
            return [SampleSubscription(id="default", document=default, state="skipped", paused_because="user-inactive")]
        case _:  # goes to a team instead of the user; the other is not due
            team = (f"team{number}@example.com", f"lead{number}@example.com")
            to_team = {**due, "kind": "activity", "cadence": "monthly", "to": list(team)}
            return [
                SampleSubscription(id="default", document=to_team, recipients=team),
                waits("usage", {**not_due, "kind": "usage", "cadence": "weekly"}),
            ]


def _elsewhere(subscription: SampleSubscription, deliver: Mapping[str, str]) -> SampleSubscription:
    """The subscription with reports that need no address: none is refused for it, and nobody objects."""
    if subscription.document is None:
        return subscription
    is_objection = subscription.paused_because in _PAUSED.values()
    return replace(
        subscription,
        document={**subscription.document, "deliver": deliver},
        state=subscription.state.replace("dead", "sent") if subscription.state else None,
        recipients=(),
        paused_because="" if is_objection else subscription.paused_because,
        is_elsewhere=True,
    )


def _of_a_kind_there_is(
    subscription: SampleSubscription, number: int, kinds: Sequence[str], known: Collection[str]
) -> SampleSubscription:
    """The subscription, or one of another kind where there is none of its own."""
    fields = subscription.document
    kind = fields["kind"] if fields else PIPELINES_DEFAULT
    if kind in kinds and kind in known:
        return subscription
    other = kind if kind in kinds else kinds[(number + SHIPPED.index(kind)) % len(kinds)]
    return replace(
        subscription,
        id=other if subscription.id == kind else subscription.id,
        # Without options, which are the other kind's.
        document={**fields, "kind": other, "options": {}} if fields else None,
        state=_PERHAPS.get(subscription.state or "", subscription.state),
        paused_because=None if subscription.paused_because in _PAUSED.values() else subscription.paused_because,
    )


def _of_others(
    number: int, user: dict[str, Any], this_hour: datetime, kinds: Sequence[str]
) -> Iterator[SampleSubscription]:
    """One of each further kind, where the users' others are all of those that come with the pipeline."""
    if set(SHIPPED) <= set(kinds):
        due = {"user_id": f"u{number}", "shard": number % 30, "active": True, "next_report_at": this_hour}
        for kind in kinds:
            if kind not in SHIPPED:
                yield SampleSubscription(
                    id=kind,
                    document={**due, "kind": kind, "cadence": "daily"},
                    state=_PERHAPS["sent"],
                    recipients=(user["email"],),
                )


def _usage(chance: random.Random, now: datetime, count: int) -> Iterator[dict[str, Any]]:
    for _ in range(count):
        at = now - timedelta(hours=31 * 24 * chance.random())
        if chance.random() < 0.5:
            yield {"at": at, "quota": "storage", "amount": round(chance.uniform(1, 9), 1)}
        else:
            yield {"at": at, "quota": "calls", "amount": chance.randrange(500, 3_000)}


def _without_events(subscription: SampleSubscription) -> SampleSubscription:
    """What becomes of a subscription whose user has done nothing."""
    fields = subscription.document
    has_nothing = subscription.state == "sent" and fields is not None and fields["kind"] == PIPELINES_DEFAULT
    return replace(subscription, state="skipped", recipients=()) if has_nothing else subscription


def _events(chance: random.Random, now: datetime, spans: set[int], average: int) -> Iterator[dict[str, Any]]:
    # So close together that there is one in each period of each cadence, however short the day or the month.
    ages = [span * (part + 0.5) / 4 for span in sorted(spans) for part in range(4)]
    # More events recently than before, as in a product that grows.
    further = chance.randint(average // 2, average + average // 2) - len(ages)
    ages += [max(spans) * chance.random() ** 1.3 for _ in range(further)]
    for age in ages:
        kind = chance.choices([name for name, _ in _TYPES], [weight for _, weight in _TYPES])[0]
        event: dict[str, Any] = {"at": now - timedelta(hours=age), "type": kind}
        if kind in {"order.placed", "invoice.paid"}:
            event["amount"] = round(chance.lognormvariate(3.5, 0.8), 2)
        elif kind == "refund":
            event["amount"] = -round(chance.lognormvariate(3, 0.5), 2)
        yield event
