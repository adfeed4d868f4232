"""Taking a change back: what the documents had before, sealed into the page that says what was changed. Pure.

Nothing is kept for it. A change is taken back only while the document is as the change left it: a report that was sent
meanwhile, or another change, stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.shared.records.mark import end_of_pause
from functions.shared.records.subscription import Subscription

OFFERED_FOR = timedelta(hours=1)

_MOST_CHANGES = 100
"""More would be a form of many kilobytes."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What was changed in one subscription.

    Attributes:
        subscription_id: which of the user's.
        version: the document's update time, as the change left it.
        before: what the fields had that were written.
    """

    subscription_id: str
    version: datetime
    before: Mapping[str, Any]


def before_change(
    subscription: Subscription, document: Mapping[str, Any], names: Iterable[str], *, at: datetime
) -> Mapping[str, Any]:
    """What takes a change back: null for what was absent, but for `objections`, where null would say that all want
    emails again.

    Args:
        subscription: as it was.
        document: its fields.
        names: the fields that were written.
        at: when, in UTC.
    """
    before = {name: document.get(name, {} if name == "objections" else None) for name in names}
    if ended_at := end_of_pause(subscription, now=at):
        # An application ended it. Otherwise, it would last until the change is taken back.
        before["paused_until"] = ended_at
    return before


@dataclass(frozen=True, kw_only=True)
class Undo:
    """How changes are taken back.

    Attributes:
        user_id: whose subscriptions.
        changes: of each.
        until: when it is no longer offered, in UTC.
    """

    user_id: str
    changes: Sequence[Change]
    until: datetime

    def to_json(self) -> Any:
        """What JSON can hold; None where a field has a value that it cannot, or where there are too many changes."""
        if not 0 < len(self.changes) <= _MOST_CHANGES:
            return None
        try:
            changes = [
                [
                    each.subscription_id,
                    each.version.isoformat(),
                    {name: _out(value) for name, value in each.before.items()},
                ]
                for each in self.changes
            ]
        except TypeError:
            return None
        return [self.user_id, self.until.isoformat(), changes]

    @classmethod
    def from_json(cls, content: Any) -> "Undo":
        """What to_json made."""
        user_id, until, changes = content
        return cls(
            user_id=user_id,
            until=datetime.fromisoformat(until),
            changes=[
                Change(
                    subscription_id=subscription_id,
                    version=datetime.fromisoformat(version),
                    before={name: _in(value) for name, value in before.items()},
                )
                for subscription_id, version, before in changes
            ],
        )


def _out(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    if isinstance(value, list):
        return [_out(each) for each in value]
    if isinstance(value, dict):
        return {"map": {name: _out(each) for name, each in value.items()}}
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError("a value that only Firestore knows")


def _in(value: Any) -> Any:
    if isinstance(value, dict):
        if "map" in value:
            return {name: _in(each) for name, each in value["map"].items()}
        return datetime.fromisoformat(value["at"])
    return [_in(each) for each in value] if isinstance(value, list) else value
