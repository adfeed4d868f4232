"""Fills in the JSON templates of the deployment."""

import json
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def filled(folder: Path, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = fill(json.loads((folder / name).read_text(encoding="utf-8")), values)
    return document


def fill(node: Any, values: Mapping[str, Any]) -> Any:
    """A part of a template with its variables filled in: `${NAME}` within a text becomes text. A text that is nothing
    else becomes the value itself, and a list of it in a list its elements."""
    if isinstance(node, str):
        variable = _VARIABLE.fullmatch(node)
        return values[variable[1]] if variable else string.Template(node).substitute(values)
    if isinstance(node, dict):
        return {key: fill(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [each for element in node for each in _elements(element, values)]
    return node


def _elements(element: Any, values: Mapping[str, Any]) -> Iterator[Any]:
    value = fill(element, values)
    if isinstance(element, str) and isinstance(value, list):
        yield from value
    else:
        yield value
