"""Fills in a JSON template: render.py FILE NAME=VALUE … puts VALUE for ${NAME}, escaped as JSON wants it.

The array ["${CHANNELS}"] becomes one of the parts of the value between commas, ["${RUNBOOK}"] one with a link to the
address in RUNBOOK_URL, or an empty one, and "${QUEUE_DEPTH}" and "${SLO_GOAL}" become numbers. With `--etag FILE` a
document is printed with the `etag` of the resource on standard input.
"""

import json
import string
import sys
from pathlib import Path
from typing import Any


def fill(node: Any, values: dict[str, str]) -> Any:
    """The node with all that is to be filled in."""
    if node == "${QUEUE_DEPTH}":
        return int(values["QUEUE_DEPTH"])
    if node == "${SLO_GOAL}":
        return round(float(values["SLO_PERCENT"]) / 100, 6)
    if isinstance(node, str):
        return string.Template(node).substitute(values)
    if isinstance(node, dict):
        return {key: fill(value, values) for key, value in node.items()}
    if isinstance(node, list):
        if node == ["${CHANNELS}"]:
            return [part.strip() for part in values["CHANNELS"].split(",") if part.strip()]
        if node == ["${RUNBOOK}"]:
            url = values["RUNBOOK_URL"]
            return [{"displayName": "Runbook", "url": f"{url}#{values['ALERT']}"}] if url else []
        return [fill(element, values) for element in node]
    return node


def _read(path: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return document


if __name__ == "__main__":
    if sys.argv[1] == "--etag":
        document = {**_read(sys.argv[2]), "etag": json.load(sys.stdin).get("etag", "")}
    else:
        document = fill(_read(sys.argv[1]), dict(argument.split("=", 1) for argument in sys.argv[2:]))
    print(json.dumps(document, indent=2, ensure_ascii=False))
