"""Reads gcloud's flags files, such as queue.yaml, as the fields that the flags set.

https://cloud.google.com/sdk/gcloud/reference/topic/flags-file
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_UNLIMITED = -1


class UnknownFlag(ValueError):
    """A flag sets no field that the deployment knows. The text names the file and the flag."""


def fields_of(file: Path, paths: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for flag, value in _flags(file.read_text(encoding="utf-8")):
        if flag not in paths:
            raise UnknownFlag(f"{file.name}: the deployment does not know {flag}.")
        *groups, name = paths[flag].split(".")
        place = fields
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = _UNLIMITED if value == "unlimited" else value
    return fields


@functools.cache
def _flags(text: str) -> list[tuple[str, Any]]:
    return list(yaml.safe_load(text).items())
