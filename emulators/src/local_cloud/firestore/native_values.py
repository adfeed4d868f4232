"""Writes Python's values into Firestore's messages. The wrappers of the client library take ten times as long."""

from datetime import datetime
from typing import Any


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
