"""Whatever an operator does, by the keyboard alone, on a local cloud that runs; and pages that stay current."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.shared.records.dead_letter import DEAD_LETTERS, DeadLetterReason
from functions.shared.records.delivery import DELIVERIES, DeliveryState
from functions.shared.records.ids import run_id
from functions.shared.records.run import RUNS, RunState, StoredRun
from operations.operator_actions import OPERATOR_ACTIONS
from tests.browser.local_cloud import Cloud
from tests.browser.staged import MARKUP, Stage
from tests.browser.tab import Tab, opened
from tests.seeding import as_found, subscription_reference
from tests.support import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytestmark = pytest.mark.thorough

PATIENCE = PATIENCE_SECONDS * 1000
EVERY = 30_000
"""After so many milliseconds a page asks for its part again, and one of a run or a delivery after a third of these."""


@pytest.fixture
def tab(cloud: Cloud, browser: "Browser") -> Iterator[Tab]:
    with opened(browser, cloud.url) as tab:
        tab.page.set_default_timeout(PATIENCE)
        yield tab
        assert tab.problems == []


@pytest.fixture
def plain(cloud: Cloud, browser: "Browser") -> Iterator[Tab]:
    """A tab in which no script runs."""
    with opened(browser, cloud.url, java_script_enabled=False) as tab:
        tab.page.set_default_timeout(PATIENCE)
        yield tab
        assert tab.problems == []


@pytest.fixture
def stage(cloud: Cloud) -> Stage:
    return Stage(cloud.database(), location=cloud.target.require("LOCATION"))


@pytest.fixture
def no_scheduled_run(cloud: Cloud) -> None:
    """The schedule makes no run while the test lasts, for which pytest allows a quarter of an hour."""
    now = datetime.fromisoformat(cloud.state()["now"])
    if now.minute < 40:
        return
    hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    cloud.control("clock", seconds=(hour - now).total_seconds())
    run = cloud.database().collection(RUNS).document(run_id(hour))
    wait_until(lambda: StoredRun.from_snapshot(as_found(run.get())).latest.state is RunState.FINISHED)
    wait_until(lambda: cloud.queues().tasks("reports", 1) == [])


@pytest.fixture
def held(cloud: Cloud) -> Iterator[None]:
    """The queue is paused, so that what is enqueued stays there."""
    queues = cloud.queues()
    queues.pause("reports")
    yield
    queues.resume("reports")


def button(tab: Tab, name: str) -> Any:
    return tab.page.get_by_role("button", name=name)


def link(tab: Tab, name: str) -> Any:
    return tab.page.get_by_role("link", name=name, exact=True)


def unfold(tab: Tab, name: str) -> None:
    """Open a form that is folded in, by the keyboard."""
    tab.press(tab.page.locator("summary", has_text=name).first)


def says(tab: Tab, text: str) -> None:
    tab.page.locator("main [role=status]", has_text=text).first.wait_for()


def last_action(cloud: Cloud, action: str) -> dict[str, Any]:
    found = [each.to_dict() or {} for each in cloud.database().collection(OPERATOR_ACTIONS).stream()]
    actions = [each for each in found if each["action"].startswith(action)]
    return max(actions, key=lambda each: each["began_at"])


def letter_state(cloud: Cloud, letter: str) -> str:
    state: str = cloud.database().collection(DEAD_LETTERS).document(letter).get().get("state")
    return state


def job_ends(tab: Tab) -> None:
    tab.page.locator("[role=status]", has_text="Done").wait_for()


def test_the_walk_of_a_new_operator(cloud: Cloud, tab: Tab, no_scheduled_run: None) -> None:
    """A report is missing since SendGrid failed: the walk that docs/guides/console.md describes."""
    late = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
    for user in ("u2", "u6"):
        subscription = subscription_reference(cloud.database(), user, "default")
        # The report of the last whole day is missing. What follows it may be empty, by the time of the day.
        until = subscription.get().get("reported_until") - timedelta(days=1)
        subscription.update({"next_report_at": late, "reported_until": until})
        # Its deliveries would tell that it was sent.
        for delivery in (
            cloud.database().collection(DELIVERIES).where(filter=FieldFilter("user_id", "==", user)).stream()
        ):
            delivery.reference.delete()
    tab.open("/local")
    tab.go_to(tab.page.get_by_label("How it fails"))
    tab.page.keyboard.type("refuses-mails")
    tab.press(button(tab, "Let it fail"))
    says(tab, "The service fails")
    assert [(each["service"], each["kind"]) for each in cloud.state()["faults"]] == [("sendgrid", "refuses-mails")]
    before = datetime.fromisoformat(cloud.state()["now"])
    tab.press(button(tab, "Move"))
    says(tab, "The clock is moved")
    assert (datetime.fromisoformat(cloud.state()["now"]) - before).total_seconds() >= 60
    tab.press(button(tab, "Make a run now"))
    tab.page.get_by_role("heading", name="What it did").wait_for()
    tab.press(link(tab, "Overview"))
    failed = tab.page.locator("tr", has_text="the sender's domain is not authenticated")
    failed.get_by_role("link", name="2", exact=True).wait_for()
    tab.press(link(tab, "Local cloud"))
    tab.press(button(tab, "End all"))
    says(tab, "All services work")
    assert cloud.state()["faults"] == []
    tab.press(link(tab, "People"))
    tab.fill("address", "user2@example.com")
    tab.page.keyboard.press("Enter")
    tab.page.get_by_role("heading", name="User u2").wait_for()
    tab.press(tab.page.locator("tr", has_text="the sender's domain").locator("th a"))
    tab.page.get_by_text("its dead letter waits for a person").wait_for()
    assert "SendGrid answered 400" in tab.page.locator(".timeline li").last.inner_text()
    tab.press(link(tab, "All of the same cause"))
    tab.press(button(tab, "Replay all 2"))
    tab.page.get_by_role("heading", name="Replay 2 dead letters?").wait_for()
    tab.page.get_by_text("the sender's domain is not authenticated").wait_for()
    letters = {
        each.id
        for each in cloud.database().collection(DEAD_LETTERS).stream()
        if "the sender's domain" in each.get("error")
    }
    assert {letter_state(cloud, each) for each in letters} == {"open"}
    tab.fill("Why", "SendGrid works again")
    tab.press(button(tab, "Replay 2"))
    job_ends(tab)
    assert last_action(cloud, "Replay 2 dead letters")["note"] == "SendGrid works again"
    tab.press(link(tab, "Follow them until they are delivered"))
    # The page follows by itself.
    tab.page.get_by_role("link", name="2 delivered").wait_for()
    tab.press(tab.page.locator("tr", has_text="u2").locator("th a"))
    tab.press(tab.page.locator(".links a").first)
    tab.page.locator("iframe.mail").wait_for()
    assert {letter_state(cloud, each) for each in letters} == {"replayed"}


def test_it_dismisses_what_is_ticked_and_opens_it_again(cloud: Cloud, tab: Tab, stage: Stage) -> None:
    letter, other = (stage.letter("u2", hours_ago=hours, cause="f" * 32) for hours in (40, 41))
    tab.open(f"/dead-letters?cause={'f' * 32}")
    tab.press(tab.page.get_by_label(f"Select {letter}"), "Space")
    tab.press(button(tab, "Dismiss ticked"))
    tab.fill("Why", "not wanted")
    tab.press(button(tab, "Dismiss 1"))
    job_ends(tab)
    assert (letter_state(cloud, letter), letter_state(cloud, other)) == ("dismissed", "open")
    tab.open(f"/dead-letters/{quote(letter, safe='')}")
    tab.press(button(tab, "Reopen"))
    tab.press(button(tab, "Reopen 1"))
    job_ends(tab)
    assert letter_state(cloud, letter) == "open"


def test_nothing_is_begun_where_nothing_is_ticked_or_it_is_cancelled(cloud: Cloud, tab: Tab, stage: Stage) -> None:
    letter = stage.letter("u2", hours_ago=45, cause="1" * 32)
    tab.open(f"/dead-letters/{quote(letter, safe='')}")
    tab.press(button(tab, "Replay"))
    tab.press(tab.page.get_by_role("link", name="Cancel"))
    tab.page.get_by_role("heading", name="Dead letters", exact=True).wait_for()
    assert letter_state(cloud, letter) == "open"
    tab.press(button(tab, "Replay ticked"))
    tab.page.get_by_role("alert").wait_for()
    assert letter_state(cloud, letter) == "open"
    tab.problems.clear()


def test_a_second_mail_needs_its_words(cloud: Cloud, tab: Tab, stage: Stage, held: None) -> None:
    letter = stage.letter("u2", hours_ago=50, reason=DeadLetterReason.UNKNOWN_OUTCOME, cause="2" * 32)
    tab.open(f"/dead-letters/{quote(letter, safe='')}")
    tab.press(button(tab, "Replay"))
    tab.press(button(tab, "Replay 1"))
    # The browser refuses the form, and says which field it is about.
    assert tab.page.evaluate("document.activeElement.name") == "second_mail"
    assert letter_state(cloud, letter) == "open"
    tab.page.keyboard.type("send twice")
    tab.press(button(tab, "Replay 1"))
    job_ends(tab)
    assert letter_state(cloud, letter) == "replayed"


def test_it_pauses_changes_and_resumes_a_queue_and_runs_a_task(cloud: Cloud, tab: Tab, stage: Stage) -> None:
    tab.open("/queues")
    unfold(tab, "Pause")
    tab.fill("Why", "SendGrid is down")
    tab.press(button(tab, "Pause reports"))
    says(tab, "The queue is paused")
    assert last_action(cloud, "Pause queue")["note"] == "SendGrid is down"
    unfold(tab, "Change")
    tab.fill("Attempts a second", "20")
    tab.press(button(tab, "Change reports"))
    says(tab, "The queue is changed")
    assert cloud.queues().settings("reports").rate == 20
    tab.open("/people/u2")
    unfold(tab, "Send now")
    tab.press(button(tab, "Send now").first)
    tab.page.get_by_role("heading", name="Delivery").wait_for()
    tab.open("/queues")
    tab.press(button(tab, "Run ").first)
    says(tab, "The task is on its way")
    unfold(tab, "Resume")
    tab.press(button(tab, "Resume reports"))
    says(tab, "The queue is running")


def test_it_finds_a_user_by_address_and_changes_what_the_user_gets(cloud: Cloud, tab: Tab) -> None:
    database = cloud.database()

    def subscription(name: str) -> dict[str, Any]:
        return subscription_reference(database, "u2", name).get().to_dict() or {}

    subscription_reference(database, "u2", "extra").set({"kind": "activity", "cadence": "weekly", "shard": None})
    tab.open("/people")
    tab.fill("address", "user2@example.com")
    tab.page.keyboard.press("Enter")
    tab.page.get_by_role("heading", name="User u2").wait_for()
    section = tab.page.locator("section", has=tab.page.get_by_role("heading", name="extra"))

    def act(name: str, fields: dict[str, str], submit: str, said: str) -> None:
        tab.press(section.locator("summary", has_text=name))
        form = section.locator("details[open]")
        for label, text in fields.items():
            tab.go_to(form.get_by_label(label))
            tab.page.keyboard.press("Control+A")
            tab.page.keyboard.type(text)
        tab.press(form.get_by_role("button", name=submit))
        says(tab, said)

    # A day of the sample users is never empty, and an hour may be.
    changes = {"Cadence": "daily", "Hour": "9", "Time zone": "Asia/Tokyo"}
    act("Change", changes, "Save", "The subscription is saved")
    saved = subscription("extra")
    assert (saved["cadence"], saved["hour"], saved["time_zone"]) == ("daily", 9, "Asia/Tokyo")
    act("Pause", {"Why": "on leave"}, "Pause", "The subscription is paused")
    assert subscription("extra")["paused_because"] == "operator"
    act("Resume", {"Why": "is back"}, "Resume", "The subscription is resumed")
    assert subscription("extra")["active"] is True
    act("Send a test", {"Address": "me@example.com"}, "Send the test", "The test is sent")
    assert last_action(cloud, "Send test")["outcome"] == "The test is sent."
    act("Remove", {"Type": "extra"}, "Remove", "The subscription is removed")
    assert subscription("extra") == {}


def test_it_kills_a_function(cloud: Cloud, tab: Tab) -> None:
    tab.open("/local")
    process = {each["name"]: each["pid"] for each in cloud.state()["functions"]}["mail_events"]
    tab.press(button(tab, "Kill mail_events"))
    says(tab, "The function is killed")
    while {each["name"]: each["pid"] for each in cloud.state()["functions"]}["mail_events"] == process:
        pass


def test_without_scripts_forms_work(cloud: Cloud, plain: Tab, stage: Stage) -> None:
    letter = stage.letter("u2", hours_ago=60, cause="3" * 32)
    plain.open("/people")
    plain.page.get_by_label("address").fill("user2@example.com")
    button(plain, "Find").click()
    plain.page.get_by_role("heading", name="User u2").wait_for()
    plain.open(f"/dead-letters?cause={'3' * 32}")
    button(plain, "Dismiss all 1").click()
    button(plain, "Dismiss 1").click()
    plain.page.get_by_role("heading", name="Dismiss 1 dead letter").wait_for()
    while letter_state(cloud, letter) != "dismissed":
        pass
    plain.open("/queues")
    plain.page.locator("summary", has_text="Pause").click()
    button(plain, "Pause reports").click()
    says(plain, "The queue is paused")
    plain.page.locator("summary", has_text="Resume").click()
    button(plain, "Resume reports").click()
    says(plain, "The queue is running")


def test_an_open_page_shows_what_happens(cloud: Cloud, tab: Tab) -> None:
    tab.open("/runs")
    tab.page.evaluate("document.body.dataset.loaded = 'once'")
    # The clock of the local cloud goes on, so that it is a run of its own.
    cloud.control("clock", seconds=60)
    run = cloud.control("runs")["run_id"]
    tab.page.get_by_role("link", name=run).wait_for()
    assert tab.page.locator("tbody time .utc").count() == tab.page.locator("tbody time").count()
    assert tab.page.evaluate("document.body.dataset.loaded") == "once"


@pytest.fixture
def watched(tab: Tab, stage: Stage) -> Callable[..., int]:
    """Says how often the dead letters were asked for, while the page's clock went on for a while."""
    stage.letter("u2", hours_ago=70, cause="4" * 32)
    tab.page.clock.install()
    tab.open(f"/dead-letters?cause={'4' * 32}")

    def asked_in_a_while() -> int:
        before = tab.requests.count("/dead-letters")
        for _ in range(3):
            tab.page.clock.run_for(EVERY)
            # What it has begun to ask for has come before it asks again.
            tab.page.wait_for_load_state("networkidle")
        return tab.requests.count("/dead-letters") - before

    return asked_in_a_while


