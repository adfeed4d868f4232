"""The comparison can tell, and every example says whose it is."""

import json
import re
from typing import Any

import pytest

from tests.contracts.released import RELEASED, differences


@pytest.mark.parametrize(
    ("written", "missed"),
    [
        ({"a": 1, "b": [{"c": "x"}]}, []),
        ({"a": 1, "b": [{"c": "x", "new": 1}], "new": {}}, []),
        ({"b": [{"c": "x"}]}, ["a: missing"]),
        ({"a": "1", "b": [{"c": "x"}]}, ["a: '1', not 1"]),
        ({"a": 1, "b": [{"c": "y"}]}, ["b.0.c: 'y', not 'x'"]),
        ({"a": 1, "b": []}, ["b: [], not [{'c': 'x'}]"]),
    ],
)
def test_only_what_is_added_is_no_difference(written: dict[str, Any], missed: list[str]) -> None:
    assert differences({"a": 1, "b": [{"c": "x"}]}, written) == missed


@pytest.mark.parametrize("name", sorted(path.name for path in RELEASED.iterdir()))
def test_every_example_names_its_version(name: str) -> None:
    content = json.loads((RELEASED / name).read_text(encoding="utf-8"))
    assert re.fullmatch(r"[0-9a-f]{7}|\d+\.\d+\.\d+", content["version"])
    assert content["written_by"]
    assert content["read_by"]
    assert content["examples"]
