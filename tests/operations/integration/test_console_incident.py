"""The console follows an incident to its end: what was replayed until it is delivered, and all of it on one page."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from operations.operator_actions import OPERATOR_ACTIONS
from tests.operations.integration.browser import Browser
from tests.operations.integration.conftest import Project

NOW = datetime.now(UTC).replace(microsecond=0)
CAUSE, OTHER_CAUSE = "a" * 32, "b" * 32


def become(project: Project, letter: str, state: str, mail: str = "") -> None:
    """A delivery that was replayed comes to its end."""
    project.set_delivery(letter, state=state)
    if mail:
        project.put_mail(letter, **{mail: NOW})


def figures(page: str) -> dict[str, tuple[int, str]]:
    """What the figures of a page count, each with the address of its list."""
    found = re.findall(r'<li><a href="([^"]+)"><strong>([\d,]+)</strong> ([^<]+)</a></li>', page)
    return {name: (int(count), html.unescape(address)) for address, count, name in found}


def users(page: str) -> set[str]:
    return set(re.findall(r'href="/people/(\w+)"', page))


def replay(console: Browser, **chosen: Any) -> str:
    """Replay dead letters, and go to the page that follows them."""
    job = console.finished_job(console.begin("replay", console.confirmed("replay", **chosen)))
    followed = re.search(r'href="(/operator-actions/\w+)">Follow', job)
    assert followed is not None
    return followed[1]


def test_what_was_replayed_is_followed_until_it_is_delivered(console: Browser, project: Project) -> None:
    letters = [project.dead_letter(f"u{number:02}", cause=CAUSE) for number in range(40)]
    project.dead_letter("other", cause=OTHER_CAUSE)
    path = replay(console, cause=CAUSE, filters="state=open")
    assert figures(console.get(path).text) == {"on their way": (40, f"{path}?outcome=waiting")}
    assert "<strong>0</strong> of 40 have ended." in console.get(path).text
    for number, letter in enumerate(letters):
        state, mail = [("sent", "delivered"), ("sent", "bounced"), ("sent", ""), ("dead", "")][number % 4]
        become(project, letter, state, mail)
    page = console.get(path).text
    found = figures(page)
    assert {name: count for name, (count, _) in found.items()} == {
        "delivered": 10,
        "not delivered: bounced, blocked or dropped": 10,
        "dead again, or still": 10,
        "accepted by the email provider": 10,
    }
    assert "<title>30 of 40 ended" in page
    for number, name in enumerate(("delivered", "not delivered: bounced, blocked or dropped")):
        listed = users(console.get(found[name][1]).text)
        assert listed == {f"u{user:02}" for user in range(number, 40, 4)}
    project.database.collection("deliveries").document(letters[0]).delete()
    assert figures(console.get(path).text)["deleted since"][0] == 1
    assert users(console.get(path).text) == {f"u{user:02}" for user in range(1, 40)}
    for letter in letters[1:]:
        become(project, letter, "sent", "complained")
    assert "<strong>All 40 have ended.</strong>" in console.get(path).text
    assert figures(console.get(path).text)["delivered"][0] == 39


def test_a_replay_by_command_is_followed_too(console: Browser, project: Project) -> None:
    become(project, project.dead_letter("u1"), "dead")
    assert project.reports("dead-letters", "replay", "--all", "--yes").status == 0
    [path] = re.findall(r'href="(/operator-actions/\w+)"', console.get("/operator-actions").text)
    assert figures(console.get(path).text)["on their way"][0] == 1
    assert console.get("/operator-actions/none").status_code == 404


def at(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_an_incident_is_on_one_page_from_its_first_failure_to_the_last_delivery(
    console: Browser, project: Project
) -> None:
    night = NOW.replace(minute=0, second=0) - timedelta(hours=20)
    project.put_run("20261123T0100Z", scheduled_for=night, state="failed", due=70, errors=3)
    project.put_run("20261123T0900Z", scheduled_for=night + timedelta(hours=8))
    for number in range(6):
        cause = CAUSE if number < 4 else OTHER_CAUSE
        letter = project.dead_letter(
            f"u{number}", cause=cause, error=cause[0] * 3, received_at=night + timedelta(seconds=number)
        )
        project.set_delivery(letter, due_at=night)
    project.dead_letter("later", cause=CAUSE, error="aaa", received_at=night + timedelta(hours=5))
    window = f"/incident?from={at(night)}&to={at(night + timedelta(hours=2))}"
    page = console.get(window).text
    assert "Run 20261123T0100Z: failed" in page
    assert "20261123T0900Z" not in page
    causes = re.findall(r'<th scope="row" class="text">.*?(aaa|bbb)</th>.*?<strong>(\d+)</strong>', page, re.S)
    assert causes == [("aaa", "4"), ("bbb", "2")]
    bars = re.findall(r'<a href="(/dead-letters\?[^"]+)" tabindex="-1" aria-label="(\d+) cause-\d">', page)
    assert sorted(int(count) for _, count in bars) == [2, 4]
    for address, count in bars:
        assert len(users(console.get(html.unescape(address)).text)) == int(count)
    assert 'aria-label="6 dead"' in page
    [confirmed] = re.findall(r'name="filters" value="([^"]+)"', page)
    path = replay(console, cause=CAUSE, filters=html.unescape(confirmed))
    project.dead_letter("late", cause=CAUSE, error="of the newest", received_at=night + timedelta(hours=1))
    page = console.get(window).text
    assert "of the newest</th>" in page
    assert figures(page)["on their way"][0] == 4
    assert "What operators did about it later" in page
    assert f'href="{path}"' in page
    # Of the emails of a time that has ended something may be known later.
    become(project, letter, "sent")
    assert "were delivered is not known" in console.get(f"/incident?from={at(night)}").text
    ended = console.get(f"/incident?from={at(night)}&to={at(night + timedelta(hours=3))}").text
    assert 'aria-label="1 sent"' in ended
    assert "is not known" not in ended
    for number in range(4):
        become(project, f"u{number}:default:20261124T1300Z", "sent", "delivered")
    console.get("/queues")
    page = console.get(window).text
    assert "<strong>All 4 have ended.</strong>" in page
    assert users(console.get(figures(page)["delivered"][1]).text) == {"u0", "u1", "u2", "u3"}
    # The action leads back to its incident.
    [back] = re.findall(r'href="(/incident\?[^"]+)"', console.get(path).text.partition("<main")[2])
    assert "What became of the reports that were sent again" in console.get(html.unescape(back)).text


def test_what_operators_do_in_the_time_is_on_the_axis_at_once(console: Browser, project: Project) -> None:
    project.reports("queue", "resume")
    window = f"/incident?from={at(NOW - timedelta(hours=1))}"
    assert console.get(window).text.count('<rect class="queue"') == 1
    console.act("/queues/reports/pause", note="it fails for u9")
    page = console.get(window).text
    assert page.count('<rect class="queue"') == 2
    assert "it fails for u9" in page
    assert 'action="/queues/reports/resume"' in page
    # An erasure changes actions that have ended.
    assert project.reports("users", "erase", "u9", "--yes").status == 0
    assert "it fails for [erased]" in console.get(window).text
    long = project.database.collection(OPERATOR_ACTIONS).document("long")
    long.set({"action": "Import users", "began_at": NOW, "ended_at": None})
    assert "under way" in console.get(window).text
    long.update({"outcome": "2 imported", "ended_at": NOW})
    assert "2 imported" in console.get(window).text


def test_a_time_that_is_none_is_refused(console: Browser) -> None:
    for asked in ("from=2d&to=3d", "from=yesterday"):
        assert console.get(f"/incident?{asked}").status_code == 400
