"""What the console's pages count and list: page by page, by cause, and with a part that cannot be read."""

import html
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest

from tests.console_server import wait_for_charts
from tests.operations.integration.browser import Browser, running
from tests.operations.integration.conftest import DUE, Project
from tests.seeding import subscription_reference

NOW = datetime.now(UTC)
CAUSE, OTHER_CAUSE = "a" * 32, "b" * 32


def walk(console: Browser, path: str, wanted: str) -> list[list[str]]:
    """What is found on each page, from the first to the last."""
    pages = []
    following: str | None = path
    while following:
        page = console.get(following)
        assert page.status_code == HTTPStatus.OK, page.text
        pages.append(re.findall(wanted, page.text))
        found = re.search(r'href="([^"]+)">Next page', page.text)
        following = html.unescape(found[1]) if found else None
    return pages


def test_runs_are_listed_page_by_page(console: Browser, project: Project) -> None:
    for number in range(50):
        project.put_run(f"r{number:02}", scheduled_for=DUE - timedelta(hours=number))
    first, second = walk(console, "/runs", r'href="/runs/(r\d\d)"')
    assert [*first, *second] == [f"r{number:02}" for number in range(50)]
    assert (len(first), len(second)) == (48, 2)
    [following] = re.findall(r'href="(/runs\?after=[^"]+)">Next page', console.get("/runs").text)
    assert 'href="/runs">First page' in console.get(html.unescape(following)).text
    assert console.get("/runs?after=gone").status_code == HTTPStatus.BAD_REQUEST


def test_dead_letters_are_listed_page_by_page_with_their_filters(console: Browser, project: Project) -> None:
    for number in range(120):
        cause = CAUSE if number % 2 else OTHER_CAUSE
        project.dead_letter(
            f"u{number:03}", cause=cause, delivery=None, received_at=NOW - timedelta(minutes=number), error=cause[0]
        )
    # More than are read to find out which causes there are.
    groups = re.findall(
        r'cause=([ab])[ab]{31}"><strong>([\d,]+)</strong></a>\s*</td>', console.get("/dead-letters").text
    )
    assert sorted(groups) == [("a", "60"), ("b", "60")]
    pages = walk(console, f"/dead-letters?cause={CAUSE}", r'href="/people/(u\d+)"')
    assert [len(page) for page in pages] == [50, 10]
    assert [*pages[0], *pages[1]] == [f"u{number:03}" for number in range(1, 120, 2)]


def test_dead_letters_are_grouped_by_cause_and_all_of_each_are_counted(console: Browser, project: Project) -> None:
    for number in range(3):
        project.dead_letter(f"u{number}", cause=CAUSE, delivery=None, error="refused")
    project.dead_letter("u3", cause=OTHER_CAUSE, delivery=None, error="too slow")
    project.dead_letter("u4", cause=CAUSE, delivery=None, state="settled")
    groups = r'cause=([ab]{32})"><strong>([\d,]+)</strong></a>\s*</td>'
    assert re.findall(groups, console.get("/dead-letters").text) == [(CAUSE, "3"), (OTHER_CAUSE, "1")]
    assert re.findall(groups, console.get("/dead-letters?state=settled").text) == [(CAUSE, "1")]
    assert re.findall(groups, console.get(f"/dead-letters?cause={CAUSE}").text) == []
    assert re.findall(r'href="(/dead-letters\?cause=[^"]+)"', console.get("/").text) == [
        f"/dead-letters?cause={CAUSE}",
        f"/dead-letters?cause={OTHER_CAUSE}",
    ]


def test_people_and_actions_are_listed_page_by_page(console: Browser, project: Project) -> None:
    for number in range(51):
        project.put_user(f"u{number:02}")
        action = {
            "who": "ada",
            "action": "Pause",
            "subject": f"s{number:02}",
            "began_at": NOW - timedelta(hours=number),
        }
        project.database.collection("operator_actions").document(f"a{number}").set(action)
    for path, wanted in {"/people": r'href="/people/(u\d\d)"', "/operator-actions": r"<td>s(\d\d)</td>"}.items():
        first, second = walk(console, path, wanted)
        assert (len(first), len(second)) == (50, 1)
        assert [*first, *second] == sorted({*first, *second})
    assert console.get("/people?after=a%2Fb").status_code == HTTPStatus.BAD_REQUEST