def test_a_page_is_not_refreshed_while_it_is_hidden(tab: Tab, watched: Callable[..., int]) -> None:
    assert watched() > 0
    tab.page.evaluate("Object.defineProperty(document, 'hidden', { get: () => window.isHidden, configurable: true })")
    tab.page.evaluate("window.isHidden = true")
    assert watched() == 0
    with tab.page.expect_request("**/dead-letters*"):
        tab.page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")


def test_a_page_is_not_refreshed_while_somebody_works_in_it(tab: Tab, watched: Callable[..., int]) -> None:
    box = tab.page.get_by_role("checkbox").first
    box.check()
    assert watched() == 0
    tab.page.get_by_text("Refreshing is paused, because something is ticked.").wait_for()
    assert box.is_checked()
    box.uncheck()
    tab.page.evaluate("document.activeElement.blur()")
    assert watched() > 0
    # Where the keyboard is, it stays.
    tab.go_to(tab.page.locator("tbody th a").first)
    assert watched() == 0
    tab.page.get_by_text("Refreshing is paused, because the keyboard is in what would be replaced.").wait_for()


def test_a_form_that_is_folded_out_stays_so(tab: Tab) -> None:
    tab.page.clock.install()
    tab.open("/queues")
    tab.page.locator("summary", has_text="Change").click()
    before = tab.requests.count("/queues")
    tab.page.clock.run_for(60_000)
    tab.page.wait_for_load_state("networkidle")
    assert tab.requests.count("/queues") == before
    tab.page.locator("summary", has_text="Change").click()
    with tab.page.expect_response("**/queues"):
        tab.page.clock.run_for(EVERY)


