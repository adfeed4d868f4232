"""The console's page of the kinds: a broken kind is paused, and resumed when it is mended."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from functions.shared.needs import Needs, NextVersion
from functions.shared.records.ids import held_shard
from operations.previews import preview
from tests.kinds_elsewhere import kinds_in
from tests.operations.integration.browser import Browser, running
from tests.operations.integration.conftest import Project
from tests.operations.integration.test_kinds import seed_deliveries
from tests.seeding import seed

NOW = datetime.now(UTC)


def test_a_broken_kind_is_paused_and_resumed_in_two_clicks_each(console: Browser, project: Project) -> None:
    for number in range(2):
        seed(project.database, f"u{number}", next_report_at=NOW, kind="usage", shard=held_shard("usage", number))

    said = console.came_to(console.act("/kinds/usage/pause", page="/kinds", note="wrong totals"))

    assert said.startswith("Pause kind usage: The kind is paused: within 10 seconds no more of its reports go out.")
    page = console.get("/kinds").text
    assert "wrong totals" in page
    assert '<td class="number">2</td>' in page
    assert "Resume usage" in page
    assert "Pause activity" in page
    assert "The kind usage is paused: its reports wait." in console.get("/").text
    assert "It was paused already." in console.came_to(console.act("/kinds/usage/pause", page="/kinds"))

    said = console.came_to(console.act("/kinds/usage/resume", page="/kinds", note="mended"))

    assert said.startswith("Resume kind usage: The kind is resumed: the next run sends what waits")
    assert "Pause usage" in console.get("/kinds").text
    assert "The kind usage is paused" not in console.get("/").text
    assert [each[1:3] for each in project.actions()] == [("Pause kind", "usage")] * 2 + [("Resume kind", "usage")]
    for path in ("/kinds/nope/pause", "/kinds/usage/mail"):
        assert console.act(path, page="/kinds").status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}


def test_a_look_costs_one_read_while_nothing_was_ever_paused(console: Browser, project: Project) -> None:
    project.firestore.usage.reset()
    assert console.get("/kinds").status_code == HTTPStatus.OK
    assert project.firestore.usage.reads == 1


def test_who_may_not_act_sees_it_and_changes_nothing(project: Project) -> None:
    with running(read_only=True) as browser:
        assert browser.post("/kinds/usage/pause", {}).status_code == HTTPStatus.FORBIDDEN
        page = browser.get("/kinds")
        assert page.status_code == HTTPStatus.OK
        assert "Pause usage" not in page.text


def test_the_versions_of_a_kind_stand_side_by_side(
    console: Browser, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "known_needs", lambda: {"usage": Needs(next=NextVersion(percent=5))})
    seed_deliveries(project, kind="usage", variant="current", sent=9, dead=1)
    seed_deliveries(project, kind="usage", variant="next", sent=1, dead=1)
    page = " ".join(console.get("/kinds").text.split())
    assert (
        "next (5 %): <strong>1</strong> sent, <strong>0</strong> skipped, <strong>1</strong> dead, 50.0 % failed"
        in page
    )
    assert "current: <strong>9</strong> sent" in page


def test_what_the_query_of_recipients_came_to_is_beside_its_kind(
    console: Browser, project: Project, tmp_path: Path
) -> None:
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "report.yaml").write_text("audience: {sql: SELECT 1}\n", encoding="utf-8")
    with kinds_in(tmp_path):
        assert "not read yet" in console.get("/kinds").text
        figures = {"read_at": NOW - timedelta(days=3), "rows": 1234, "refused": 2, "held_back": 400}
        project.database.document("audiences/sales").set(figures)
        project.firestore.usage.reset()
        page = " ".join(console.get("/kinds").text.split())
        assert project.firestore.usage.reads == 2
    assert "<strong>1,234</strong> rows, read <time" in page
    assert ", <strong>2</strong> refused, <strong>400</strong> gone, and a person decides" in page
    assert "due</span>" in page
    assert ">Why</a>" in page
