"""Reads fields of documents that other tools write, too: a value of another type counts as absent. Pure."""

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, get_type_hints

from functions.shared.times.plausible_time import plausible


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


_READERS: Mapping[Any, Callable[[Mapping[str, Any], str], Any]] = {
    str: stored_text,
    int: stored_count,
    bool: lambda document, name: document.get(name) is True,
    datetime | None: lambda document, name: plausible(document.get(name)),
    Mapping[str, datetime]: stored_times,
    Mapping[str, Any]: lambda document, name: value if isinstance(value := document.get(name), dict) else {},
}
"""How a field is read, by the type that a record has for it."""


def stored_values(
    record: type, document: Mapping[str, Any], *, latest: Mapping[str, datetime] | None = None
) -> dict[str, Any]:
    """What a document has in each field of a record whose type says how to read it: a text, a count, whether it is
    true, a plausible time, a map of plausible times, or any map.

    Args:
        record: the class; its attributes have the names of the fields.
        document: its fields, whatever they are.
        latest: for some fields the latest time that they can have; a later one counts as absent.
    """
    readers, nothing = _readers(record)
    values = nothing | {name: readers[name](document, name) for name in readers.keys() & document.keys()}
    too_late = [name for name, most in (latest or {}).items() if values[name] and values[name] > most]
    return values | dict.fromkeys(too_late)


@functools.cache
def _readers(record: type) -> tuple[dict[str, Callable[[Mapping[str, Any], str], Any]], dict[str, Any]]:
    """How each field of a record is read, and what is read where there is none."""
    types = get_type_hints(record).items()
    readers = {name: _READERS[type_] for name, type_ in types if type_ in _READERS}
    return readers, {name: read({}, name) for name, read in readers.items()}
