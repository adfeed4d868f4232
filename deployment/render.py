"""Fills in a JSON template: render.py FILE NAME=VALUE … puts VALUE for ${NAME}, escaped as JSON wants it.

The array ["${CHANNELS}"] becomes one of the parts of the value between commas, and "${QUEUE_DEPTH}" a number. With `--etag FILE` a
document is printed with the `etag` of the resource on standard input.
"""

import json
import string
import sys


def fill(node, values):
    """The node with all that is to be filled in."""
    if node == "${QUEUE_DEPTH}":
        return int(values["QUEUE_DEPTH"])
    if isinstance(node, str):
        return string.Template(node).substitute(values)
    if isinstance(node, dict):
        return {key: fill(value, values) for key, value in node.items()}
    if isinstance(node, list):
        if node == ["${CHANNELS}"]:
            return [part.strip() for part in values["CHANNELS"].split(",") if part.strip()]
        return [fill(element, values) for element in node]
    return node


if __name__ == "__main__":
    if sys.argv[1] == "--etag":
        with open(sys.argv[2], encoding="utf-8") as file:
            document = {**json.load(file), "etag": json.load(sys.stdin).get("etag", "")}
    else:
        with open(sys.argv[1], encoding="utf-8") as file:
            document = fill(json.load(file), dict(argument.split("=", 1) for argument in sys.argv[2:]))
    print(json.dumps(document, indent=2, ensure_ascii=False))
