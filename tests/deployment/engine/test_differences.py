"""What counts as a difference between a resource and what the deployment wants."""

from typing import Any

import pytest

from deployment.engine.differences import differences


@pytest.mark.parametrize(
    ("actual", "wanted"),
    [
        (10.0, "10"),
        ("300s", "300s"),
        ("300.0s", "300s"),
        (1, 1.0),
        (True, "true"),
        (None, 0),
        ("", None),
        (None, False),
        ("512Mi", "512Mi"),
        ("2000m", "2"),
    ],
)
def test_means_the_same(actual: Any, wanted: Any) -> None:
    assert list(differences({"a": actual}, {"a": wanted})) == []


@pytest.mark.parametrize(
    ("actual", "wanted"), [("512Mi", "1Gi"), (10, "11"), (None, "1"), ("10s", "20s"), (False, True), (1, "true")]
)
def test_means_something_else(actual: Any, wanted: Any) -> None:
    assert list(differences({"a": actual}, {"a": wanted})) == ["a"]


def test_what_a_service_adds_makes_no_difference() -> None:
    wanted = {"displayName": "x", "conditions": [{"threshold": 5}], "enabled": True, "channels": []}
    actual = {
        "name": "projects/p/1",
        "conditions": [{"threshold": 5.0, "name": "c"}],
        "displayName": "x",
        "enabled": True,
    }
    assert list(differences(actual, wanted)) == []
    actual["conditions"] = [{"threshold": 6.0}, {"threshold": 5.0}]
    assert list(differences(actual, wanted)) == ["conditions"]
    actual["conditions"] = [{"threshold": 6.0}]
    assert list(differences(actual, wanted)) == ["conditions[0].threshold"]
