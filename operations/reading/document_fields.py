"""Reads fields of documents that may hold anything: a value of another type counts as absent.

Texts come without email addresses. operations.output escapes them where it prints them.
"""

from collections.abc import Mapping
from typing import Any

from functions.shared.logging import redact_addresses


def text(fields: Mapping[str, Any], name: str) -> str | None:
    """A text, without addresses."""
    value = fields.get(name)
    return redact_addresses(value) if isinstance(value, str) else None


def identifier(fields: Mapping[str, Any], name: str) -> str | None:
    """An identifier, unchanged: the operator uses it to find the thing again."""
    value = fields.get(name)
    return value if isinstance(value, str) else None


def redacted_tree(value: Any) -> Any:
    """A value and everything nested in it, without email addresses."""
    match value:
        case str():
            return redact_addresses(value)
        case Mapping():
            return {redact_addresses(str(key)): redacted_tree(item) for key, item in value.items()}
        case list():
            return [redacted_tree(item) for item in value]
        case _:
            return value
