"""Reads gcloud flags files, so that gcloud and the local cloud are set up by one and the same file.

A flags file is what gcloud takes as `--flags-file=queue.yaml`: a YAML map of flags, dashes included, to their values.
https://cloud.google.com/sdk/gcloud/reference/topic/flags-file
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from local_cloud.errors import LocalCloudError

_FLAG = re.compile(r"--[a-z][a-z0-9-]*")
_DURATION = re.compile(
    r"(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+(?:\.\d+)?)s)?", re.ASCII
)


def read_flags_file(path: str | Path) -> dict[str, Any]:
    """The flags of a file, by name (`--max-attempts`), with the values that YAML gives them.

    Args:
        path: the file. An empty one has no flags; flags given twice by a list of maps are not taken, because no
            flag of a queue or of a job may be given twice.

    Raises:
        LocalCloudError: the file cannot be read, is not YAML, or is not a map of flags. The message names the file,
            and the flag or the line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LocalCloudError(f"{path} cannot be read: {error}.") from error
    try:
        document = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader that also refuses double keys
    except yaml.YAMLError as error:
        raise LocalCloudError(f"{path} is not valid YAML: {_one_line(error)}.") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise LocalCloudError(f"{path} must be a map of gcloud flags to values, such as `--max-attempts: 8`.")
    for flag in document:
        if not isinstance(flag, str) or not _FLAG.fullmatch(flag):
            raise LocalCloudError(f"{path}: {flag!r} is not a gcloud flag: flags are written as `--max-attempts: 8`.")
    return document


def duration(value: Any, flag: str) -> timedelta:
    """A duration as gcloud takes it: a number of seconds with its unit (`10s`, `0.5s`), or `5m`, `1h`, `1h30m`, `2d`.

    Args:
        value: what the flags file has.
        flag: where it stands, for the message.

    Raises:
        LocalCloudError: it is none. A bare number is none either: gcloud refuses it where a unit is required.
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or not value:
        raise LocalCloudError(f"{flag}: {value!r} is not a duration: write it with its unit, as in 10s, 5m or 1h.")
    try:
        return timedelta(**{unit: float(number) for unit, number in match.groupdict(default="0").items()})
    except OverflowError as error:
        raise LocalCloudError(f"{flag}: {value!r} is too long a duration.") from error


class _UniqueKeys(yaml.SafeLoader):
    """YAML takes the last of two equal keys in silence, and the reader believes the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    "while reading a map", node.start_mark, f"{key.value} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _one_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())
