"""The users of a scenario and their subscriptions: one to three each, of mixed cadences, kinds and recipients. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count, cycle
from typing import Any

from functions.shared.records.subscription import ADDRESS_LISTS, DEFAULT_SUBSCRIPTION
from proof.faults.invariants import Pause
from proof.faults.moves import APPLICATION
from proof.faults.plans import Plan
from proof.faults.subscription_key import SubscriptionKey
from tests.seeding import subscription_document, user_document

PLANS: tuple[dict[str, Any], ...] = (
    {"cadence": "hourly", "zone": "UTC"},
    {"cadence": "daily", "zone": "Asia/Tokyo"},
    {"cadence": "hourly", "zone": "America/New_York"},
    {"cadence": "weekly", "zone": "America/Sao_Paulo"},
    {"cadence": "cron", "zone": "Asia/Kolkata", "cron": "*/30 * * * *"},
    {"cadence": "hourly", "zone": "Asia/Kathmandu"},
    {"cadence": "monthly", "zone": "UTC"},
    {"cadence": "hourly", "zone": "Europe/Berlin", "covers": "calendar"},
    {"cadence": "cron", "zone": "Asia/Tokyo", "cron": "0 {hour} * * {weekday}"},
    {"cadence": "daily", "zone": "Asia/Kolkata", "covers": "since-last"},
    {"cadence": "hourly", "zone": "UTC", "minute": 45},
    {"cadence": "cron", "zone": "America/Sao_Paulo", "cron": "0 {parity}-23/2 * * *"},
    {"cadence": "weekly", "zone": "Asia/Tokyo", "covers": "since-last"},
)
"""When reports are due, in turn, as Plan.due_at takes it. Kathmandu (UTC+5:45) and Kolkata (UTC+5:30) are not a whole
number of hours from UTC."""

_IDS = ((DEFAULT_SUBSCRIPTION,), (DEFAULT_SUBSCRIPTION, "team", "ops:50%"), (DEFAULT_SUBSCRIPTION, "ops:50%"))
"""Which subscriptions a user has, in turn. Delivery ids escape what the last one has in it."""

_KINDS = ("activity", "usage")

_ADDRESSES: tuple[Mapping[str, Sequence[str]], ...] = (
    {},
    {},
    *({name: [f"{name}-{{}}@example.com"]} for name in ADDRESS_LISTS if name != "to"),
    {},
    {"to": ["first-{}@example.com", "second-{}@example.com"]},
)
"""Who gets a report beside the user or instead, in turn."""


@dataclass(kw_only=True)
class KnownSubscription:
    """A subscription, as the scenario knows it. SubscriptionHistory says more about the attributes of the same name.

    Attributes:
        plan: when the reports are to fall due, now.
        user_zone: the user's time zone, which the subscription's own overrides.
        kind: which report.
        addresses: the document's lists of addresses.
        first_due_at: when the first report did fall due.
        is_marked: whether the document says at first until when is reported; an application's new one does not.
        former_plan: what the application has changed; None where it has changed nothing.
        postponed_to: until when the application wants no report.
        pauses: when it was paused.
        deliver: where its reports go; None: by email.
        is_empty: whether it gets no email, since no user has data, and the document does not want one about nothing.
    """

    plan: Plan
    user_zone: str
    kind: str = "activity"
    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict)
    first_due_at: datetime
    is_marked: bool = True
    former_plan: Plan | None = None
    postponed_to: datetime | None = None
    pauses: list[Pause] = field(default_factory=list)
    deliver: Mapping[str, str] | None = None
    is_empty: bool = False

    @property
    def first_reported_until(self) -> datetime:
        """Where the first report begins."""
        return (self.former_plan or self.plan).covered_from(self.first_due_at)

    def recipients(self, user_id: str) -> frozenset[str]:
        """The addresses that get each report; the name of the destination where none does."""
        if self.deliver is not None:
            return frozenset({self.deliver["destination"]})
        listed = {"to": [email_of(user_id)], **self.addresses}
        return frozenset(address for addresses in listed.values() for address in addresses)

    def pause(self, since: datetime, until: datetime | None = None) -> None:
        """Take note that the application pauses the subscription, itself or by what it writes to the user."""
        self.pauses.append(Pause(since=since, until=until))

    def resume(self, at: datetime, *, is_left_out: bool = True) -> None:
        """Take note that the application has ended the pause; see Pause."""
        self.pauses[-1] = replace(self.pauses[-1], until=at, is_left_out=is_left_out)


def make_subscribers(prefix: str, hour: datetime) -> Iterator[tuple[SubscriptionKey, KnownSubscription]]:
    """Make subscriptions whose reports are due by an hour, without end.

    Args:
        prefix: what the users' ids begin with.
        hour: the full hour.
    """
    kinds, addresses, plans = cycle(_KINDS), cycle(_ADDRESSES), cycle(PLANS)
    for index, subscription_ids in zip(count(), cycle(_IDS)):
        user_zone = ""
        for subscription_id in subscription_ids:
            key, plan = SubscriptionKey(f"{prefix}{index}", subscription_id), Plan.due_at(hour, **next(plans))
            user_zone = user_zone or plan.zone
            yield (
                key,
                KnownSubscription(
                    plan=plan,
                    user_zone=user_zone,
                    kind=next(kinds),
                    addresses={
                        name: [each.format(key.user_id) for each in value] for name, value in next(addresses).items()
                    },
                    first_due_at=plan.until(hour),
                ),
            )


def user_fields(user_id: str, time_zone: str, /, **fields: Any) -> dict[str, Any]:
    """The document of a user at the start of the scenario. A field that is given as ... is left out."""
    at_start = {"email": email_of(user_id), "time_zone": time_zone, APPLICATION: True}
    return user_document(user_id, **{**at_start, **fields})


def subscription_fields(key: SubscriptionKey, known: KnownSubscription, **fields: Any) -> dict[str, Any]:
    """The document of a subscription at the start of the scenario. A field that is given as ... is left out."""
    at_start: dict[str, Any] = {
        **known.plan.to_fields(),
        **known.addresses,
        **({"time_zone": known.plan.zone} if known.plan.zone != known.user_zone else {}),
        "kind": known.kind,
        **({"deliver": known.deliver} if known.deliver else {}),
        "next_report_at": known.first_due_at,
        "reported_until": known.first_reported_until if known.is_marked else ...,
        APPLICATION: True,
    }
    return subscription_document(*key, **{**at_start, **fields})


def email_of(user_id: str) -> str:
    """The address of a user."""
    return f"{user_id}@example.com"
