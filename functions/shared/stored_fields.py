"""Reads fields of documents that other tools write, too: a value of another type counts as absent. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.shared.plausible_time import plausible


def stored_text(document: Mapping[str, Any], name: str) -> str:
    """A text; empty where there is none."""
    value = document.get(name)
    return value if isinstance(value, str) else ""


def stored_count(document: Mapping[str, Any], name: str) -> int:
    """How often something happened; 0 where there is no such number."""
    value = document.get(name)
    return value if type(value) is int and value > 0 else 0


def stored_times(document: Mapping[str, Any], name: str) -> dict[str, datetime]:
    """The plausible times in a map, by their names; none where there is no map."""
    value = document.get(name)
    return {key: at for key, at in value.items() if plausible(at)} if isinstance(value, dict) else {}
