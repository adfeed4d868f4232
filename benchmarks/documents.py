"""Documents as Firestore's messages: what is not measured is written without its client."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.cloud.firestore_v1.types import Document

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


def set_value(target: Any, value: Any) -> None:
    """Write a value into a message."""
    match value:
        case bool():
            target.boolean_value = value
        case int():
            target.integer_value = value
        case float():
            target.double_value = value
        case str():
            target.string_value = value
        case datetime():
            target.timestamp_value.FromDatetime(value)
        case None:
            target.null_value = 0
        case list():
            target.array_value.SetInParent()
            for item in value:
                set_value(target.array_value.values.add(), item)
        case dict():
            target.map_value.SetInParent()
            for name, item in value.items():
                set_value(target.map_value.fields[name], item)
        case _:
            raise TypeError(type(value).__name__)
