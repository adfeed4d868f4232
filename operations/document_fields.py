"""Reads fields of documents that may hold anything: a value of another type counts as absent.

Texts come without e-mail addresses. operations.output escapes them where it prints them.
"""

from collections.abc import Mapping
from typing import Any

from functions.shared.logging import redact_addresses


def fields_of(snapshot: Any) -> Mapping[str, Any]:
    """The fields of a document; none where there is no such document."""
    return snapshot.to_dict() or {}


def count(query: Any) -> int:
    """How many documents a query finds, without reading them."""
    return int(query.count().get()[0][0].value)


def count_once(query: Any, *, seconds: float) -> int:
    """The same without further attempts, for what is counted again anyway: with them Google's client may wait minutes,
    and the process cannot end meanwhile.

    Args:
        query: what to count.
        seconds: how long it may take.
    """
    return int(query.count().get(retry=None, timeout=seconds)[0][0].value)


def text(fields: Mapping[str, Any], name: str) -> str | None:
    """A text, without addresses."""
    value = fields.get(name)
    return redact_addresses(value) if isinstance(value, str) else None


def identifier(fields: Mapping[str, Any], name: str) -> str | None:
    """An identifier, unchanged: the operator uses it to find the thing again."""
    value = fields.get(name)
    return value if isinstance(value, str) else None


def redacted_tree(value: Any) -> Any:
    """A value and everything nested in it, without e-mail addresses."""
    match value:
        case str():
            return redact_addresses(value)
        case Mapping():
            return {redact_addresses(str(key)): redacted_tree(item) for key, item in value.items()}
        case list():
            return [redacted_tree(item) for item in value]
        case _:
            return value
