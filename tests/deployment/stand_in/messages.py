"""Holds a document against the table of the fields and enums that Google's messages have."""

import json
from pathlib import Path
from typing import Any

TABLE: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "monitoring_messages.json").read_text(encoding="utf-8")
)


class Invalid(ValueError):
    """The service refuses a document. The text is what it says."""


def check_message(root: str, document: Any) -> None:
    """Check the names and types of all fields of a document.

    Args:
        root: the name of its message, one of those that the table begins with.
        document: as JSON has it.

    Raises:
        Invalid: a field is not one of the message's, or its value not of the field's type.
    """
    _check(TABLE[root], root, document, root)


def _check(messages: dict[str, Any], kind: Any, value: Any, path: str) -> None:
    if isinstance(kind, list):
        _require(value in kind, f"Invalid value at '{path}' (TYPE_ENUM), {value!r}")
    elif isinstance(kind, str) and kind in messages:
        _require(isinstance(value, dict), f"Invalid value at '{path}': {value!r} is no {kind}")
        for key, inner in value.items():
            _require(key in messages[kind], f"Unknown name \"{key}\" at '{path}': Cannot find field.")
            _check(messages, messages[kind][key], inner, f"{path}.{key}")
    elif isinstance(kind, dict):
        ((shape, inner_kind),) = kind.items()
        _require(shape != "message", f"'{path}': the table does not know the fields of {inner_kind}: message_table.py")
        _require(isinstance(value, {"list": list, "map": dict}[shape]), f"Invalid value at '{path}': no {shape}")
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in entries:
            _check(messages, inner_kind, inner, f"{path}[{key}]")
    else:
        _require(_is_scalar(kind, value), f"Invalid value at '{path}' ({kind}), {value!r}")


def _is_scalar(kind: str, value: Any) -> bool:
    types: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "boolean": (bool,),
        "integer": (int,),
        "number": (int, float),
    }
    return isinstance(value, types[kind]) and isinstance(value, bool) == (kind == "boolean")


def _require(holds: bool, text: str) -> None:
    if not holds:
        raise Invalid(text)
