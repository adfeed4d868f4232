"""Compare a resource with what the deployment wants.

The script reads a resource, as `gcloud … --format=json` prints it, from standard input. It prints the path of each
value that differs, one per line, and never a value. If it prints nothing, the resource is as wanted.

    gcloud run services describe worker --format=json | resource_diff.py metadata.labels.team=x spec.traffic.#=1

A path is a series of keys separated by dots. `list[key=NAME]` is the element of a list whose `key` is NAME, `list[0]`
is the first element, and `labels[KEY]` is the value of a key that has dots in it. `.json()` reads a text as JSON; a
text that is no JSON has no values. At the end, `.#` is the number of entries, `.basename()` the last part of a name
with slashes, and `.repository()` the name of an image without its tag and digest. A value that the service leaves out
counts as empty, false or zero.
"""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

_BOOLEANS = ("true", "false")
_PAIR = re.compile(r"(?P<path>(?:[^=\[]|\[[^\]]*\])+)=(?P<wanted>.*)", re.DOTALL)
_TAG_AND_DIGEST = re.compile(r"(:[^:/@]*)?(@.*)?$")
_SEGMENT = re.compile(r"(?P<key>[^.\[\]]+)(?:\[(?:(?P<field>[^=\]]+)=(?P<value>[^\]]*)|(?P<inner>[^\]]*))\])?")


def find(resource: Any, path: str) -> Any:
    """Return the value at a path; None if there is none."""
    for segment in _SEGMENT.finditer(path):
        if segment["key"] == "#":
            return len(resource or ())
        if segment["key"] == "basename()":
            return str(resource or "").rpartition("/")[2]
        if segment["key"] == "repository()":
            return _TAG_AND_DIGEST.sub("", str(resource or ""))
        if segment["key"] == "json()":
            resource = _parsed(resource)
            continue
        resource = resource.get(segment["key"]) if isinstance(resource, dict) else None
        if segment["field"] is not None:
            elements = resource if isinstance(resource, list) else []
            resource = next((one for one in elements if str(one.get(segment["field"])) == segment["value"]), None)
        elif isinstance(resource, list) and (segment["inner"] or "").isdigit():
            resource = next(iter(resource[int(segment["inner"]) :]), None)
        elif segment["inner"] is not None:
            resource = resource.get(segment["inner"]) if isinstance(resource, dict) else None
    return resource


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return None


def is_same(actual: Any, wanted: Any) -> bool:
    """Return whether two scalars mean the same: 10, 10.0 and "10" do, and so do null, "", 0 and false.

    gcloud writes some annotations as Python does: False.
    """
    if actual in (None, "", 0, False) and wanted in (None, "", 0, False, "0", "false"):
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


def main(arguments: list[str]) -> None:
    """Print the paths at which the resource differs."""
    resource = json.load(sys.stdin)
    for pair in filter(None, map(_PAIR.fullmatch, arguments)):
        if not is_same(find(resource, pair["path"]), pair["wanted"]):
            print(pair["path"])


if __name__ == "__main__":
    main(sys.argv[1:])
