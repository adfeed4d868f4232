"""`reports preview`: what it shows is what the worker would send."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from report_kit.kinds import kinds
from tests.operations.integration.conftest import DUE, Project
from tests.seeding import seed, user_document, user_reference

DAILY: dict[str, Any] = {"next_report_at": None, "cadence": "daily", "hour": 0}


def test_a_preview_of_live_data_is_the_mail_and_changes_nothing(project: Project, tmp_path: Path) -> None:
    whose = {"email": "ada@corp.example", "name": "Ada", "active": False, "locale": "ja"}
    seed(project.database, "u1", user=whose, cc=["bob@corp.example"], **DAILY)
    user = user_reference(project.database, "u1")
    for number in range(3):
        user.collection("events").document(f"e{number}").set({"at": DUE, "type": "order.placed", "amount": 12.5})
    before = project.everything()

    answer = project.reports(
        "preview", "u1", "--period", "2026-11-24", "--json", "--to", str(tmp_path), MAIL_POSTAL_ADDRESS="1 Example Road"
    )

    assert (answer.status, answer.err) == (0, "")
    assert answer.json["subject"] == "アクティビティ: 3件・11月24日(火)"
    assert answer.json["period_start"] == "2026-11-24T00:00:00Z"
    page = Path(answer.json["html"]).read_text()
    assert "注文" in page
    assert "data:image/png;base64," in page
    assert "cid:" not in page
    assert "1 Example Road" in Path(answer.json["text"]).read_text()
    request = json.loads(Path(answer.json["request"]).read_text())
    assert [each["to"] for each in request["personalizations"]] == [
        [{"email": "ada@corp.example", "name": "Ada"}],
        [{"email": "bob@corp.example"}],
    ]
    assert project.everything() == before


def test_attachments_are_kept_beside_the_page(project: Project, tmp_path: Path) -> None:
    seed(project.database, "u1", options={"attach": ["csv", "pdf"]}, **DAILY)
    answer = project.reports("preview", "u1", "--sample", "--json", "--to", str(tmp_path))
    table, document = map(Path, answer.json["attachments"])
    assert (table.parent, table.suffix, document.suffix) == (tmp_path, ".csv", ".pdf")
    assert table.read_bytes().startswith(b"\xef\xbb\xbf")
    assert document.read_bytes().startswith(b"%PDF")
    assert table.name in project.reports("preview", "u1", "--sample", "--to", str(tmp_path)).out.replace("\n", "")


def test_the_page_has_the_first_recipients_own_link(project: Project, tmp_path: Path) -> None:
    seed(project.database, "u1", cc=["bob@corp.example"], **DAILY)
    link = "https://example.com/u/{user_id}/{token}"
    answer = project.reports("preview", "u1", "--json", "--to", str(tmp_path), MAIL_UNSUBSCRIBE_URL=link)
    for file in (answer.json["html"], answer.json["text"]):
        assert "https://example.com/u/u1/" in Path(file).read_text()


def test_which_of_several_subscriptions_is_to_be_named(project: Project, tmp_path: Path) -> None:
    seed(project.database, "u2", **DAILY)
    seed(project.database, "u2", subscription_id="quota", **{**DAILY, "kind": "usage", "locale": "ja"})
    answer = project.reports("preview", "u2")
    assert (answer.status, answer.err) == (1, "u2 has 2 subscriptions, so name one: default, quota.\n")
    answer = project.reports("preview", "u2", "quota", "--sample", "--json", "--to", str(tmp_path))
    assert "使用状況" in answer.json["subject"]


def test_a_kind_needs_no_subscription(project: Project, tmp_path: Path) -> None:
    user_reference(project.database, "u2").set(user_document("u2"))
    answer = project.reports(
        "preview", "u2", "--kind", "usage", "--locale", "ja-JP", "--sample", "--json", "--to", str(tmp_path)
    )
    assert (answer.status, answer.err) == (0, "")
    assert "使用状況" in answer.json["subject"]
    answer = project.reports("preview", "--kind", "usage", "--locale", "cy", "--sample", "--to", str(tmp_path))
    assert (answer.status, "with cy, they are in English" in answer.err) == (0, True)


def test_the_subscriptions_time_zone_goes_before_the_users(project: Project, tmp_path: Path) -> None:
    seed(project.database, "u1", user={"time_zone": "Asia/Kolkata"}, time_zone="Asia/Tokyo", **DAILY)
    answer = project.reports("preview", "u1", "--period", "2026-11-24", "--json", "--to", str(tmp_path))
    assert answer.json["period_start"] == "2026-11-23T15:00:00Z"


@pytest.mark.parametrize(
    ("user", "subscription", "said"),
    [
        ({"email": 7}, {}, "users/u3: email: must be an email address\n"),
        ({}, {"hour": 24}, "users/u3/report_subscriptions/default: hour: must be an integer from 0 to 23\n"),
    ],
)
def test_a_document_that_cannot_be_used_is_named_by_field(
    project: Project, user: dict[str, Any], subscription: dict[str, Any], said: str
) -> None:
    seed(project.database, "u3", user=user, **{**DAILY, **subscription})
    answer = project.reports("preview", "u3")
    assert (answer.status, answer.err) == (1, said)


def test_nobody_and_no_such_kind(project: Project) -> None:
    assert project.reports("preview", "nobody").err.startswith("There is no user nobody: reports users find EMAIL")
    answer = project.reports("preview", "--sample", "--kind", "horoscope")
    assert (answer.status, f"there is no kind 'horoscope', but {', '.join(kinds())}\n" in answer.err) == (1, True)
    assert project.reports("preview").status == 2


def test_a_report_that_is_due_is_shown_as_it_would_be_caught_up(project: Project, tmp_path: Path) -> None:
    seed(project.database, "u4", next_report_at=DUE, reported_until=DUE - timedelta(hours=5))
    answer = project.reports("preview", "u4", "--json", "--to", str(tmp_path))
    assert answer.json["period_start"] == "2026-11-24T08:00:00Z"


def test_where_nothing_would_be_sent_it_says_so_and_why(project: Project, tmp_path: Path) -> None:
    seed(project.database, "u1", **DAILY, skip_empty=True)
    arguments = ("preview", "u1", "--period", "2026-11-24", "--to", str(tmp_path))
    answer = project.reports(*arguments)
    assert (answer.status, answer.out, answer.err) == (0, "Nothing would be sent: no events.\n", "")
    assert project.reports(*arguments, "--json").json == {
        "skipped": "nothing-to-report",
        "note": "no events",
        "period_start": "2026-11-24T00:00:00Z",
        "period_end": "2026-11-25T00:00:00Z",
    }
    assert list(tmp_path.iterdir()) == []
