"""The console says what is so: its verdict, what an act reaches, what a form changes, and what it cannot read."""

import html
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest

from functions.shared.records.delivery import DeliveryState
from functions.shared.records.ids import shard_of
from operations.console.live import HEADER
from tests.console_server import wait_for_charts
from tests.operations.integration.browser import Browser, running
from tests.operations.integration.conftest import DUE, Project
from tests.seeding import subscription_reference
from tests.silent_relay import relaying
from tests.support import PATIENCE_SECONDS

CAUSE = "a" * 32
NOW = datetime.now(UTC)
_PATIENCE = 25
"""Seconds for a page whose reads end after 5: a busy machine takes long for all else."""


def verdict(page: str) -> str:
    """What the overview says is to be looked at, or that all is well."""
    said = re.search(
        r'<(?:div|p) class="message[^"]*" role="status">(.*?)</(?:div|p)>\s*<div class="cards">', page, re.S
    )
    assert said is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", said[1])).strip()


def put_well(project: Project) -> None:
    """A pipeline with which nothing is wrong."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    project.put_run(f"{hour:%Y%m%dT%H%MZ}", scheduled_for=hour, started_at=hour, finished_at=hour)
    assert project.reports("queue", "resume").status == 0


def states(project: Project) -> dict[str, str]:
    found = project.database.collection("dead_letters").stream()
    return {each.to_dict()["payload"]["user_id"]: each.to_dict()["state"] for each in found}


def test_all_is_well_only_once_it_is_known_what_became_of_the_mails(console: Browser, project: Project) -> None:
    put_well(project)
    for number in range(10):
        project.put_sent(f"u{number}", due_at=NOW, delivered=NOW)
    assert "Nothing is known to be wrong" in verdict(console.get("/").text)
    assert "All is well" in verdict(wait_for_charts(console.url))


def test_mails_that_do_not_arrive_are_no_success(console: Browser, project: Project) -> None:
    put_well(project)
    for number in range(60):
        project.put_sent(f"u{number}", due_at=NOW, bounced=NOW)
    said = verdict(wait_for_charts(console.url))
    assert said == "1 to look at 60 of 60 emails of the last 24 hours do not arrive: 100 %."


def test_complaints_are_named(console: Browser, project: Project) -> None:
    put_well(project)
    for number in range(60):
        project.put_sent(f"u{number}", due_at=NOW, delivered=NOW, **({"complained": NOW} if number < 3 else {}))
    assert "3 of 60 emails of the last 24 hours were marked as spam: 5 %." in verdict(wait_for_charts(console.url))


def test_reports_that_nothing_sends_are_named_with_their_age(console: Browser, project: Project) -> None:
    put_well(project)
    for number in range(120):
        state = (DeliveryState.PENDING, DeliveryState.SENDING)[number % 2]
        due_at = datetime.now(UTC) - timedelta(hours=30 if number < 100 else 1)
        shard = shard_of(f"u{number}", "default")
        project.set_delivery(f"u{number}:default", user_id=f"u{number}", shard=shard, state=state.value, due_at=due_at)
    said = verdict(wait_for_charts(console.url))
    assert "100 reports have waited for more than 2 hours, the oldest for 30 hours." in said


def test_a_new_installation_is_greeted_and_not_in_red(console: Browser) -> None:
    assert "Queue reports: paused." in verdict(console.get("/").text)
    console.act("/queues/reports/resume")
    page = console.get("/").text
    assert verdict(page).startswith("Welcome. There was no run yet: the first one is due")
    assert "<title>New · Overview" in page
    assert "message error" not in page


def test_an_act_reaches_what_was_confirmed_and_nothing_that_came_since(console: Browser, project: Project) -> None:
    for number in range(5):
        project.dead_letter(f"u{number}", cause=CAUSE)
    form = console.confirmed("dismiss", scope="all", filters="state=open")
    assert form["confirmed"] == "5"
    for number in range(5, 8):
        project.dead_letter(f"u{number}", cause="b" * 32)
    letter = project.dead_letter("u0", cause="c" * 32, error="another error")
    page = console.finished_job(console.begin("dismiss", form))
    assert "1 left out: changed since you confirmed them." in page
    assert states(project) == {
        **dict.fromkeys(("u1", "u2", "u3", "u4"), "dismissed"),
        **dict.fromkeys(("u0", "u5", "u6", "u7"), "open"),
    }
    [(_, action, _, outcome)] = project.actions()
    assert action == "Dismiss 5 dead letters"
    assert outcome == "4 dismissed; 1 left out: changed since they were confirmed"
    assert project.letter(letter)["error"] == "another error"


@pytest.mark.parametrize("act", ["replay", "dismiss"])
def test_what_was_ticked_and_has_changed_is_left_out(console: Browser, project: Project, act: str) -> None:
    first, second = project.dead_letter("u1"), project.dead_letter("u2")
    form = console.confirmed(act, id=[first, second])
    project.dead_letter("u2", error="another error")
    assert "1 left out" in console.finished_job(console.begin(act, form))
    assert {name: state == "open" for name, state in states(project).items()} == {"u1": False, "u2": True}
    assert len(project.queued()) == (act == "replay")


def test_a_confirmation_says_of_when_it_is_and_of_which_causes(console: Browser, project: Project) -> None:
    project.dead_letter("u1", cause=CAUSE, error="refused")
    project.dead_letter("u2", cause="b" * 32, error="too slow")
    page = console.act("/dead-letters/replay/confirm", page="/dead-letters", scope="all", filters="state=open").text
    assert "as they were at" in page
    assert re.search(r"<strong>1</strong> retries-exhausted: too slow", page)


def test_a_form_that_is_sent_twice_at_once_does_one_thing(console: Browser, project: Project) -> None:
    for number in range(3):
        project.dead_letter(f"u{number}")
    form = console.confirmed("replay", scope="all", filters="state=open")
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(lambda _: console.begin("replay", form), range(4)))
    assert len({answer.headers["Location"] for answer in answers}) == 1
    console.finished_job(answers[0])
    assert [each[3] for each in project.actions()] == ["3 replayed"]
    assert len(project.queued()) == 3
    token = console.token()
    with ThreadPoolExecutor() as threads:
        twice = list(threads.map(lambda _: console.post("/queues/reports/resume", {"token": token}), range(2)))
    assert all(
        "The queue is running." in console.came_to(each) or "under way" in console.came_to(each) for each in twice
    )
    assert [each[1] for each in project.actions()] == ["Replay 3 dead letters", "Resume queue"]


def test_all_causes_are_counted_and_each_acts(console: Browser, project: Project) -> None:
    for number in range(300):
        project.dead_letter(f"u{number}", cause=f"{number % 16:x}{number:031x}", delivery=None, error=f"error {number}")
    for number in range(3):
        project.dead_letter(f"v{number}", cause=f"{5:x}{5:031x}", delivery=None, error="error 5")
    page = console.get("/dead-letters").text
    assert "By cause: 300" in page
    assert "292 more causes" in page
    # What acts on all comes before the causes, and the largest cause is the first.
    assert page.index("Replay all 303…") < page.index("By cause") < page.index("error 5") < page.index("error 6")
    asked = console.act(
        "/dead-letters/replay/confirm", page="/dead-letters", cause=f"{5:x}{5:031x}", filters="state=open"
    )
    assert "Replay 4 dead letters?" in asked.text
    assert len(re.findall(r'name="cause"', console.get("/dead-letters?reason=lost").text)) == 0


def test_nothing_is_filtered_that_a_person_did_not_choose(console: Browser, project: Project) -> None:
    project.put_run("20261124T1400Z", scheduled_for=DUE + timedelta(hours=1))
    project.dead_letter("u700")
    page = console.get("/deliveries").text
    assert "u700" in page
    assert 'name="run" value=""' in page


def test_a_list_without_an_index_says_what_it_has_searched(console: Browser, project: Project) -> None:
    for number in range(110):
        project.set_delivery(
            f"u{number}:default",
            user_id=f"u{number}",
            shard=number % 30,
            state="sent",
            kind="activity",
            due_at=DUE + timedelta(minutes=number),
        )
    page = console.get("/deliveries?state=sent&kind=usage").text
    assert "There are no such deliveries among those that were searched." in page
    assert "has searched 100 deliveries" in page
    assert "Next page" in page


def test_what_firestore_does_not_say_is_missing_on_the_page_and_the_rest_is_there(project: Project) -> None:
    project.put_run()
    letter = project.dead_letter()
    with relaying(project.firestore.port) as relay, pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{relay.port}")
        with running() as console:
            # Not by the command, which would leave a connection of its own.
            console.act("/queues/reports/resume")
            assert "could not be sent" in verdict(console.get("/").text)
            relay.is_silent = True
            # The overview keeps what it has read for a few seconds.
            until = time.monotonic() + PATIENCE_SECONDS
            while "This part cannot be read" not in (page := console.get("/").text):
                assert time.monotonic() < until
            began = time.monotonic()
            page = console.get("/").text
            assert time.monotonic() - began < _PATIENCE
            assert "runs: " in verdict(page)
            assert "What came of your action cannot be read" in console.get("/?action=some").text
            assert re.search(r'reports</a></th>\s*<td>\s*<span class="state running">', page)
            began = time.monotonic()
            answer = console.get(f"/deliveries/{letter}")
            assert (answer.status_code, time.monotonic() - began < _PATIENCE) == (HTTPStatus.BAD_GATEWAY, True)
            assert "Google Cloud does not answer" in answer.text


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"rate": "0", "concurrent": "10"}, "greater than 0"),
        ({"rate": "nan", "concurrent": "10"}, "finite"),
        ({"rate": "10", "concurrent": "0"}, "greater than or equal to 1"),
        ({"rate": "10", "concurrent": "10", "note": "x" * 5000}, "at most 500 characters"),
        ({"rate": "fast", "concurrent": "10"}, "valid number"),
    ],
)
def test_what_cannot_be_is_refused_with_words_and_kept(
    console: Browser, project: Project, fields: dict[str, str], wrong: str
) -> None:
    before = project.everything()
    answer = console.act("/queues/reports/set", **fields)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert wrong in answer.text
    for value in fields.values():
        assert f'value="{value}"' in answer.text
    assert project.everything() == before


def test_a_subscription_of_a_kind_that_is_not_there_is_refused(console: Browser, project: Project) -> None:
    project.put_user()
    answer = console.act("/people/u1/subscriptions/default/save", kind="nope", cadence="daily", hour="9")
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "There is no such kind." in answer.text
    assert "<option selected>nope</option>" in answer.text
    assert 'value="9"' in answer.text
    too_long = console.act("/people/u1/subscriptions/default/save", kind="k" * 501, cadence="daily")
    assert too_long.status_code == HTTPStatus.BAD_REQUEST
    assert "at most 500 characters" in too_long.text


def seen(page: str, path: str) -> str:
    """What a form says of the values that its page showed."""
    found = re.search(r'name="seen" value="([^"]*)"', page.partition(f'action="{path}"')[2])
    assert found is not None
    return html.unescape(found[1])


def test_a_change_of_somebody_else_is_not_overwritten(console: Browser, project: Project) -> None:
    project.put_user()
    path = "/people/u1/subscriptions/default/save"
    opened = seen(console.get("/people/u1").text, path)
    changed: dict[str, Any] = {"kind": "activity", "cadence": "daily"}
    console.act(path, **changed, hour="9", seen=opened)
    late = console.act(path, **changed, hour="10", seen=opened)
    assert late.status_code == HTTPStatus.CONFLICT
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", late.text))
    assert "hour: 8 when you opened the form, 9 now" in text
    assert 'value="10"' in late.text
    again = console.act(path, **changed, hour="10", seen=seen(late.text, path))
    assert "The subscription is saved: hour 9 to 10." in console.came_to(again)
    console.act("/people/u1/subscriptions/default/pause")
    resume = "/people/u1/subscriptions/default/resume"
    opened = seen(console.get("/people/u1").text, resume)
    subscription_reference(project.database, "u1").update({"paused_because": "complained"})
    late = console.act(resume, seen=opened)
    assert late.status_code == HTTPStatus.CONFLICT
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", late.text))
    assert "paused because: operator when you opened the form, complained now" in text
    queue = seen(console.get("/queues").text, "/queues/reports/set")
    console.act("/queues/reports/set", rate="20", concurrent="100", seen=queue)
    assert console.act("/queues/reports/set", rate="5", concurrent="100", seen=queue).status_code == HTTPStatus.CONFLICT


def test_whatever_a_form_holds_it_is_refused_in_words(console: Browser, project: Project) -> None:
    project.put_user()
    project.dead_letter()
    before = project.everything()
    save, weekly = "/people/u1/subscriptions/default/save", {"kind": "activity", "cadence": "weekly"}
    asked: list[tuple[str, dict[str, str], str]] = [
        (save, {**weekly, "weekday": "9" * 5_000}, "weekday"),
        *((save, {**weekly, "hour": "25", "seen": each}, "hour") for each in ("null", "5", "[" * 100_000)),
        ("/dead-letters/dismiss/begin", {"as_of": "0001-01-01", "confirmed": "1", "scope": "all"}, "as of"),
        ("/dead-letters/dismiss/begin", {"as_of": NOW.isoformat(), "confirmed": "1"}, "No dead letter is selected"),
        ("/queues/reports/run-task", {"task": ""}, "task"),
        # The queue is paused, and the subscription is not: the page no longer has these forms.
        ("/queues/reports/pause", {"note": "x" * 501}, "at most 500 characters"),
        ("/people/u1/subscriptions/default/resume", {"note": "x" * 501}, "at most 500 characters"),
    ]
    for path, fields, word in asked:
        answer = console.act(path, **fields)
        said = re.search(r'role="alert">(.*?)</div>', answer.text, re.S)
        assert answer.status_code == HTTPStatus.BAD_REQUEST, (path, word)
        assert said is not None, (path, word)
        assert word in said[1]
    assert project.everything() == before


def test_a_page_says_only_what_came_of_an_action_that_there_was(console: Browser, project: Project) -> None:
    for asked in ("?notice=queue-paused", "?action=none", "?action=a%2Fb"):
        assert 'class="message"' not in console.get(f"/queues{asked}").text
    assert "Resume queue reports: The queue is running." in console.came_to(console.act("/queues/reports/resume"))


def test_an_open_page_is_answered_by_what_was_read_before(console: Browser, project: Project) -> None:
    project.dead_letter("u1")
    first = console.get("/dead-letters")
    reading = re.search(r'data-reading="(\w+)"', first.text)
    assert reading is not None
    project.dead_letter("u2")
    same = console.get("/dead-letters", **{HEADER: reading[1]})
    assert (same.status_code, same.text) == (HTTPStatus.NOT_MODIFIED, "")
    assert int(same.headers["Age"]) >= 0
    assert "u2" not in console.get("/dead-letters", **{HEADER: "of-another-viewer"}).text
    assert "u2" in console.get("/dead-letters").text
    # After an action it is read again.
    console.act("/queues/reports/resume")
    project.dead_letter("u3")
    assert "u3" in console.get("/dead-letters", **{HEADER: reading[1]}).text


def test_files_are_kept_by_browsers_until_they_change(console: Browser) -> None:
    [style] = re.findall(r'<link rel="stylesheet" href="([^"]+)"', console.get("/").text)
    answer = console.get(style, **{"Accept-Encoding": "gzip"})
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert re.fullmatch(r"/static/console\.[0-9a-f]{12}\.css", style)
    assert console.get("/static/console.000000000000.css").status_code == HTTPStatus.NOT_FOUND
