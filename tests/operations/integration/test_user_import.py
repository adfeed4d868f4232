"""Users who come from another system, with their subscriptions."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.operations.integration.conftest import DUE, Answer, Project
from tests.support import REPOSITORY


def imported(project: Project, file: Path, *arguments: str) -> Answer:
    return project.reports("users", "import", str(file), "--json", *arguments)


def written(project: Project) -> dict[str, Any]:
    """All users, with their subscriptions in their fields."""
    return {
        user.id: {
            **user.to_dict(),
            "subscriptions": {
                each.id: each.to_dict() for each in user.reference.collection("report_subscriptions").stream()
            },
        }
        for user in project.database.collection("users").stream()
    }


def lines(file: Path, *users: Any) -> Path:
    # With the mark that other programs put first.
    file.write_text("\n".join(json.dumps(user) for user in users), encoding="utf-8-sig")
    return file


def test_the_example_is_imported_once(project: Project) -> None:
    example = REPOSITORY / "examples" / "users.csv"
    counts = {"imported": 3, "subscriptions": 3, "there_already": 0, "subscriptions_there_already": 0}
    assert imported(project, example, "--dry-run").json == {"dry_run": True, **counts}
    assert written(project) == {}
    before = datetime.now(UTC)
    assert imported(project, example).json == {"dry_run": False, **counts}
    users = written(project)
    ada = users["c1001"]
    assert (ada["name"], ada["time_zone"], ada["plan"], ada["active"]) == ("Ada", "Europe/London", "pro", True)
    assert before <= ada["enrolled_at"] <= datetime.now(UTC)
    report = ada["subscriptions"]["default"]
    assert {name: report[name] for name in ("kind", "cadence", "hour", "weekday", "cc", "active")} == {
        "kind": "usage",
        "cadence": "weekly",
        "hour": 8,
        "weekday": "monday",
        "cc": ["team@example.com"],
        "active": True,
    }
    assert report["next_report_at"] > before
    # Monday, eight o'clock in London.
    assert report["next_report_at"].weekday() == 0
    assert imported(project, example).json == {
        "dry_run": False,
        "imported": 0,
        "subscriptions": 0,
        "there_already": 3,
        "subscriptions_there_already": 0,
    }
    assert written(project) == users


def test_an_import_that_was_interrupted_goes_on(project: Project, tmp_path: Path) -> None:
    users = [
        {"id": f"u{number:04}", "email": f"u{number}@customer.example", "subscriptions": {"a": {}, "b": {}}}
        for number in range(350)
    ]
    # Three writes a user: 166 in a commit.
    first = lines(tmp_path / "first.jsonl", *users[:166])
    assert imported(project, first).json["imported"] == 166
    project.database.document("users/u0003").update({"name": "Changed since"})
    done = imported(project, lines(tmp_path / "all.jsonl", *users)).json
    assert (done["imported"], done["subscriptions"], done["there_already"]) == (184, 368, 166)
    stored = written(project)
    assert len(stored) == 350
    assert stored["u0003"]["name"] == "Changed since"
    assert all(each["subscriptions"].keys() == {"a", "b"} for each in stored.values())


ADA = {"id": "ada", "email": "ada@customer.example"}


def test_a_subscription_that_is_left_over_stays_as_it_is_and_stops_no_import(project: Project, tmp_path: Path) -> None:
    left_over = {"active": False, "paused_because": "user-inactive", "shard": 3, "objections": {"h": {"at": DUE}}}
    project.database.document("users/bob/report_subscriptions/a").set(left_over)
    bob = {"id": "bob", "email": "bob@customer.example", "subscriptions": {"a": {}, "b": {}}}
    file = lines(tmp_path / "users.jsonl", {**bob, "id": "ada"}, bob)
    counts = {"imported": 2, "subscriptions": 3, "there_already": 0, "subscriptions_there_already": 1}
    assert imported(project, file, "--dry-run").json == {"dry_run": True, **counts}
    assert imported(project, file).json == {"dry_run": False, **counts}
    stored = written(project)
    assert stored["bob"]["subscriptions"]["a"] == left_over
    assert stored["bob"]["subscriptions"]["b"]["active"]
    # A run enrolls Bob, and resumes what waits for him.
    assert stored["bob"]["enrolled_at"] is None
    assert stored["ada"]["enrolled_at"] is not None


def test_a_user_may_have_no_subscription_or_that_of_enrollment(project: Project, tmp_path: Path) -> None:
    none = {**ADA, "id": "none", "subscriptions": {}}
    assert imported(project, lines(tmp_path / "users.jsonl", ADA, none)).json["subscriptions"] == 1
    stored = written(project)
    assert stored["none"]["subscriptions"] == {}
    assert stored["ada"]["subscriptions"].keys() == {"default"}


@pytest.mark.parametrize(
    ("row", "mistake"),
    [
        ("no object", "is no JSON object"),
        ({"email": "x@customer.example"}, "id: must be a text that Firestore takes"),
        ({**ADA, "id": "a/b"}, "id: must be a text that Firestore takes"),
        ({**ADA, "email": "nobody"}, "email: must be an email address"),
        ({**ADA, "time_zone": "Mars"}, "time_zone: must be a name of the IANA database"),
        (ADA, "id: is there twice"),
        ({**ADA, "id": "x", "subscriptions": []}, "subscriptions: must be an object"),
        ({**ADA, "id": "x", "subscriptions": {"a": {"hour": 25}}}, "a: hour: must be an integer from 0 to 23"),
        ({**ADA, "id": "x", "subscriptions": {"a": {"kind": "gone"}}}, "a: kind: no kind has this name"),
        ({**ADA, "id": "x", "subscriptions": {"a": {"shard": 1}}}, "a: unknown or not yours to set: shard"),
        ({**ADA, "id": "x", "n": [[1]]}, "has a name or a value that Firestore cannot hold"),
        ({**ADA, "id": "x", "__n__": 1}, "has a name or a value that Firestore cannot hold"),
        ({**ADA, "id": "x", "subscriptions": {"a": {"options": {"n": 2**63}}}}, "has a name or a value that"),
    ],
)
def test_nothing_is_written_of_a_file_with_a_mistake(project: Project, tmp_path: Path, row: Any, mistake: str) -> None:
    file = lines(tmp_path / "users.jsonl", ADA, row)
    refused = imported(project, file)
    assert refused.status == 1
    assert f"{file}:2: {mistake}" in refused.err
    assert "Nothing was written." in refused.err
    assert written(project) == {}


def test_a_table_with_a_row_of_another_length_is_refused(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text("id,email\nu1,u1@customer.example\nu2\n", encoding="utf-8")
    assert f"{file}:3: is no JSON object, or has another number of cells" in imported(project, file).err
    assert "neither .jsonl nor .csv" in imported(project, REPOSITORY / "README.md").err
