"""Lists as CSV, and what a user asks for: a copy of what is kept of them, and its erasure."""

import csv
import io
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from operations.deliveries.deliveries import Deliveries
from operations.deliveries.delivery_filter import DeliveryFilter
from operations.deliveries.mail_outcome import MailOutcome
from tests.operations.integration.browser import Browser
from tests.operations.integration.conftest import Project

NOW = datetime.now(UTC)


def rows(console: Browser, path: str) -> list[dict[str, str]]:
    answer = console.get(path)
    assert answer.status_code == HTTPStatus.OK, answer.text
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_deliveries_and_dead_letters_come_as_csv_with_all_that_its_filters_leave(
    console: Browser, project: Project
) -> None:
    for number in range(60):
        project.dead_letter(f"u{number}", cause="a" * 32 if number % 2 else "b" * 32)
    assert len(rows(console, "/deliveries.csv?state=dead")) == 60
    assert [each["user_id"] for each in rows(console, "/deliveries.csv?user=u7")] == ["u7"]
    assert rows(console, "/deliveries.csv?state=sent") == []
    assert len(rows(console, f"/dead-letters.csv?cause={'a' * 32}")) == 30
    for path in ("/deliveries?state=dead", "/dead-letters"):
        assert ".csv" in console.get(path).text, path


def test_what_became_of_the_emails_is_a_filter_and_this_weeks_bounces_are_a_table(
    console: Browser, project: Project
) -> None:
    for number, days in enumerate((1, 3, 9)):
        project.put_sent(f"b{number}", due_at=NOW - timedelta(days=days), bounced=NOW - timedelta(days=days))
    project.put_sent("d1", due_at=NOW, delivered=NOW)
    project.put_sent("c1", due_at=NOW, delivered=NOW, complained=NOW)

    def users(query: str) -> list[str]:
        return [each["user_id"] for each in rows(console, f"/deliveries.csv?{query}")]

    assert users("mail=undelivered&since=7d") == ["b0", "b1"]
    assert users("mail=undelivered") == ["b0", "b1", "b2"]
    assert users("mail=undelivered&user=b2") == ["b2"]
    assert users("mail=complained") == ["c1"]
    assert set(users("mail=delivered")) == {"d1", "c1"}
    page = console.get("/deliveries?mail=undelivered&since=7d").text
    assert "Known since" in page
    assert "mail=undelivered&amp;since=" in page.partition(".csv")[2]


def test_who_perhaps_got_two_emails_is_a_list(console: Browser, project: Project) -> None:
    unclear, sent = {"at": NOW, "result": "unclear"}, {"at": NOW, "result": "sent"}
    for user, history in {"u1": [unclear, sent], "u2": [unclear, {"at": NOW, "result": "settled"}]}.items():
        project.put_sent(user, due_at=NOW)
        project.set_delivery(f"{user}:default", may_have_been_sent=True, history=history)
    project.put_sent("u3", due_at=NOW)
    found = rows(console, "/deliveries.csv?mail=perhaps-twice")
    assert [each["user_id"] for each in found] == ["u1"]
    assert len(rows(console, "/deliveries.csv?mail=perhaps-twice&user=u1&since=1d")) == 1
    assert rows(console, "/deliveries.csv?mail=perhaps-twice&state=dead") == []
    assert "may have been accepted, too" in console.get("/deliveries?mail=perhaps-twice").text


def test_a_list_of_emails_has_pages(project: Project) -> None:
    for number in range(5):
        project.put_sent(f"u{number}", due_at=NOW, bounced=NOW - timedelta(minutes=number))
    deliveries, after, seen = Deliveries(project.door), None, list[str]()
    wanted = DeliveryFilter(mail=MailOutcome.UNDELIVERED)
    for _ in range(3):
        page = deliveries.page(wanted, after=after, limit=2)
        seen, after = [*seen, *(each.user_id for each in page.rows)], page.following
    assert (seen, after) == ([f"u{number}" for number in range(5)], None)


def test_dead_letters_are_found_by_user_run_and_kind(console: Browser, project: Project) -> None:
    for user in ("u1", "u2", "u3"):
        project.dead_letter(user, cause="a" * 32)
    payload = {"payload": {"user_id": "u2", "run_id": "20261124T1400Z", "kind": "usage"}}
    project.database.collection("dead_letters").document("u2:default:20261124T1300Z").set(payload, merge=True)
    for query in ("user=u2", "run=20261124T1400Z", "kind=usage", "kind=usage&user=u2"):
        assert [each["user_id"] for each in rows(console, f"/dead-letters.csv?{query}")] == ["u2"], query
        page = console.get(f"/dead-letters?{query}").text
        assert "1 matches." in page, query
        assert "/people/u2" in page, query
        assert "/people/u1" not in page, query
        assert console.confirmed("dismiss", filters=query, scope="all")["confirmed"] == "1", query


def test_system_alerts_have_their_list(console: Browser, project: Project) -> None:
    alert = {"alert": "overdue-reports", "detail": "=3 reports", "figures": {"overdue": 3}, "run_id": "20261124T1300Z"}
    alerts = project.database.collection("system_alerts")
    alerts.document("a1").set({**alert, "received_at": NOW, "at": NOW})
    page = console.get("/system-alerts").text
    assert "overdue-reports" in page
    assert "overdue 3" in page
    assert "/runs/20261124T1300Z" in page
    assert "/system-alerts" in console.get("/").text


def test_a_spreadsheet_carries_nothing_out(console: Browser, project: Project) -> None:
    project.dead_letter("u1", error="=cmd|' /C calc'!A0")
    [row] = rows(console, "/dead-letters.csv")
    assert not row["error"].startswith("=")
    assert "cmd" in row["error"]


def test_what_is_kept_of_a_user_is_exported(console: Browser, project: Project) -> None:
    project.put_user()
    letter = project.dead_letter("u1")
    answer = console.act("/people/u1/export")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="u1.json"'
    assert [each["path"] for each in answer.json()["dead_letters"]] == [f"dead_letters/{letter}"]
    assert [each[1:3] for each in project.actions()] == [("Export a user", "u1")]


def test_what_is_kept_of_a_user_is_erased_once_the_id_is_typed(console: Browser, project: Project) -> None:
    project.put_user()
    project.dead_letter("u1")
    before = project.everything()
    wrong = console.act("/people/u1/erase", confirm="u2")
    assert (wrong.status_code, project.everything()) == (HTTPStatus.BAD_REQUEST, before)
    active = console.act("/people/u1/erase", confirm="u1")
    assert active.status_code == HTTPStatus.BAD_REQUEST
    assert "is active" in active.text
    assert "Erased." in console.came_to(console.act("/people/u1/erase", confirm="u1", with_document="true"))
    # A hash of the id, so that no query brings the user back.
    assert {path.partition("/")[0] for path in project.everything()["documents"]} == {"erased_users"}
    assert [each[1:] for each in project.actions()] == [("Erase a user", "what the pipeline keeps", "Erased.")]
