"""Reads fields of documents that other tools write, too: a value of another type counts as absent. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.shared.plausible_time import plausible


def stored_text(document: Mapping[str, Any], name: str) -> str:
    """The text in a field; empty if it holds no text."""
    value = document.get(name)
    return value if isinstance(value, str) else ""


def stored_count(document: Mapping[str, Any], name: str) -> int:
    """The count in a field; 0 if it holds no such number."""
    value = document.get(name)
    return value if type(value) is int and value > 0 else 0


def stored_times(document: Mapping[str, Any], name: str) -> dict[str, datetime]:
    """The plausible times in a map, by their names; none where there is no map."""
    value = document.get(name)
    return {key: at for key, at in value.items() if plausible(at)} if isinstance(value, dict) else {}


def stored_version(snapshot: Any) -> datetime:
    """The update time of a document that exists, by which a write is made conditional.

    The client library gives a datetime for a document that it got by name, and protobuf's Timestamp for one that a
    query returned. Firestore counts in microseconds.
    """
    moment = snapshot.update_time
    if isinstance(moment, datetime):
        return moment
    return datetime.fromtimestamp(moment.seconds, UTC) + timedelta(microseconds=moment.nanos // 1000)