def test_a_run_says_how_far_it_is_and_what_failed(console: Browser, project: Project) -> None:
    project.put_run(started_at=NOW, due=4, dispatched=3, errors=1, state="failed")
    for user, state in {"u1": "dead", "u2": "sent", "u3": "sending"}.items():
        letter = project.dead_letter(user, cause=CAUSE)
        project.set_delivery(letter, state=state)
    project.database.collection("dead_letters").document("u3:default:20261124T1300Z").delete()
    page = re.sub(r"<[^>]+>", "", console.get("/runs/20261124T1300Z").text)
    page = re.sub(r"\s+", " ", page)
    assert "2 of 3 reports are final. The run has failed" in page
    assert "Due: 3 dispatched + 1 errors = 4" in page
    assert re.search(r"SendGrid answered 500 for \[address\] retries-exhausted 2", page)
    project.put_run(started_at=NOW, dispatched=3)
    assert "Queue reports is paused" in console.get("/runs/20261124T1300Z").text


def linked(page: str, what: str) -> dict[str, str]:
    """The addresses that the counts of something have on a page, by the count."""
    found = re.findall(rf'<a href="([^"]+)"><strong>([\d,]+)</strong> {what}</a>', page)
    return {count: html.unescape(address) for address, count in found}


def charts(page: str) -> list[list[tuple[str, str]]]:
    """What the legends of the charts say, in the order of the page's cards."""
    cards = re.findall(r"<h2>(?:Due|Last)[^<]+</h2>(.*?)</section>", page, re.DOTALL)
    return [re.findall(r"<strong>([\d,]+)</strong> ([a-z]+(?: [a-z]+)*)", card) for card in cards]


def test_the_overview_says_what_became_of_reports_and_mails(console: Browser, project: Project) -> None:
    project.put_user()
    now = datetime.now(UTC)
    yesterday = now - timedelta(days=2)
    project.put_sent("u1", due_at=now, delivered=now)
    project.put_sent("u2", due_at=now, deferred=now, bounced=now)
    project.put_sent("u3", due_at=yesterday, delivered=yesterday, complained=now)
    project.put_sent("u4", due_at=yesterday, delivered=now)
    project.put_sent("u5", due_at=yesterday - timedelta(days=7), dropped=yesterday - timedelta(days=7))
    project.dead_letter("u6", received_at=now)
    project.set_delivery("u6:default:20261124T1300Z", due_at=now)
    first = console.get("/").text
    assert "1 report could not be sent." in first
    assert charts(first) == [[], [], []]
    _, day, week = charts(wait_for_charts(console.url))
    assert day == [("2", "sent"), ("0", "skipped"), ("1", "dead"), ("2", "delivered"), ("1", "undelivered")]
    assert week == [("4", "sent"), ("0", "skipped"), ("1", "dead"), ("3", "delivered"), ("1", "undelivered")]


def test_each_bar_and_figure_leads_to_the_list_that_it_counts(console: Browser, project: Project) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for name, hours_ago in {"u1": 2, "u2": 1, "u3": 0, "u4": 0}.items():
        due_at = hour - timedelta(hours=hours_ago)
        project.put_sent(name, due_at=due_at, delivered=due_at)
    page = wait_for_charts(console.url)
    day = page.partition("<h2>Last 24 hours</h2>")[2].partition("</section>")[0]
    bars = [html.unescape(each) for each in re.findall(r'<a href="([^"]+)" tabindex="-1" aria-label="\d+ sent">', day)]
    counts = re.findall(r'aria-label="(\d+) sent"', day)
    assert counts == ["1", "1", "2"]
    for bar, count in zip(bars, counts, strict=True):
        assert len(set(re.findall(r'href="/people/(u\d)"', console.get(bar).text))) == int(count)
    # The same for those who see no bars.
    table = re.findall(r'<td>sent</td>\s*<td class="number"><a href="([^"]+)"><strong>\d+</strong>', day)
    assert [html.unescape(each) for each in table] == bars
    assert len(set(re.findall(r'href="/people/(u\d)"', console.get(linked(day, "sent")["4"]).text))) == 4
    # Emails are listed by when something was known of them, as they are counted.
    project.put_sent("u5", due_at=hour, delivered=hour - timedelta(days=2), bounced=hour)
    delivered = [html.unescape(each) for each in re.findall(r'<a href="([^"]+)"[^>]* aria-label="\d+ delivered">', day)]
    lists = [
        *delivered,
        linked(day, "delivered")["4"],
        "/deliveries?mail=undelivered",
        "/deliveries?mail=delivered&until=1d",
    ]
    found = [set(re.findall(r'href="/people/(u\d)"', console.get(each).text)) for each in lists]
    assert found == [{"u1"}, {"u2"}, {"u3", "u4"}, {"u1", "u2", "u3", "u4"}, {"u5"}, {"u5"}]
    assert "u2" in console.get("/deliveries.csv?mail=delivered&user=u2").text
    assert len(re.findall(r"<text [^>]*>\s*\d\d:00</text>", day)) == 2 * 4


