"""Finds subscriptions, for the operator."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.firestore.field_path import NAME
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.logging import redact_addresses
from functions.shared.records.delivery import Delivery
from functions.shared.records.ids import SHARDS
from functions.shared.records.mail_event import MailRecord
from functions.shared.records.recipient_changes import RECIPIENT_CHANGES, RecipientChange, recipient_changes
from functions.shared.records.subscription import (
    ADDRESS_LISTS,
    SUBSCRIPTIONS,
    PauseReason,
    Subscription,
    SubscriptionDefaults,
    subscription_path,
    subscriptions_of,
)
from functions.shared.records.user import USERS
from functions.shared.times.plausible_time import EARLIEST
from operations.deliveries.mail_records import mail_row
from operations.errors import NotFound, OperatorError
from operations.reading import document_fields
from operations.reading.page import Page, read_page
from operations.reading.similar_ids import did_you_mean

_SHOWN_IDS = 10
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class SubscriptionState(StrEnum):
    """The state of a subscription, for the operator."""

    DUE = "due"
    """Its due time has come: its report is on its way, or the next run sends it."""
    SCHEDULED = "scheduled"
    """Its due time is to come."""
    PAUSED = "paused"
    """It gets no reports until it resumes."""
    UNSCHEDULED = "unscheduled"
    """An application has made or resumed it: the dispatcher's next run gives it a due time."""

    @classmethod
    def of(cls, subscription: Subscription, now: datetime) -> "SubscriptionState":
        """The state of a subscription."""
        if subscription.is_paused(now):
            return cls.PAUSED
        if subscription.next_report_at is None or subscription.shard is None:
            return cls.UNSCHEDULED
        return cls.DUE if subscription.next_report_at <= now else cls.SCHEDULED


class Subscriptions:
    """Reads subscriptions. Every method raises GoogleAPICallError if Firestore does not answer or refuses."""

    def __init__(self, database: Database, defaults: SubscriptionDefaults) -> None:
        self._database = database
        self._defaults = defaults

    def of_user(self, user_id: str) -> list[Subscription]:
        """All subscriptions of a user, in the order of their ids."""
        return list(self._read(Query.of(subscriptions_of(user_id))))

    def recipient_changes(self, user_id: str) -> list[tuple[str, RecipientChange]]:
        """What a user's recipients changed on their page, each with the id of its subscription, the latest first."""
        query = Query.of(subscriptions_of(user_id)).select([RECIPIENT_CHANGES])
        found = [
            (each.id, change)
            for each in self._database.stream(query)
            for change in recipient_changes(each.fields or {})
        ]
        return sorted(found, key=lambda each: each[1].at, reverse=True)

    def find(self, user_id: str, subscription_id: str | None) -> Subscription:
        """One subscription of a user.

        Args:
            subscription_id: which; None for the only one.

        Raises:
            NotFound: there is no such user, or no such subscription.
            OperatorError: none is named, and there are several.
        """
        if subscription_id is not None:
            found_one = self._database.get(subscription_path(user_id, subscription_id))
            if subscription := Subscription.from_snapshot(found_one, self._defaults):
                return subscription
        found = self.of_user(user_id)
        if not found and not self._database.get(f"{USERS}/{user_id}").exists:
            raise no_such_user(self._database, user_id)
        if subscription_id is None and len(found) == 1:
            return found[0]
        if subscription_id is None and found:
            raise OperatorError(f"{user_id} has {len(found)} subscriptions, so name one: {_listed(found)}.")
        missing = "no subscription" if subscription_id is None else f"no subscription {subscription_id}"
        others = f", but {_listed(found)}" if found else ""
        raise NotFound(f"{user_id} has {missing}{others}: reports subscriptions add makes one.")

    def next_due(self, limit: int | None) -> list[Subscription]:
        """The subscriptions of all users that are due first, in the order of their due times."""
        return list(self._read(self._scheduled().order_by("next_report_at").limit(limit)))

    def count_scheduled(self) -> int:
        """How many subscriptions of all users have a due time."""
        return self._database.count(self._scheduled())

    def paused(self, because: PauseReason, *, now: datetime) -> list[Subscription]:
        """The subscriptions of all users that are paused for a reason, in the order of their paths."""
        query = Query.of_group(SUBSCRIPTIONS).where("paused_because", "==", because.value)
        # A pause that ends by itself leaves its reason in the document.
        return [each for each in self._read(query) if each.is_paused(now)]

    def page(
        self,
        because: PauseReason | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int,
    ) -> Page[Subscription]:
        """The subscriptions of all users that have a reason for a pause, also one that has ended by itself, in the
        order of their paths; or those that have a due time, in the order of these.

        Args:
            because: the reason; None for those that have a due time.
            since: due since; only without a reason.
            until: due until then; only without a reason.
            after: the cursor behind which the page begins; None for the first page.
        """
        if because:
            query = Query.of_group(SUBSCRIPTIONS).where("paused_because", "==", because.value).order_by(NAME)
        else:
            query = self._scheduled(since or EARLIEST).order_by("next_report_at")
            query = query.end_at(until) if until else query

        def read(found: FoundDocument) -> Subscription | None:
            return Subscription.from_snapshot(found, self._defaults)

        return read_page(self._database, query, after=after, limit=limit, read=read)

    def _scheduled(self, since: datetime = EARLIEST) -> Query:
        query = Query.of_group(SUBSCRIPTIONS).where("shard", "in", list(range(SHARDS)))
        return query.where("next_report_at", ">=", since)

    def _read(self, query: Query) -> Iterator[Subscription]:
        for found in self._database.stream(query):
            if subscription := Subscription.from_snapshot(found, self._defaults):
                yield subscription


