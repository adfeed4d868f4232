"""`reports preview`: what it shows is what the worker would send."""

import json
from datetime import timedelta
from pathlib import Path

from tests.operations.integration.conftest import DUE, Project

DAY = {"cadence": "daily", "hour": 0}


def test_a_preview_of_live_data_is_the_mail_and_changes_nothing(project: Project, tmp_path: Path) -> None:
    user = project.database.collection("users").document("u1")
    user.set({"email": "ada@corp.example", "name": "Ada", "active": False, "report": DAY, "locale": "ja"})
    user.collection("events").document("e1").set({"at": DUE, "type": "order.placed", "amount": 12.5})
    before = user.get().to_dict()

    answer = project.reports(
        "preview", "u1", "--period", "2026-11-24", "--json", "--to", str(tmp_path), MAIL_POSTAL_ADDRESS="1 Example Road"
    )

    assert (answer.status, answer.err) == (0, "")
    assert answer.json["subject"] == "アクティビティ: 11月24日(火)"
    assert answer.json["period_start"] == "2026-11-24T00:00:00Z"
    page = Path(answer.json["html"]).read_text()
    assert "order.placed" in page
    assert "data:image/png;base64," in page
    assert "cid:" not in page
    assert "1 Example Road" in Path(answer.json["text"]).read_text()
    request = json.loads(Path(answer.json["request"]).read_text())
    assert request["personalizations"][0]["to"] == [{"email": "ada@corp.example", "name": "Ada"}]
    assert user.get().to_dict() == before
    assert list(project.database.collection("deliveries").stream()) == []


def test_kind_and_locale_can_be_others_than_the_users(project: Project, tmp_path: Path) -> None:
    project.database.collection("users").document("u2").set({"email": "u2@corp.example", "active": True, "report": DAY})
    answer = project.reports(
        "preview", "u2", "--kind", "usage", "--locale", "ja-JP", "--sample", "--json", "--to", str(tmp_path)
    )
    assert answer.status == 0
    assert "使用状況" in answer.json["subject"]


def test_a_user_who_cannot_be_used_is_named_by_field(project: Project) -> None:
    project.database.collection("users").document("u3").set({"email": 7, "active": True})
    answer = project.reports("preview", "u3")
    assert (answer.status, answer.err) == (1, "users/u3: email: must be an e-mail address\n")


def test_nobody_and_no_such_kind(project: Project) -> None:
    assert project.reports("preview", "nobody").err == "There is no user nobody.\n"
    answer = project.reports("preview", "--sample", "--kind", "horoscope")
    assert (answer.status, answer.err) == (1, "report.kind: there is no kind 'horoscope', but activity, usage\n")
    assert project.reports("preview").status == 2


def test_a_report_that_is_due_is_shown_as_it_would_be_caught_up(project: Project, tmp_path: Path) -> None:
    fields = {"email": "u4@corp.example", "active": True, "report": {"cadence": "hourly"}}
    due = {"next_report_at": DUE, "reported_until": DUE - timedelta(hours=5)}
    project.database.collection("users").document("u4").set({**fields, **due})
    answer = project.reports("preview", "u4", "--json", "--to", str(tmp_path))
    assert answer.json["period_start"] == "2026-11-24T08:00:00Z"
