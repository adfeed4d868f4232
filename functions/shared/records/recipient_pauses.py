"""What a recipient pauses, resumes and stops, on the recipient's page or on a page of the team's own product. Pure.

A product's page speaks for its user alone: it ends no operator's pause, and brings back no address whose owner objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.shared.records import objections
from functions.shared.records.address_hash import address_hash
from functions.shared.records.mark import paused_fields, resumed_fields
from functions.shared.records.objections import common_objection, objection_fields, taken_back
from functions.shared.records.subscription import PauseReason, Subscription
from functions.shared.records.user import User

LONGEST_PAUSE = timedelta(days=366)
"""How far a pause can go that has an end."""

_FINAL = frozenset({PauseReason.UNSUBSCRIBED, PauseReason.COMPLAINED})
_MAY_RESUME = frozenset({None, PauseReason.USER, *_FINAL, PauseReason.BOUNCED})


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A subscription and its user, both as they were at one moment.

    Attributes:
        user: whose it is.
        subscription: what the document says.
        document: its fields.
    """

    user: User
    subscription: Subscription
    document: Mapping[str, Any]


def may_resume(subscription: Subscription) -> bool:
    """Whether the recipient ends a pause: not one that an operator began, nor the user's inactivity or absence from a
    query."""
    return subscription.paused_because in _MAY_RESUME


def is_stopped(subscription: Subscription) -> bool:
    """Whether the recipient has stopped it, and not paused it."""
    return not subscription.active and subscription.paused_because in _FINAL


def stopped(stored: Stored, *, now: datetime) -> Mapping[str, Any]:
    """The recipient wants no more reports of the subscription; no fields where the recipient has already said so.

    It replaces any other reason of a pause: what ends that pause must not bring the reports back. Who has unsubscribed
    at the email provider before says it here as well, and a subscription at the provider does not take that back.

    Args:
        stored: as it was read.
        now: the present, in UTC.
    """
    subscription, hashed = stored.subscription, address_hash(stored.user.email)
    said = {}
    if stored.user.email:
        said = objection_fields(subscription, objections.stopped(subscription, hashed, now=now))
    if is_stopped(subscription) and subscription.next_report_at is None:
        return {} if objections.is_stopped_by(subscription, hashed) else said
    return {**paused_fields(subscription, stored.user, PauseReason.UNSUBSCRIBED, now=now), **said}


def paused(stored: Stored, until: datetime, *, now: datetime) -> Mapping[str, Any]:
    """The recipient wants no reports before a moment; no fields where the subscription is stopped or paused otherwise.

    Args:
        stored: as it was read.
        until: when it resumes, in UTC.
        now: the present, in UTC.
    """
    subscription = stored.subscription
    if not subscription.active or (subscription.is_paused(now) and not may_resume(subscription)):
        return {}
    return paused_fields(subscription, stored.user, PauseReason.USER, now=now, until=until)


def resumed(stored: Stored, *, now: datetime) -> Mapping[str, Any]:
    """The recipient wants the reports again; no fields where they come already, or where somebody else paused them. The
    user speaks for no other address: where all those object whom the report is for, the pause stays.

    Args:
        stored: as it was read.
        now: the present, in UTC.
    """
    subscription = stored.subscription
    if not subscription.is_paused(now) or not may_resume(subscription):
        return {}
    after = taken_back(subscription, address_hash(stored.user.email), now=now)
    if common_objection(after, stored.user):
        return {}
    return {**resumed_fields(subscription, stored.user, now=now), **objection_fields(subscription, after)}