def test_what_is_due_and_paused_is_listed_by_its_figures(console: Browser, project: Project) -> None:
    now = datetime.now(UTC)
    for number in range(60):
        project.put_user(f"u{number:02}")
        due = {"next_report_at": now + timedelta(hours=2 if number < 53 else -2)}
        paused = {"active": False, "paused_because": "bounced", "next_report_at": None}
        fields = paused if number < 3 else due
        subscription_reference(project.database, f"u{number:02}", "default").update(fields)
    page = wait_for_charts(console.url)
    lists = {count: path for what in ("to come", "due now", "bounced") for count, path in linked(page, what).items()}
    assert lists.keys() == {"50", "7", "3"}
    for count, path in lists.items():
        assert sum(len(page) for page in walk(console, path, r'<td><a href="/people/(u\d\d)"')) == int(count), path
    [bar] = re.findall(r'<a href="([^"]+)" tabindex="-1" aria-label="50 due">', page)
    assert html.unescape(bar).startswith("/subscriptions?since=")
    assert "paused" in console.get("/subscriptions?paused=bounced").text
    assert "There are no such subscriptions." in console.get("/subscriptions?paused=user").text


def test_the_breaker_is_shown_and_sending_is_resumed(console: Browser, project: Project) -> None:
    project.put_breaker(stopped_at=NOW, because="complaints: 0.35 %")
    page = console.get("/").text
    assert "Sending is stopped: complaints: 0.35 %." in page
    assert "<strong>20,000</strong> delivered" in page
    assert "complained (0.35 %)" in page
    resumed = console.act("/sending/resume", note="the list is mended")
    assert "Sending is resumed" in console.came_to(resumed)
    fields = project.database.document("mail_breaker/state").get().to_dict()
    assert (fields["stopped_at"], fields["resumed_by"], fields["note"]) == (None, "ada", "the list is mended")
    assert "Sending is stopped" not in console.get("/").text
    assert "It was not stopped." in console.came_to(console.act("/sending/resume"))
    assert [each[1] for each in project.actions()] == ["Resume sending", "Resume sending"]


def test_a_reader_sees_the_breaker_and_what_is_not_known_and_cannot_resume(project: Project) -> None:
    project.put_breaker(stopped_at=NOW, because="bounces")
    project.put_sent("u1", due_at=datetime.now(UTC))
    with running(read_only=True) as console:
        page = wait_for_charts(console.url)
        assert page.count("the email provider has reported nothing in this time") == len(["24 hours", "7 days"])
        assert "undelivered" not in page
        assert "Sending is stopped" in page
        assert "/sending/resume" not in page
        assert console.post("/sending/resume", {"token": "t"}).status_code == HTTPStatus.FORBIDDEN
    assert project.database.document("mail_breaker/state").get().to_dict()["stopped_at"] is not None


def test_a_queue_that_is_missing_leaves_the_rest(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORT_QUEUES", "reports,other")
    with running() as console:
        for path in ("/", "/queues"):
            page = console.get(path)
            assert page.status_code == HTTPStatus.OK, path
            assert "There is no queue other" in page.text, path
            assert "paused" in page.text, path


def test_the_ramp_is_shown_and_malformed_variables_of_it_leave_the_queues(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE_RATE", "10")
    monkeypatch.setenv("RAMP_START", "2126-12-01")
    with running() as console:
        for path in ("/", "/queues"):
            assert "day 1 of" in console.get(path).text, path
    monkeypatch.setenv("RAMP_START", "someday")
    with running() as console:
        for path in ("/", "/queues"):
            page = console.get(path).text
            assert "RAMP_START" in page, path
            assert "paused" in page, path
