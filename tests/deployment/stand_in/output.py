"""What gcloud prints: `--format=json`, `--format=value(…)` and `--format=csv[no-heading](…)`, and `--flatten` of a
policy's members."""

import json
import re
from typing import Any

_KEY = re.compile(r"\"[^\"]*\"|[^,()\"]+(?:\(\))?")


def render(result: Any, flags: dict[str, Any]) -> str:
    """The text of a resource, or of a list of them, by the flags --format and --flatten."""
    form = flags.get("format", "default")
    if flags.get("flatten") == "bindings[].members":
        result = [
            {"bindings": {**binding, "members": member}}
            for binding in result.get("bindings", [])
            for member in binding["members"]
        ]
    if form == "json":
        return json.dumps(result, indent=2) + "\n"
    for start, separator in (("value(", "\t"), ("csv[no-heading](", ",")):
        if form.startswith(start):
            keys = _KEY.findall(form[len(start) : -1])
            rows = result if isinstance(result, list) else [result]
            return "".join(separator.join(_value(row, key) for key in keys) + "\n" for row in rows)
    return ""


def _value(row: Any, key: str) -> str:
    base, _, transform = key.partition(".basename(")
    value = row
    for part in [base.strip('"')] if base.startswith('"') else base.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    text = "" if value is None else str(value)
    return text.rsplit("/", 1)[-1] if transform else text