def test_what_is_folded_out_or_scrolled_stays_so_when_a_part_is_refreshed(cloud: Cloud, tab: Tab, stage: Stage) -> None:
    delivery = stage.delivery("u2", DeliveryState.SKIPPED, hours_ago=80, subscription_id="")
    tab.open(f"/deliveries/{quote(delivery, safe='')}")
    tab.page.locator("summary", has_text="All fields").click()
    stage.put(DELIVERIES, delivery, {**stage.fields(DELIVERIES, delivery), "note": "it says more"})
    tab.page.get_by_text("it says more").first.wait_for()
    assert tab.page.locator("details[open]").count() == 1
    tab.page.set_viewport_size({"width": 360, "height": 800})
    tab.open("/runs")
    tab.page.evaluate("document.querySelector('.scroll').scrollLeft = 90")
    tab.page.evaluate("document.querySelector('.scroll').dataset.read = 'once'")
    cloud.control("clock", seconds=60)
    cloud.control("runs")
    tab.page.locator(".scroll:not([data-read])").wait_for()
    assert tab.page.locator("time:not([data-shown])").count() == 0
    assert tab.page.evaluate("document.querySelector('.scroll').scrollLeft") == 90


def give(answer: dict[str, Any], route: "Route") -> None:
    """Answer a request; where there is no answer, the connection breaks."""
    if answer:
        route.fulfill(**answer)
    else:
        route.abort()


