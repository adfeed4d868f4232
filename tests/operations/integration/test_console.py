"""The console over HTTP, against Firestore and Cloud Tasks on sockets: its pages, its forms, and whom it refuses."""

import html
import re
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

import pytest
import requests

from functions.shared.records.address_hash import address_hash
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import DeliveryState
from functions.shared.records.subscription import ADDRESS_LISTS
from operations.console.static_files import PATHS
from operations.operator_actions import OperatorActions
from operations.releases.running_versions import project_version
from tests.operations.integration.browser import Browser, running
from tests.operations.integration.conftest import DUE, Project
from tests.seeding import subscription_reference
from tests.support import REPOSITORY, now

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[31m‮"
_SECONDS = 30


def test_every_page_shows_what_there_is(console: Browser, project: Project) -> None:
    project.put_run(due=3, dispatched=2, lost=1)
    project.put_user()
    letter = project.dead_letter()
    shown = {
        "/": "could not be sent",
        "/runs": "20261124T1300Z",
        "/runs/20261124T1300Z": "dispatched",
        "/deliveries?run=20261124T1300Z": "u1",
        f"/deliveries/{letter}": "It was given up",
        "/dead-letters": "retries-exhausted",
        f"/dead-letters/{letter}": "SendGrid answered 500",
        "/queues": "attempts a second",
        "/people": "u1",
        "/people/u1": "daily at 08:00",
        "/people/u1/subscriptions/default/preview": "/people/u1/subscriptions/default/preview/mail",
        "/kinds": "activity",
        "/operator-actions": "What operators did",
        "/versions": project_version(REPOSITORY),
    }
    for path, text in shown.items():
        page = console.get(path)
        assert page.status_code == HTTPStatus.OK, (path, page.text)
        assert text in page.text, path


@pytest.mark.parametrize(
    "path", ["/nothing", "/runs/none", "/deliveries/none", "/dead-letters/none", "/people/none", "/jobs/none", "/local"]
)
def test_a_page_that_does_not_exist_says_so(console: Browser, path: str) -> None:
    page = console.get(path)
    assert page.status_code == HTTPStatus.NOT_FOUND
    assert 'role="alert"' in page.text


def test_what_documents_hold_is_only_text(console: Browser, project: Project) -> None:
    project.put_run()
    project.put_user(user_id="u<b>1", name=HOSTILE, time_zone=HOSTILE, email=f"{HOSTILE}@x.example")
    letter = project.dead_letter("u<b>1", error=HOSTILE, note=HOSTILE, task_name=HOSTILE)
    project.set_delivery(letter, last_error=HOSTILE, kind=HOSTILE, message_id=HOSTILE, note=HOSTILE, reason=HOSTILE)
    project.set_delivery(letter, history=[{"at": DUE, "number": 1, "result": "failed", "error": HOSTILE}])
    quoted = quote(letter, safe="")
    for path in (
        "/",
        "/dead-letters",
        f"/dead-letters/{quoted}",
        f"/deliveries/{quoted}",
        "/people",
        "/people/u%3Cb%3E1",
    ):
        page = console.get(path).text
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "\x1b" not in page, path
        assert "‮" not in page, path
    assert html.escape("<script>alert(1)</script>") in console.get("/dead-letters").text


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_no_other_site_reaches_it(console: Browser, project: Project, headers: dict[str, str]) -> None:
    project.put_user()
    answer = console.get("/people/u1", **headers)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "daily" not in answer.text
    before = project.everything()
    posted = console.post("/queues/reports/resume", {"token": console.token()}, **headers)
    assert posted.status_code == HTTPStatus.FORBIDDEN
    assert project.everything() == before


def test_a_link_from_another_site_opens_a_page_and_posts_nothing(console: Browser) -> None:
    from_a_link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert console.get("/", **from_a_link).status_code == HTTPStatus.OK
    posted = console.post("/queues/reports/resume", {"token": console.token()}, **from_a_link)
    assert posted.status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("token", ["", "0" * 64, "é", "f" * 4000])
def test_a_form_without_its_token_does_nothing(console: Browser, project: Project, token: str) -> None:
    before = project.everything()
    answer = console.post("/queues/reports/resume", {"token": token})
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert project.everything() == before


def test_a_form_without_an_origin_does_nothing(console: Browser, project: Project) -> None:
    before = project.everything()
    answer = requests.post(f"{console.url}/queues/reports/resume", data={"token": console.token()}, timeout=_SECONDS)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert project.everything() == before


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=1&" * 30_000, b"x" * 2_000_000])
def test_what_is_no_form_is_refused(console: Browser, body: bytes) -> None:
    answer = console.post("/queues/reports/resume", body, **{"Content-Type": "application/x-www-form-urlencoded"})
    assert 400 <= answer.status_code < 500
    other = console.post("/queues/reports/resume", b"{}", **{"Content-Type": "application/json"})
    assert other.status_code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def test_every_answer_has_a_strict_policy(console: Browser) -> None:
    for path in ("/", "/nothing", PATHS["console.css"], "/kinds/activity/mail"):
        headers = console.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"], path
        assert "script-src 'unsafe-inline'" not in headers["Content-Security-Policy"], path
        assert headers["X-Content-Type-Options"] == "nosniff", path
    policy = console.get("/").headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy


def test_a_read_only_console_changes_nothing_and_shows_no_address(project: Project) -> None:
    project.put_user()
    letter = project.dead_letter()
    with running(read_only=True) as console:
        for path in ("/people", "/people/u1", f"/dead-letters/{letter}", "/dead-letters", "/queues"):
            page = console.get(path).text
            assert "customer.example" not in page, path
            assert 'method="post"' not in page, path
        before = project.everything()
        for path in ("/queues/reports/pause", "/people/u1/subscriptions/default/pause", "/dead-letters/replay/begin"):
            assert console.post(path, {"token": "t", "id": letter}).status_code == HTTPStatus.FORBIDDEN
        assert console.get("/people/u1/subscriptions/default/preview/mail").status_code == HTTPStatus.FORBIDDEN
        assert project.everything() == before


def test_a_viewer_does_not_see_the_addresses_of_operators(project: Project) -> None:
    log = OperatorActions(project.door)
    with log.record("grace@operator.example", "Pause queue", subject="reports", now=now):
        pass
    with running(read_only=True) as console:
        page = console.get("/operator-actions").text
        assert "Pause queue" in page
        assert "operator.example" not in page
    with running() as console:
        assert "grace@operator.example" in console.get("/operator-actions").text


def test_it_replays_what_is_ticked_after_it_has_said_what_would_happen(console: Browser, project: Project) -> None:
    first, second = project.dead_letter("u1"), project.dead_letter("u2")
    before = project.everything()
    asked = console.act("/dead-letters/replay/confirm", page="/dead-letters", id=[first], scope="some")
    assert asked.status_code == HTTPStatus.OK
    assert "Replay 1 dead letter?" in asked.text
    assert "its delivery is back in the queue" in asked.text
    assert project.everything() == before
    page = console.finished_job(console.begin("replay", console.confirmed("replay", id=[first]), note="mended"))
    assert "Done" in page
    assert project.letter(first)["state"] == "replayed"
    assert project.letter(second)["state"] == "open"
    assert len(project.queued()) == 1
    assert project.actions() == [("ada", "Replay 1 dead letter", first, "1 replayed")]


def test_all_that_match_are_those_that_the_server_counted(console: Browser, project: Project) -> None:
    for number in range(60):
        project.dead_letter(f"u{number}", cause="a" * 32)
    project.dead_letter("other", cause="b" * 32)
    listed = console.get(f"/dead-letters?cause={'a' * 32}").text
    assert "Replay all 60…" in listed
    chosen = {"scope": "all", "filters": f"state=open&cause={'a' * 32}"}
    asked = console.act("/dead-letters/dismiss/confirm", **chosen)
    assert "Dismiss 60 dead letters?" in asked.text
    console.finished_job(console.begin("dismiss", console.confirmed("dismiss", **chosen), note="not wanted"))
    states = [each.to_dict()["state"] for each in project.database.collection("dead_letters").stream()]
    assert sorted(states) == ["dismissed"] * 60 + ["open"]
    assert {
        each.to_dict()["note"]
        for each in project.database.collection("dead_letters").stream()
        if "note" in each.to_dict()
    } == {"not wanted"}


def test_a_second_mail_needs_words(console: Browser, project: Project) -> None:
    letter = project.dead_letter(reason=DeadLetterReason.UNKNOWN_OUTCOME)
    project.set_delivery(letter, reason="unknown-outcome")
    assert "send twice" in console.act("/dead-letters/replay/confirm", page="/dead-letters", id=[letter]).text
    before = project.everything()
    refused = console.begin("replay", console.confirmed("replay", id=[letter]), second_mail="yes", note="kept")
    assert refused.status_code == HTTPStatus.BAD_REQUEST
    assert 'value="kept"' in refused.text
    assert project.everything() == before
    console.finished_job(console.begin("replay", console.confirmed("replay", id=[letter]), second_mail="Send twice"))
    assert project.letter(letter)["state"] == "replayed"


def test_nothing_ticked_does_nothing(console: Browser, project: Project) -> None:
    project.dead_letter()
    before = project.everything()
    answer = console.act("/dead-letters/replay/confirm", page="/dead-letters", scope="some")
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "No dead letter is selected" in answer.text
    assert project.everything() == before


def test_it_holds_releases_and_changes_a_queue(console: Browser, project: Project) -> None:
    assert "Resume" in console.get("/queues").text
    console.act("/queues/reports/resume")
    assert "Pause" in console.get("/queues").text
    console.act("/queues/reports/pause", note="SendGrid is down")
    console.act("/queues/reports/set", rate="20", concurrent="50")
    assert project.reports("queue", "show", "--json").json[0]["rate"] == 20
    assert project.reports("queue", "show", "--json").json[0]["state"] == "paused"
    for wrong in ({"rate": "fast", "concurrent": "1"}, {"rate": "501", "concurrent": "1"}):
        assert console.act("/queues/reports/set", **wrong).status_code == HTTPStatus.BAD_REQUEST
    assert console.act("/queues/others/pause").status_code == HTTPStatus.NOT_FOUND
    assert [each[1] for each in project.actions()] == ["Change queue", "Pause queue", "Resume queue"]


def test_it_finds_a_user_by_address_and_keeps_the_address_out_of_addresses(console: Browser, project: Project) -> None:
    project.put_user()
    found = console.act("/find", page="/people", q="Ada@customer.example")
    assert found.status_code == HTTPStatus.SEE_OTHER
    assert found.headers["Location"] == "/people/u1"
    nobody = console.act("/find", page="/people", q="none@customer.example")
    assert nobody.status_code == HTTPStatus.NOT_FOUND
    assert "No user has this address" in nobody.text
    project.put_user("u2")
    both = console.act("/find", page="/people", q="ada@customer.example").headers["Location"]
    assert "@" not in unquote(both)
    assert set(re.findall(r'href="/people/(u\d)"', console.get(both).text)) == {"u1", "u2"}


def test_it_finds_whatever_an_id_names(console: Browser, project: Project) -> None:
    project.put_run()
    project.put_user()
    letter = project.dead_letter()
    project.set_delivery(letter, message_id="m-1", state="sent")
    expected = {
        "u1": "/people/u1",
        letter: f"/deliveries/{quote(letter, safe='')}",
        "m-1": f"/deliveries/{quote(letter, safe='')}",
        "20261124T1300Z": "/runs/20261124T1300Z",
    }
    for wanted, page in expected.items():
        assert console.act("/find", q=wanted).headers["Location"] == page
        assert console.get(f"/find?q={quote(wanted, safe='')}").headers["Location"] == page
    assert console.get("/find?q=none").status_code == HTTPStatus.NOT_FOUND
    assert "at most 1,500 bytes" in console.act("/find", q="u" * 1501).text


def test_it_shows_whom_a_report_goes_to_and_how_many_of_them_object(console: Browser, project: Project) -> None:
    project.put_user()
    lists: dict[str, Any] = {name: [f"{name}@customer.example"] for name in ADDRESS_LISTS}
    objects = {"because": "complained", "at": DUE}
    objections = {address_hash(each): objects for each in ("cc@customer.example", "former@customer.example")}
    subscription_reference(project.database, "u1").update({**lists, "objections": objections})
    page = console.get("/people/u1").text
    assert all(f"{name}@customer.example" in page for name in ADDRESS_LISTS)
    assert "1 of its addresses get no email" in page


def test_it_changes_a_subscription(console: Browser, project: Project) -> None:
    project.put_user()
    path = "/people/u1/subscriptions/default"

    def subscription() -> dict[str, Any]:
        shown: dict[str, Any] = project.reports("subscriptions", "show", "u1", "default", "--json").json
        return shown

    assert "The subscription is paused." in console.came_to(console.act(f"{path}/pause", until="", note="on leave"))
    assert subscription()["paused_because"] == "operator"
    console.act(f"{path}/resume")
    assert subscription()["state"] == "scheduled"
    console.act(f"{path}/save", kind="usage", cadence="weekly", weekday="friday", hour="9")
    assert (subscription()["kind"], subscription()["cadence"], subscription()["weekday"]) == ("usage", "weekly", 5)
    wrong = console.act(f"{path}/save", kind="usage", cadence="weekly", hour="25")
    assert wrong.status_code == HTTPStatus.BAD_REQUEST
    assert "hour" in wrong.text
    project.reports("subscriptions", "add", "u1", "second", "--kind", "activity", "--cadence", "hourly")
    assert console.act("/people/u1/subscriptions/second/remove", confirm="wrong").status_code == HTTPStatus.BAD_REQUEST
    console.act("/people/u1/subscriptions/second/remove", confirm="second")
    assert len(project.reports("subscriptions", "list", "--user", "u1", "--json").json) == 1
    sent = console.act(f"{path}/send")
    assert sent.headers["Location"].startswith("/deliveries/u1%3Adefault%3A")
    assert len(project.queued()) == 1
    delivery = sent.headers["Location"].removeprefix("/deliveries/").partition("?")[0]
    assert project.delivery(unquote(delivery)) is not None


def test_a_delivery_tells_what_happens_next(console: Browser, project: Project) -> None:
    letter = project.dead_letter(delivery=DeliveryState.PENDING)
    assert "Its task is not in the queue" in console.get(f"/deliveries/{letter}").text
    project.set_delivery(letter, state="sent", message_id="m1")
    assert "the email provider has accepted the email" in console.get(f"/deliveries/{letter}").text


def test_a_delivery_tells_of_each_attempt(console: Browser, project: Project) -> None:
    letter = project.dead_letter(delivery=DeliveryState.SENDING)
    failed = {"at": DUE, "number": 1, "claimed_at": DUE, "seconds": 1.25, "result": "failed", "error": "no <data>"}
    killed = {
        "at": DUE + timedelta(minutes=1),
        "number": 2,
        "claimed_at": DUE + timedelta(minutes=1),
        "result": "claimed",
    }
    project.set_delivery(letter, history=[failed, killed])
    page = console.get(f"/deliveries/{letter}").text
    assert "Attempt 1 failed: nothing was sent." in page
    assert "no &lt;data&gt; · after 1.2 s" in page
    assert "Attempt 2 claimed it, and ended without a word." in page


def test_a_service_that_does_not_answer_is_named(console: Browser, project: Project) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REPORT_QUEUES", "none")
        with running() as other:
            assert "There is no queue none" in other.get("/queues").text
            assert "There is no queue none" in other.get("/").text


def test_deliveries_are_filtered_and_paged_by_their_addresses(console: Browser, project: Project) -> None:
    for number in range(120):
        state = DeliveryState.SKIPPED if number % 2 else DeliveryState.DEAD
        name = project.dead_letter(f"u{number:03}", delivery=state)
        project.set_delivery(name, due_at=DUE + timedelta(minutes=number), reason="paused" if number % 2 else "lost")

    def walk(path: str) -> list[str]:
        found: list[str] = []
        while path:
            page = console.get(path).text
            found += re.findall(r'href="/deliveries/([^"/]+)"', page)
            following = re.search(r'href="([^"]+)">Next page', page)
            path = html.unescape(following[1]) if following else ""
        return found

    newest_first = [f"u{number:03}" for number in range(119, 0, -2)]
    skipped = walk("/deliveries?state=skipped")
    assert [each.partition("%3A")[0] for each in skipped] == newest_first
    assert len(walk("/deliveries?run=20261124T1300Z")) == 120
    assert len(walk("/deliveries?state=dead&reason=lost")) == 60
    assert walk("/deliveries?state=dead&reason=paused") == []
    assert len(walk("/deliveries?state=skipped&since=2026-11-24T14:30Z&until=2026-11-24T14:40Z")) == 5
    assert walk("/deliveries?user=u007&state=skipped") == [skipped[56]]
    assert len(walk("/deliveries?kind=activity")) == 120
    assert walk("/deliveries?kind=none") == []
    assert [each.partition("%3A")[0] for each in walk("/deliveries")] == [f"u{n:03}" for n in range(119, -1, -1)]
    assert "name the user, too" in console.get("/deliveries?subscription=default&state=dead").text
    assert console.get("/deliveries?since=yesterday").status_code == HTTPStatus.BAD_REQUEST
