"""Compares a resource with what the deployment wants: names the path of each value that differs, and never a value.

A value that a service leaves out counts as empty, false or zero.
"""

from collections.abc import Iterator
from typing import Any

_BOOLEANS = ("true", "false")


def is_same(actual: Any, wanted: Any) -> bool:
    """Return whether two values mean the same: 10, 10.0 and "10" do, and so do null, "", 0, false and {}."""
    if actual in (None, "", 0, False, {}) and wanted in (None, "", 0, False, "0", "false"):
        return True
    if str(actual).lower() in _BOOLEANS:
        return str(actual).lower() == str(wanted).lower()
    try:
        return _number(actual) == _number(wanted)
    except ValueError:
        return str(actual) == str(wanted)


def _number(value: Any) -> float:
    # Services write a duration as 10s, 10.0s or 10.000s, and two CPUs as 2 or 2000m.
    text = str(value)
    return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text.removesuffix("s"))


def differences(actual: Any, wanted: Any, path: str = "") -> Iterator[str]:
    """Yield the paths at which a resource differs from what is wanted. An empty message is wanted to be there."""
    if isinstance(wanted, dict):
        inner = actual if isinstance(actual, dict) else {}
        if path and not wanted and inner is not actual:
            yield path
        for key, value in wanted.items():
            yield from differences(inner.get(key), value, f"{path}.{key}" if path else key)
    elif isinstance(wanted, list):
        elements = actual if isinstance(actual, list) else []
        if len(elements) != len(wanted):
            yield path
        else:
            for index, (one, other) in enumerate(zip(elements, wanted, strict=True)):
                yield from differences(one, other, f"{path}[{index}]")
    elif not is_same(actual, wanted):
        yield path
