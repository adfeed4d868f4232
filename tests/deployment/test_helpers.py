"""The helpers that compare a resource with what the deployment wants, fill in templates and stage a function."""

from pathlib import Path
from typing import Any

import pytest

from deployment.cpu_quota import cpu_quota
from deployment.resource_diff import differences, find, is_same
from deployment.stage_function import hash_of, stage
from deployment.templates import fill
from tests.git import git


@pytest.mark.parametrize(
    ("actual", "wanted"),
    [
        (10.0, "10"),
        ("300s", "300s"),
        ("300.0s", "300s"),
        (1, 1.0),
        (True, "true"),
        ("False", "false"),
        (None, 0),
        (None, "0"),
        ("", None),
        (None, "false"),
        ("512Mi", "512Mi"),
        ("2000m", "2"),
    ],
)
def test_means_the_same(actual: Any, wanted: Any) -> None:
    assert is_same(actual, wanted)


@pytest.mark.parametrize(
    ("actual", "wanted"),
    [("512Mi", "1Gi"), (10, "11"), (None, "1"), ("10s", "20s"), (False, "true"), (1, "true"), ("True", "false")],
)
def test_means_something_else(actual: Any, wanted: Any) -> None:
    assert not is_same(actual, wanted)


def test_finds_elements_of_lists_and_counts() -> None:
    resource = {
        "secrets": [{"key": "A", "version": "1"}, {"key": "B", "version": "2"}],
        "variables": {"X": "1"},
        "annotations": {"run.googleapis.com/ingress": "all", "run.googleapis.com/build": '{"A": "1"}'},
        "image": "us-docker.pkg.dev/p/r/python314",
    }
    assert find(resource, "secrets[0].key") == "A"
    assert find(resource, "secrets[2].key") is None
    assert find(resource, "annotations[run.googleapis.com/ingress]") == "all"
    assert find(resource, "annotations[run.googleapis.com/other]") is None
    assert find(resource, "absent[0].key") is None
    assert find(resource, "secrets[key=B].version") == "2"
    assert find(resource, "secrets[key=C].version") is None
    assert find(resource, "secrets.#") == 2
    assert find(resource, "variables.#") == 1
    assert find(resource, "absent.#") == 0
    assert find(resource, "image.basename()") == "python314"
    assert find(resource, "absent.basename()") == ""
    assert find(resource, "annotations[run.googleapis.com/build].json().A") == "1"
    assert find(resource, "absent.json().A") is None
    assert find({"annotation": "{half"}, "annotation.json().A") is None


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


def test_fills_in_values_of_any_kind() -> None:
    template = {"a": "${NAME}", "b": ["${CHANNELS}"], "c": "${QUEUE_DEPTH}", "d": [{"e": "-${NAME}-"}], "f": 1}
    values = {"NAME": 'quote " and ${NAME}', "CHANNELS": ["x", "y"], "QUEUE_DEPTH": 18000}
    assert fill(template, values) == {
        "a": 'quote " and ${NAME}',
        "b": ["x", "y"],
        "c": 18000,
        "d": [{"e": '-quote " and ${NAME}-'}],
        "f": 1,
    }


def test_the_hash_is_of_the_content_alone(tmp_path: Path) -> None:
    source = tmp_path / "source" / "functions"
    for name in ("shared", "worker"):
        (source / name / "__pycache__").mkdir(parents=True)
        (source / name / "main.py").write_text("x = 1\n", encoding="utf-8")
        (source / name / "__pycache__" / "main.pyc").write_bytes(b"1")
    (source / "__init__.py").touch()
    (source / "worker" / "requirements.lock").write_text("requests==1\n", encoding="utf-8")
    git(source.parent, "init", "--quiet")
    git(source.parent, "add", "*.py", "*.lock")
    stage(tmp_path / "source", "worker", tmp_path / "one")
    (source / "worker" / "__pycache__" / "main.pyc").write_bytes(b"2")
    (source / "worker" / "service-account.json").touch()
    stage(tmp_path / "source", "worker", tmp_path / "two")
    assert hash_of(tmp_path / "one") == hash_of(tmp_path / "two")
    (source / "shared" / "main.py").write_text("x = 2\n", encoding="utf-8")
    stage(tmp_path / "source", "worker", tmp_path / "three")
    assert hash_of(tmp_path / "three") != hash_of(tmp_path / "one")
    assert {path.relative_to(tmp_path / "two").as_posix() for path in (tmp_path / "two").rglob("*.*")} == {
        *(
            "main.py",
            "requirements.txt",
            "functions/__init__.py",
            "functions/shared/main.py",
            "functions/worker/main.py",
        ),
    }


@pytest.mark.parametrize(
    ("infos", "quota"),
    [
        ([{"details": {"value": "20000"}}], 20000),
        ([{"details": {"value": "20000"}}, {"dimensions": {"region": "r1"}, "details": {"value": "60000"}}], 60000),
        ([{"dimensions": {"region": "r1"}, "details": {"value": "-1"}}, {"details": {"value": "20000"}}], None),
        ([{"dimensions": {"region": "r2"}, "details": {"value": "60000"}}], None),
        (
            [
                {"applicableLocations": ["r2"], "details": {"value": "200000"}},
                {"applicableLocations": ["r1"], "details": {"value": "20000"}},
            ],
            20000,
        ),
        ([], None),
    ],
)
def test_quota_of_a_region(infos: list[dict[str, Any]], quota: int | None) -> None:
    assert cpu_quota({"quotaId": "CpuAllocPerProjectRegion", "dimensionsInfos": infos}, "r1") == quota