def test_a_page_says_that_it_no_longer_follows(tab: Tab) -> None:
    tab.page.clock.install()
    tab.open("/runs")
    # Identity-Aware Proxy answers a script whose session has ended with 401, and all else with a redirection.
    # https://cloud.google.com/iap/docs/sessions-howto
    redirection = {"status": 302, "headers": {"Location": "https://accounts.example/"}}
    answers: list[dict[str, Any]] = [{}, {"status": 401}, {}, redirection]
    for answer in answers:
        tab.page.route("**/runs", partial(give, answer))
        tab.page.clock.run_for(EVERY)
        says(tab, "You are no longer signed in: load the page again" if answer else "The console does not answer")
        tab.page.unroute_all()
    tab.page.clock.run_for(EVERY)
    tab.page.locator("#stale").wait_for(state="hidden")
    tab.problems.clear()


def test_stored_markup_stays_text_when_a_part_is_refreshed(tab: Tab, stage: Stage) -> None:
    delivery = stage.delivery("u2", DeliveryState.SKIPPED, hours_ago=90, subscription_id="")
    tab.open(f"/deliveries/{quote(delivery, safe='')}")
    stage.put(DELIVERIES, delivery, {**stage.fields(DELIVERIES, delivery), "note": MARKUP})
    tab.page.get_by_text("<script>hacked = 1</script>").first.wait_for()
    tab.page.wait_for_load_state("networkidle")
    assert tab.page.evaluate("typeof hacked") == "undefined"