def no_such_user(database: Database, user_id: str) -> NotFound:
    """The error that says that there is no user of an id, and what to do."""
    return NotFound(
        f"There is no user {user_id}: reports users find EMAIL finds a user's id.",
        did_you_mean(database, USERS, user_id),
    )


def subscription_row(
    subscription: Subscription,
    latest: Delivery | None,
    *,
    now: datetime,
    mail: MailRecord | None = None,
    with_addresses: bool = False,
) -> dict[str, Any]:
    """A subscription as JSON shows it. Ids stay as they are.

    Args:
        with_addresses: whether the lists of addresses are shown; otherwise each address is `[address]`.
    """

    def shown(addresses: tuple[str, ...]) -> list[str]:
        return [address if with_addresses else "[address]" for address in addresses]

    return {
        "user_id": subscription.user_id,
        "subscription_id": subscription.id,
        "state": SubscriptionState.of(subscription, now).value,
        "kind": subscription.kind,
        "schedule": describe_schedule(subscription),
        "next_report_at": subscription.next_report_at,
        "reported_until": subscription.reported_until,
        "paused_because": subscription.paused_because.value if subscription.paused_because else None,
        "paused_until": subscription.paused_until,
        "resumed_at": subscription.resumed_at,
        "suppressed": len(subscription.objecting),
        **latest_row(latest),
        "last_delivery_mail": mail_row(mail)["mail"],
        "cadence": subscription.cadence.value,
        "hour": subscription.hour,
        "minute": subscription.minute,
        "weekday": subscription.weekday,
        "day": subscription.day,
        "working_day": subscription.working_day.value if subscription.working_day else None,
        "cron": subscription.cron.text if subscription.cron else None,
        "calendar": subscription.calendar,
        "send_between": str(subscription.send_between) if subscription.send_between else None,
        "covers": subscription.covers.value if subscription.covers else None,
        "deliver": subscription.deliver.to_field(),
        **{name: shown(getattr(subscription, name)) for name in ADDRESS_LISTS},
        "time_zone": subscription.time_zone.key if subscription.time_zone else None,
        "locale": redact_addresses(subscription.locale) if subscription.locale else None,
        "sandbox": subscription.sandbox,
        "options": document_fields.redacted_tree(subscription.options),
        "skip_empty": subscription.skip_empty,
        "problem": subscription.problem or None,
    }


def latest_row(latest: Delivery | None) -> dict[str, Any]:
    """The part of a row about the latest delivery."""
    return {
        "last_delivery_id": latest.id if latest else None,
        "last_delivery_state": latest.state.value if latest else None,
        "last_delivery_due_at": latest.due_at if latest else None,
    }


def describe_schedule(subscription: Subscription) -> str:
    """When reports are due, in words."""
    zone = f" ({subscription.time_zone.key})" if subscription.time_zone else ""
    if hours := subscription.send_between:
        zone = f", {hours}{zone}"
    if subscription.calendar:
        zone = f", by the calendar {subscription.calendar}{zone}"
    if cron := subscription.cron:
        days = cron.either_day
        also = f", on days {days[0]} of the month and also on days {days[1]} of the week" if days else ""
        return f"cron {cron.text}{also}{zone}"
    fields = subscription.cadence.fields
    when = subscription.cadence.value
    if "weekday" in fields:
        when += f" on {_WEEKDAYS[subscription.weekday - 1]}"
    if "day" in fields:
        day = subscription.working_day
        when += f" on the {day} working day" if day else f" on day {subscription.day}"
    hour = f"{subscription.hour:02}" if "hour" in fields else ""
    return f"{when} at {hour}:{subscription.minute:02}{zone}"


def _listed(subscriptions: list[Subscription]) -> str:
    more = len(subscriptions) - _SHOWN_IDS
    ids = ", ".join(each.id for each in subscriptions[:_SHOWN_IDS])
    return f"{ids} and {more} more" if more > 0 else ids
