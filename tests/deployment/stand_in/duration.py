"""Durations as JSON has them: https://protobuf.dev/reference/protobuf/google.protobuf/#duration"""

import re


def seconds_of(text: object) -> float | None:
    """The seconds of a duration such as 60s; None where it is none."""
    match = re.fullmatch(r"(\d+(?:\.\d{1,9})?)s", str(text))
    return float(match[1]) if match else None
