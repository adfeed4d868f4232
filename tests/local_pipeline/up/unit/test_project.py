"""The local cloud with a project's kinds and files."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_cloud.index_file import read_index_file
from local_pipeline.project import Project
from local_pipeline.sample_users import SHIPPED, SampleSubscription, sample_users

NOW = datetime(2026, 11, 24, 13, 20, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(folder=tmp_path / "acme", repository=tmp_path / "pipeline")
    for file in ("pipeline/queue.yaml", "pipeline/scheduler.yaml", "acme/queue.yaml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return project


def test_a_file_of_the_projects_own_takes_the_place_of_the_pipelines(project: Project) -> None:
    assert project.file("queue.yaml") == project.folder / "queue.yaml"
    assert project.file("scheduler.yaml") == project.repository / "scheduler.yaml"


def test_indexes_of_kinds_and_of_the_projects_own_come_beside_the_pipelines(project: Project) -> None:
    def write(file: Path, collection: str) -> None:
        fields = [{"fieldPath": "a", "order": "ASCENDING"}, {"fieldPath": "b", "order": "ASCENDING"}]
        index = {"collectionGroup": collection, "queryScope": "COLLECTION", "fields": fields}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"indexes": [index]}))

    write(project.repository / "deployment" / "firestore.indexes.json", "deliveries")
    assert set(read_index_file(*project.index_files)) == {"deliveries"}
    write(project.folder / "kinds" / "sales" / "firestore.indexes.json", "orders")
    write(project.folder / "firestore.indexes.json", "invoices")
    assert set(read_index_file(*project.index_files)) == {"deliveries", "orders", "invoices"}


def test_a_kind_is_a_package_or_has_a_report_file(project: Project) -> None:
    for file in ("__init__.py", "notes/__init__.py", "sales/report.yaml", "half/README.md"):
        (project.folder / "kinds" / file).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / "kinds" / file).touch()
    assert project.kinds == ["notes", "sales"]


def subscriptions(*kinds: str, known: Sequence[str] = SHIPPED) -> list[SampleSubscription]:
    return [each for user in sample_users(25, now=NOW, kinds=kinds, known=known) for each in user.subscriptions]


@pytest.mark.parametrize("kinds", [("sales",), ("notes", "sales"), ("activity", "sales"), (*SHIPPED, "notes", "sales")])
def test_sample_users_get_every_kind_that_there_is_and_no_other(kinds: tuple[str, ...]) -> None:
    got = {each.document["kind"] for each in subscriptions(*kinds) if each.document}
    assert got == set(kinds)


@pytest.mark.parametrize("kind", ["sales", *SHIPPED])
def test_of_a_kind_that_is_not_known_it_is_open_whether_it_has_something_to_report(kind: str) -> None:
    found = subscriptions(kind, known=())
    assert {each.document["kind"] for each in found if each.document} == {kind}
    assert {each.state for each in found} == {"sent or skipped", "dead or skipped", "skipped", None}
    assert {each.paused_because for each in found} == {"", "user", "user-inactive", None}
    assert not any(each.document.get("options") for each in found if each.document)


def test_with_the_kinds_that_come_with_the_pipeline_nothing_is_open() -> None:
    assert "sent or skipped" not in {each.state for each in subscriptions(*SHIPPED)}
