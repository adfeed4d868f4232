"""Documents as Firestore's messages: what is not measured is written without its client."""

from collections.abc import Mapping
from typing import Any

from google.cloud.firestore_v1.types import Document

from functions.shared.firestore.values import set_value

PROJECT = "benchmark"
ROOT = f"projects/{PROJECT}/databases/(default)"

_make = Document.pb()


def to_message(document: tuple[str, Mapping[str, Any]]) -> Any:
    """A document, given by its path and fields, as a message."""
    path, fields = document
    message = _make(name=f"{ROOT}/documents/{path}")
    for name, value in fields.items():
        set_value(message.fields[name], value)
    return message
