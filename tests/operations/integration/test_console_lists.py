"""Lists as CSV, and what a user asks for: a copy of what is kept of them, and its erasure."""

import csv
import io
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from tests.operations.integration.conftest import Project
from tests.operations.integration.test_console import Browser, actions, put_run, put_user, running


@pytest.fixture
def console(project: Project) -> Iterator[Browser]:
    with running() as browser:
        yield browser


def rows(console: Browser, path: str) -> list[dict[str, str]]:
    answer = console.get(path)
    assert answer.status_code == HTTPStatus.OK, answer.text
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_each_list_comes_as_csv_with_all_that_its_filters_leave(console: Browser, project: Project) -> None:
    put_run(project, due=60)
    put_user(project)
    for number in range(60):
        project.dead_letter(f"u{number}", cause="a" * 32 if number % 2 else "b" * 32)
    assert [each["due"] for each in rows(console, "/runs.csv")] == ["60"]
    assert len(rows(console, "/deliveries.csv?state=dead")) == 60
    assert [each["user_id"] for each in rows(console, "/deliveries.csv?user=u7")] == ["u7"]
    assert rows(console, "/deliveries.csv?state=sent") == []
    assert len(rows(console, f"/dead-letters.csv?cause={'a' * 32}")) == 30
    assert [each["email"] for each in rows(console, "/people.csv")] == ["ada@customer.example"]
    console.act("/queues/reports/resume")
    assert [each["action"] for each in rows(console, "/operator-actions.csv?q=resume")] == ["Resume queue"]
    for path in ("/runs", "/deliveries?state=dead", "/dead-letters", "/people", "/operator-actions"):
        assert ".csv" in console.get(path).text, path


def test_a_spreadsheet_carries_nothing_out(console: Browser, project: Project) -> None:
    project.dead_letter("u1", error="=cmd|' /C calc'!A0")
    [row] = rows(console, "/dead-letters.csv")
    assert not row["error"].startswith("=")
    assert "cmd" in row["error"]


def test_a_viewer_gets_no_address_as_csv(project: Project) -> None:
    put_user(project)
    with running(read_only=True) as console:
        assert "customer.example" not in console.get("/people.csv").text
        assert [each["user_id"] for each in rows(console, "/people.csv")] == ["u1"]


def test_what_is_kept_of_a_user_is_exported(console: Browser, project: Project) -> None:
    put_user(project)
    letter = project.dead_letter("u1")
    answer = console.act("/people/u1/export")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="u1.json"'
    assert [each["path"] for each in answer.json()["dead_letters"]] == [f"dead_letters/{letter}"]
    assert [each[1:3] for each in actions(project)] == [("Export a user", "u1")]


def test_what_is_kept_of_a_user_is_erased_once_the_id_is_typed(console: Browser, project: Project) -> None:
    put_user(project)
    project.dead_letter("u1")
    before = project.everything()
    wrong = console.act("/people/u1/erase", confirm="u2")
    assert (wrong.status_code, project.everything()) == (HTTPStatus.BAD_REQUEST, before)
    active = console.act("/people/u1/erase", confirm="u1")
    assert active.status_code == HTTPStatus.BAD_REQUEST
    assert "is active" in active.text
    assert "Erased." in console.came_to(console.act("/people/u1/erase", confirm="u1", with_document="true"))
    assert project.everything()["documents"] == {}
    assert [each[1:] for each in actions(project)] == [("Erase a user", "what the pipeline keeps", "Erased.")]
