"""Reads fields of a subscription as the operator types them. Pure."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from functions.shared.records.subscription_edit import EDITABLE
from functions.shared.times.plausible_time import plausible

_DEEPEST = 20
"""https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""

_RESERVED = re.compile("|__.*__", re.DOTALL)
"""No name of a field: https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""

_INTEGERS = range(-(2**63), 2**63)
"""What Firestore holds."""


def parse_option(text: str) -> tuple[str, Any]:
    """Read an option of the kind: `threshold=5`, `region=eu`, `zip="01234"`, `regions=["eu", "us"]`.

    Args:
        text: a key, `=`, and JSON. What is no JSON is a text.

    Returns:
        the key and the value; null is None.

    Raises:
        ValueError: there is no key, or Firestore cannot hold the value.
    """
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise ValueError(f"{text!r} is not an option: write KEY=VALUE, as in threshold=5 or region=eu")
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = value
    if not can_be_stored([key, parsed]):
        raise ValueError(f"{text!r} is not an option: Firestore cannot hold the value")
    return key, parsed


def parse_field(text: str) -> str:
    """Read the name of a field that can be set: `time_zone`, or `time-zone` as its option is called.

    Raises:
        ValueError: the text is not the name of such a field.
    """
    name = text.replace("-", "_")
    if name not in EDITABLE:
        raise ValueError(f"{text!r} is not one of {', '.join(EDITABLE)}")
    return name


def parse_weekday(text: str) -> str | int:
    """A weekday as the document has it: a number where it is one, else a name."""
    return int(text) if text.isascii() and text.isdigit() else text


def parse_end(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Read when a pause ends: a day (`2026-12-24`), or a moment of ISO 8601 (`2026-12-24T13:00Z`).

    Args:
        text: what the operator typed. A day begins in the time zone; a moment without an offset is UTC.
        zone: the recipient's.

    Returns:
        the moment in UTC.

    Raises:
        ValueError: it is neither, or not in the future.
    """
    text = text.strip()
    try:
        if len(text) <= len("2026-12-24"):
            end = datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
        else:
            end = datetime.fromisoformat(text)
            end = (end if end.tzinfo else end.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a day or a time: write 2026-12-24 or 2026-12-24T13:00Z") from None
    if end <= now or plausible(end) is None:
        raise ValueError(f"{text!r} is not in the future")
    return end


def can_be_stored(values: Iterable[Any], *, depth: int = 1) -> bool:
    """Whether Firestore takes values that JSON can hold.

    Args:
        values: of one map or array.
        depth: how deep that is.
    """
    if depth > _DEEPEST:
        return False
    for value in values:
        match value:
            case bool() | None | float():
                is_sound = True
            case int():
                is_sound = value in _INTEGERS
            case str():
                is_sound = value == value.encode(errors="replace").decode()
            case dict():
                is_sound = not any(map(_RESERVED.fullmatch, value)) and can_be_stored(
                    [*value, *value.values()], depth=depth + 1
                )
            case list():
                # An array holds no arrays. https://firebase.google.com/docs/firestore/manage-data/data-types
                is_sound = not any(isinstance(item, list) for item in value) and can_be_stored(value, depth=depth + 1)
            case _:
                is_sound = False
        if not is_sound:
            return False
    return True
