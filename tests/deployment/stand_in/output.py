"""What gcloud prints: `--format=json` and `--format=value(…)`."""

import json
import re
from typing import Any

_KEY = re.compile(r"\"[^\"]*\"|[^,()\"]+(?:\(\))?")


def render(result: Any, flags: dict[str, Any]) -> str:
    """The text of a resource, or of a list of them, by the flag --format."""
    form = flags.get("format", "default")
    if form == "json":
        return json.dumps(result, indent=2) + "\n"
    if form.startswith("value("):
        keys = _KEY.findall(form.removeprefix("value(")[:-1])
        rows = result if isinstance(result, list) else [result]
        return "".join("\t".join(_value(row, key) for key in keys) + "\n" for row in rows)
    return ""


def _value(row: Any, key: str) -> str:
    base, _, transform = key.partition(".basename(")
    value = row
    for part in [base.strip('"')] if base.startswith('"') else base.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    text = "" if value is None else str(value)
    return text.rsplit("/", 1)[-1] if transform else text
