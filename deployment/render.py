"""Fill in JSON templates.

    render.py DIRECTORY SUFFIX NAME=VALUE … -- FILE …
    render.py --etag FILE

Puts VALUE for ${NAME}, escaped as JSON wants it, and writes what it makes of FILE to DIRECTORY, with SUFFIX in place of
`.json`. ALERT is the name of FILE. The array ["${CHANNELS}"] becomes one of the parts of the value between commas,
["${RUNBOOK}"] one with a link to the address in RUNBOOK_URL, or an empty one, and "${QUEUE_DEPTH}" and "${SLO_GOAL}"
become numbers. With `--etag` it prints a document with the `etag` of the resource on standard input.
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


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _written(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main(directory: str, suffix: str, *arguments: str) -> None:
    """Fill in the templates."""
    files = arguments.index("--")
    values = dict(argument.split("=", 1) for argument in arguments[:files])
    for template in map(Path, arguments[files + 1 :]):
        document = fill(_read(template), {**values, "ALERT": template.stem})
        Path(directory, template.stem + suffix).write_text(_written(document), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "--etag":
        sys.stdout.write(_written({**_read(Path(sys.argv[2])), "etag": json.load(sys.stdin).get("etag", "")}))
    else:
        main(*sys.argv[1:])
