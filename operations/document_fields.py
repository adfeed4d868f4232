"""Reads fields of documents that may hold anything: a value of another type counts as absent.

Texts come without e-mail addresses. operations.output escapes them where it prints them.
"""

from collections.abc import Mapping
from typing import Any

from google.api_core.retry import Retry, if_transient_error

from functions.shared.logging import redact_addresses

_SOON = Retry(predicate=if_transient_error, initial=0.1, timeout=0.5)
_SECONDS = 10.0
"""How long one attempt may take."""


def fields_of(snapshot: Any) -> Mapping[str, Any]:
    """The fields of a document; none where there is no such document."""
    return snapshot.to_dict() or {}


def count(query: Any) -> int:
    """How many documents a query finds, without reading them."""
    return int(query.count().get()[0][0].value)


def count_soon(query: Any) -> int:
    """The same, or GoogleAPIError within seconds, for what is counted again anyway: Google's client would try for
    minutes, and the process could not end meanwhile."""
    return int(query.count().get(retry=_SOON, timeout=_SECONDS)[0][0].value)


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
