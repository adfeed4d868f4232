"""Compares a resource with what the deployment wants: names the path of each value that differs, and never a value.

A value that a service leaves out counts as empty, false or zero, or as the default of its field.
https://protobuf.dev/programming-guides/json/#presence
"""

import re
from collections.abc import Iterator
from typing import Any

_BOOLEANS = ("true", "false")

_DEFAULTS = {
    # The first value of an enum, which is left out as 0 is.
    "metricDescriptor.labels.valueType": "STRING",
    # What a service takes if nothing is said, as Google's provider for Terraform has it in the yaml of each resource.
    # https://github.com/GoogleCloudPlatform/magic-modules/tree/main/mmv1/products
    "metricDescriptor.unit": "1",
    "documentation.mimeType": "text/markdown",
    "budgetFilter.calendarPeriod": "MONTH",
    "thresholdRules.spendBasis": "CURRENT_SPEND",
    "httpTarget.httpMethod": "POST",
    "timeZone": "Etc/UTC",
    "dataSets.targetAxis": "Y1",
    "thresholds.targetAxis": "Y1",
    "yAxis.scale": "LINEAR",
    "y2Axis.scale": "LINEAR",
}
"""What a field counts as that is left out, by the end of its path, of all fields that the deployment sends."""


def is_same(actual: Any, wanted: Any) -> bool:
    """Return whether two values mean the same: 10, 10.0 and "10" do, and so do null, "", 0, false and {}."""
    if actual in (None, "", 0, False, {}) and wanted in (None, "", 0, False, "0", "0s", "false"):
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
    elif not is_same(_default_of(path) if actual is None else actual, wanted):
        yield path


def _default_of(path: str) -> Any:
    keys = re.sub(r"\[\d+\]", "", path).split(".")
    return next((value for end in (1, 2, 3) if (value := _DEFAULTS.get(".".join(keys[-end:]))) is not None), None)
