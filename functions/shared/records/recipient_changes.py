"""What a recipient has changed in a subscription on the page that emails link to: `recipient_changes` in its document,
for those who are asked about it later. The pipeline itself does nothing by it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from functions.shared.records.stored_fields import stored_text
from functions.shared.times.plausible_time import plausible

RECIPIENT_CHANGES = "recipient_changes"
"""The name of the field."""

_MOST = 10
"""So many of the latest changes are kept."""

_SAID = ("cadence", "hour", "weekday", "day", "working_day", "paused_until")
"""The fields whose new values are kept. The others follow from what the recipient has asked for."""


class RecipientChange(NamedTuple):
    """A change.

    Attributes:
        at: when, in UTC.
        wish: what the recipient asked for, such as `pause`.
        fields: the new values of the fields that the recipient chose.
    """

    at: datetime
    wish: str
    fields: Mapping[str, Any]


def recipient_changes(document: Mapping[str, Any]) -> list[RecipientChange]:
    """The latest changes, the first first; what is malformed is left out.

    Args:
        document: the fields of a subscription.
    """
    kept = document.get(RECIPIENT_CHANGES)
    maps = [each for each in kept if isinstance(each, dict)] if isinstance(kept, list) else []
    return [
        RecipientChange(at, stored_text(each, "wish"), each["fields"] if isinstance(each.get("fields"), dict) else {})
        for each in maps
        if (at := plausible(each.get("at")))
    ]


def noted_fields(
    document: Mapping[str, Any], wish: str, fields: Mapping[str, Any], *, now: datetime
) -> Mapping[str, Any]:
    """Fields that a recipient changes, with the note of it; none where nothing is changed.

    Args:
        document: the fields of the subscription before.
        wish: what the recipient asks for.
        fields: what is written for it.
        now: the present, in UTC.
    """
    if not fields:
        return {}
    made = RecipientChange(now, wish, {name: fields[name] for name in _SAID if fields.get(name) is not None})
    kept = [*recipient_changes(document), made][-_MOST:]
    return {**fields, RECIPIENT_CHANGES: [each._asdict() for each in kept]}