def test_the_policy_holds_where_markup_would_come_into_a_page(tab: Tab) -> None:
    """The second wall: markup that was not escaped would run nothing, load nothing, and have no style."""
    tab.open("/runs")
    tab.page.evaluate(
        """() => {
            window.refused = [];
            document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
            const main = document.querySelector("main");
            main.insertAdjacentHTML("beforeend", `
                <img src="x:" onerror="hacked = 1"><img src="https://evil.example/x"><p style="color: red">p</p>
                <iframe src="https://evil.example/"></iframe>
                <form action="https://evil.example/"><button id="go">go</button></form>
                <b hx-get="/hacked" hx-trigger="load">b</b><base href="https://evil.example/">`);
            const script = document.createElement("script");
            script.textContent = "hacked = 1";
            main.append(script);
        }"""
    )
    tab.page.evaluate("document.getElementById('go').click()")
    wanted = ["script-src-attr", "script-src-elem", "img-src", "style-src-attr", "frame-src", "form-action", "base-uri"]
    tab.page.wait_for_function("(wanted) => wanted.every((each) => refused.includes(each))", arg=wanted)
    assert tab.page.evaluate("typeof hacked") == "undefined"
    assert "/hacked" not in tab.requests
    assert tab.page.url.endswith("/runs")
    tab.problems.clear()


def test_a_mail_runs_no_script_in_its_frame(cloud: Cloud, tab: Tab) -> None:
    tab.open("/local/mails?q=activity")
    tab.page.locator("tbody th a").first.click()
    tab.page.get_by_text("HTML check: nothing to mend").wait_for()
    frame = tab.page.locator("iframe.mail")
    frame.wait_for()
    assert "allow-scripts" not in (frame.get_attribute("sandbox") or "")
    source = frame.get_attribute("src")
    tab.page.route(
        f"**{source}",
        lambda route: route.fulfill(
            body="<p id=p>mail</p><script>document.getElementById('p').textContent = 'hacked'</script>",
            content_type="text/html",
            headers=route.fetch().headers,
        ),
    )
    tab.page.reload()
    assert tab.page.frame_locator("iframe.mail").locator("#p").inner_text() == "mail"
    tab.problems.clear()
