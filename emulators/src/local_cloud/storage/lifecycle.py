"""A bucket's lifecycle rules: which objects Cloud Storage deletes. Pure.

The service looks at a bucket about once a day; the emulator applies the rules before each answer.
https://cloud.google.com/storage/docs/lifecycle
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from local_cloud.storage.stored_object import StoredObject


def _has_age(_name: str, stored: StoredObject, days: int, now: datetime) -> bool:
    return now >= stored.created + timedelta(days=days)


def _is_past_custom_time(_name: str, stored: StoredObject, days: int, now: datetime) -> bool:
    custom = stored.fields.get("customTime")
    return custom is not None and now >= datetime.fromisoformat(custom) + timedelta(days=days)


def _is_created_before(_name: str, stored: StoredObject, day: str, _now: datetime) -> bool:
    return stored.created < datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)


def _has_prefix(name: str, _stored: StoredObject, prefixes: Sequence[str], _now: datetime) -> bool:
    return name.startswith(tuple(prefixes))


def _has_suffix(name: str, _stored: StoredObject, suffixes: Sequence[str], _now: datetime) -> bool:
    return name.endswith(tuple(suffixes))


_CONDITIONS: Mapping[str, Callable[[str, StoredObject, Any, datetime], bool]] = {
    "age": _has_age,
    "daysSinceCustomTime": _is_past_custom_time,
    "createdBefore": _is_created_before,
    "matchesPrefix": _has_prefix,
    "matchesSuffix": _has_suffix,
}


def unknown_in(rules: Sequence[Mapping[str, Any]]) -> str:
    """What a bucket's rules have that the emulator does not know; empty where it knows all of it."""
    for rule in rules:
        if rule["action"]["type"] != "Delete":
            return f"the action {rule['action']['type']}"
        if unknown := sorted(set(rule["condition"]) - set(_CONDITIONS)):
            return f"the condition {unknown[0]}"
    return ""


def is_to_be_deleted(name: str, stored: StoredObject, rules: Sequence[Mapping[str, Any]], now: datetime) -> bool:
    """Whether all conditions of one of the rules hold for an object.

    Args:
        name: of the object.
        stored: the object.
        rules: of its bucket, as the API has them.
        now: the present, in UTC.
    """
    return any(
        all(_CONDITIONS[key](name, stored, value, now) for key, value in rule["condition"].items()) for rule in rules
    )
