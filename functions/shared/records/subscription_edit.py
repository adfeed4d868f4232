"""Applies an edit, such as an operator's, to a subscription's document and its due time. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from functions.shared.records.mark import rescheduled_fields
from functions.shared.records.subscription import (
    SUBSCRIPTION_FIELDS,
    Subscription,
    SubscriptionDefaults,
    scheduled_fields,
)
from functions.shared.records.user import User
from functions.shared.times.schedule import Cadence

NOT_EDITABLE = frozenset(
    {
        *("user_id", "shard", "active", "paused_because", "paused_at", "paused_until", "next_report_at"),
        *("reported_until", "settled_at", "objections", "suppressed", "bounced_address", "resumed_at"),
    }
)
"""The ids of a subscription, and the fields that `pause`, `resume` and the pipeline itself write."""

EDITABLE = tuple(name for name in SUBSCRIPTION_FIELDS if name not in NOT_EDITABLE)
"""The fields that an operator sets: each is an option of `reports subscriptions add` and `set`."""


class InvalidEdit(ValueError):
    """The document would be malformed. The message names each field and what it must be."""


@dataclass(frozen=True, kw_only=True)
class SubscriptionEdit:
    """An operator's edit of a subscription.

    Attributes:
        fields: what to write, as the document has it, but for `options`.
        options: what to set in the map `options`. None takes a key out.
        unset: the fields that go back to their defaults.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    unset: Sequence[str] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the edit has no changes."""
        return not (self.fields or self.options or self.unset)

    def changes_of(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that change, with their new values. A null counts as absent.

        Args:
            document: the subscription's fields as they are stored.

        Raises:
            InvalidEdit: a cron line with another cadence.
        """
        wanted: dict[str, Any] = {**dict.fromkeys(self.unset), **self.fields}
        if self.options:
            before = None if "options" in self.unset else document.get("options")
            options = {**(before if isinstance(before, dict) else {}), **self.options}
            wanted["options"] = {key: value for key, value in options.items() if value is not None}
        if "day" in self.fields:
            wanted.setdefault("working_day", None)
        if wanted.get("cron") is not None:
            if wanted.setdefault("cadence", Cadence.CRON.value) != Cadence.CRON:
                raise InvalidEdit(f"cron: goes with the cadence cron, not with {wanted['cadence']}")
        elif wanted.get("cadence", Cadence.CRON) != Cadence.CRON:
            wanted["cron"] = None
        return {name: value for name, value in wanted.items() if _differ(value, document.get(name))}


def added_fields(
    user: User, subscription_id: str, edit: SubscriptionEdit, defaults: SubscriptionDefaults, *, now: datetime
) -> dict[str, Any]:
    """The document of a new subscription. Its first report is due at the first due time after the present.

    Args:
        user: whose it is.
        subscription_id: its id.
        edit: its fields.
        defaults: its kind and cadence where the edit names none: written, so that they stay if the defaults change.
        now: the present, in UTC.

    Raises:
        InvalidEdit: it would be malformed.
    """
    document = {
        "active": True,
        "kind": defaults.kind,
        "cadence": defaults.cadence.value,
        **{name: value for name, value in edit.changes_of({}).items() if value is not None},
    }
    subscription = _checked(user.id, subscription_id, document, defaults)
    due_at = subscription.schedule(user).after(now)
    return document | scheduled_fields(user.id, subscription_id, due_at=due_at)


def edited_fields(
    user: User | None,
    subscription: Subscription,
    document: Mapping[str, Any],
    edit: SubscriptionEdit,
    defaults: SubscriptionDefaults,
    *,
    now: datetime,
) -> dict[str, Any]:
    """What to write into the document of a subscription; empty where nothing changes.

    Args:
        user: whose it is; None where there is no such user.
        subscription: as it was read.
        document: its fields as they were read.
        edit: what changes.
        defaults: what the document does not say.
        now: the present, in UTC.

    Raises:
        InvalidEdit: it would be malformed.
    """
    changes = edit.changes_of(document)
    if not changes:
        return {}
    edited = _checked(subscription.user_id, subscription.id, {**document, **changes}, defaults)
    if edited.kind != subscription.kind and subscription.shard not in {None, document.get("shard")}:
        # It waits for a kind that is paused, and no run that resumes another kind would put it back.
        changes["shard"] = subscription.shard
    return changes | rescheduled_fields(subscription, edited, user, now=now)


def _differ(one: Any, other: Any) -> bool:
    # Python treats 1 and True as equal; in a document they differ.
    return type(one) is not type(other) or bool(one != other)


def _checked(
    user_id: str, subscription_id: str, document: Mapping[str, Any], defaults: SubscriptionDefaults
) -> Subscription:
    subscription = Subscription.from_fields(user_id, subscription_id, document, defaults)
    if subscription.problem:
        raise InvalidEdit(subscription.problem)
    return subscription
