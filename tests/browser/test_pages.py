"""Every page in every state: everybody can read it, it fits a telephone, it asks no other server for anything, and what
is stored is only text in it."""

import csv
import re
import threading
import uuid
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from functions.shared.records.ids import is_document_id
from operations.console.jobs import Job
from operations.dead_letters.dead_letter_result import DeadLetterResult
from operations.dead_letters.dismissal import DismissalOutcome
from operations.operator_actions import OperatorActions
from operations.parallel import PARALLEL
from operations.runs.sending import Sending
from tests.browser.house import EMPTY, FULL, MANY, House, furnished, part
from tests.browser.local_cloud import Cloud
from tests.browser.staged import MARKUP, MARKUP_ID, PROJECT, Stage
from tests.browser.tab import Tab, opened
from tests.console_server import OPERATOR
from tests.silent_relay import relaying
from tests.support import PATIENCE_SECONDS, now

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

pytestmark = pytest.mark.thorough

READ_ONLY = (
    *("overview", "a delivery that is dead", "dead letters", "a dead letter that is open"),
    *("queues", "people", "a user, usual", "local cloud"),
)
KNOWN = (
    *(f"a delivery that is {state}" for state in ("pending", "sending", "skipped")),
    *(f"a dead letter that is {state}" for state in ("unknown", "dismissed", "settled")),
    *(f"a user, {name}" for name in ("without anything", "with a long name")),
)
"""Pages whose parts are on others, too."""
PLAIN = (
    *("overview", "deliveries", "a delivery that is bounced", "dead letters"),
    *("a job that has ended", "queues", "a user, usual", "mails"),
)
EVERYDAY = ("overview", "a delivery that is dead", "dead letters", "a user, usual")
"""What `make test` looks at, too."""
ERRORS = {
    "/nothing": 404,
    f"/people/{part(MARKUP)}": 404,
    "/deliveries?user=a/b": 400,
    "/runs/none": 404,
}


@pytest.fixture(scope="module")
def house(cloud: Cloud) -> Iterator[House]:
    with furnished(cloud) as house:
        yield house


@pytest.fixture(scope="module")
def tab(browser: "Browser") -> Iterator[Tab]:
    with opened(browser, "") as tab:
        yield tab


_UNFOLD = "document.querySelectorAll('details').forEach((details) => { details.open = true })"
_ASKS_FOR_ITSELF = """
() => [...document.querySelectorAll("[data-live]")].every(
    (part) => new URL(part.dataset.live, location).pathname === location.pathname
)
"""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.everyday if name in EVERYDAY else ()) for name in FULL]
)
def test_everybody_can_read_a_page(house: House, tab: Tab, name: str) -> None:
    tab.visit(house.full.url, FULL[name](house))
    # With every form.
    tab.page.evaluate(_UNFOLD)
    assert tab.looks(is_known=name in KNOWN) == []
    assert tab.page.evaluate(_ASKS_FOR_ITSELF)


def test_everybody_can_read_a_page_with_many_rows(house: House, tab: Tab) -> None:
    tab.visit(house.full.url, MANY)
    assert tab.looks(is_known=True) == []
    assert tab.page.get_by_role("link", name="Next page").is_visible()


def test_everybody_can_read_a_page_that_is_read_only(house: House, tab: Tab) -> None:
    for name in READ_ONLY:
        page = requests.get(f"{house.read_only.url}{FULL[name](house)}", timeout=PATIENCE_SECONDS).text
        assert 'method="post"' not in page, name
        assert "formaction" not in page, name
    tab.visit(house.read_only.url, FULL["a user, usual"](house))
    assert tab.looks(is_known=True) == []


def test_a_viewer_sees_no_address_of_the_local_cloud(house: House) -> None:
    mail = f"/local/mails/{part(house.mail)}"
    for path in ("/local", "/local/slack", "/local/mails", mail, f"{mail}/html", f"{mail}/message.eml"):
        answer = requests.get(f"{house.read_only.url}{path}", timeout=PATIENCE_SECONDS)
        assert answer.status_code == (200 if path in {"/local", "/local/slack"} else 403), path
        assert re.findall(r"[\w.]+@[\w.]+\.\w+", answer.text) == [], path


@pytest.mark.parametrize("name", EMPTY)
def test_everybody_can_read_an_empty_page(house: House, tab: Tab, name: str) -> None:
    tab.visit(house.empty.url, EMPTY[name])
    assert tab.looks(is_known=True) == []
    # It says that there is nothing, in place of an empty table.
    assert tab.page.locator("main tbody:not(:has(tr))").count() == 0


def test_everybody_can_read_what_firestore_does_not_say(cloud: Cloud, browser: "Browser") -> None:
    port = int(cloud.target.require("FIRESTORE_EMULATOR_HOST").rpartition(":")[2])
    with relaying(port) as relay, pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{relay.port}")
        relay.is_silent = True
        with cloud.console_of("silent-project") as silent, opened(browser, silent.url) as tab:
            for path, status, said in (("/", 200, "This part cannot be read"), ("/runs", 502, "does not answer")):
                tab.open(path, status=status)
                assert said in tab.page.locator("main").inner_text()
                assert tab.looks(is_known=status != 200) == []


def test_everybody_can_read_an_error(house: House, tab: Tab) -> None:
    for path, status in ERRORS.items():
        answer = requests.get(f"{house.full.url}{path}", timeout=PATIENCE_SECONDS)
        assert (answer.status_code, 'role="alert"' in answer.text) == (status, True), path
    tab.visit(house.full.url, "/nothing", status=404)
    assert tab.looks(is_known=True) == []


@pytest.mark.parametrize("act", ["replay", "dismiss"])
def test_everybody_can_read_what_an_act_asks_first(house: House, tab: Tab, act: str) -> None:
    tab.visit(house.full.url, "/dead-letters")
    tab.page.get_by_role("button", name=f"{act.capitalize()} all").click()
    tab.page.get_by_role("heading", name="What would happen").wait_for()
    assert tab.looks() == []


_TEXT = """
() => {
    const main = document.querySelector("main").cloneNode(true);
    main.querySelectorAll("time, .age, .zone, [data-tick], pre").forEach((element) => element.remove());
    return main.textContent.replace(/\\s+/g, " ");
}
"""


def test_without_scripts_pages_show_the_same_under_titles_of_their_own(
    house: House, tab: Tab, browser: "Browser"
) -> None:
    titles = set()
    with opened(browser, house.full.url, java_script_enabled=False) as plain:
        for name in PLAIN:
            tab.visit(house.full.url, FULL[name](house))
            plain.open(FULL[name](house))
            assert plain.page.evaluate(_TEXT) == tab.page.evaluate(_TEXT), name
            assert plain.problems == [], name
            assert tab.page.locator("h1").inner_text().split()[0] in tab.page.title()
            titles.add(tab.page.title())
    assert len(titles) == len(PLAIN)


def test_times_are_in_the_zone_of_the_viewer_with_utc_beside(house: House, tab: Tab, browser: "Browser") -> None:
    tab.visit(house.full.url, "/runs")
    time = tab.page.locator("tbody time").first
    moment = time.get_attribute("datetime")
    assert moment is not None
    hour = int(moment[11:13])
    assert f", {(hour + 9) % 24:02}:00:00" in time.inner_text()
    assert f"{moment[:10]}T{hour:02}:00:00Z" in time.inner_text()
    with opened(browser, house.full.url, java_script_enabled=False) as plain:
        plain.open("/runs")
        assert plain.page.locator("tbody time").first.inner_text() == f"{moment[:10]}T{hour:02}:00:00Z"


def test_tables_say_how_long_ago_something_was_and_when_to_who_asks(house: House, tab: Tab) -> None:
    tab.visit(house.full.url, "/runs")
    row = tab.page.locator("tbody tr").nth(2)
    time = row.locator("time").first

    def shows_when() -> bool:
        box = time.locator(".exact").bounding_box()
        return box is not None and box["width"] > 50

    assert re.fullmatch(r"\d+ (min|h) ago", time.locator(".ago").inner_text())
    assert not shows_when()
    time.hover()
    assert shows_when()
    tab.page.mouse.move(0, 0)
    tab.go_to(row.locator("a").first)
    assert shows_when()


def test_filters_take_times_in_the_zone_of_the_viewer(house: House, browser: "Browser") -> None:
    with opened(browser, house.full.url, timezone_id="America/St_Johns") as tab:
        tab.open("/dead-letters?since=2026-11-24T13:00:00Z")
        since, until = (tab.page.get_by_label(f"Received {name}") for name in ("since", "until"))
        assert since.input_value() == "2026-11-24 09:30"
        assert "America/St_Johns" in tab.page.locator("label", has_text="Received since").inner_text()

        def asked() -> tuple[str, str]:
            tab.page.get_by_role("button", name="Show").click()
            query = parse_qs(urlsplit(tab.page.url).query)
            return query["since"][0], query["until"][0]

        until.fill("2026-07-24")
        assert asked() == ("2026-11-24T13:00:00.000Z", "2026-07-24T02:30:00.000Z")
        assert until.input_value() == "2026-07-24 00:00"
        since.fill("3d")
        assert asked() == ("3d", "2026-07-24T02:30:00.000Z")


def test_on_paper_there_is_what_a_page_says_and_nothing_to_press(house: House, tab: Tab) -> None:
    tab.page.emulate_media(media="print")
    try:
        for name in ("overview", "dead letters", "a user, usual", "an email"):
            tab.visit(house.full.url, FULL[name](house))
            to_press = tab.page.locator("nav, button, .button, input, select, summary, .ago").filter(visible=True)
            assert to_press.count() == 0, name
            assert tab.page.get_by_role("heading", level=1).is_visible()
        tab.visit(house.full.url, "/runs")
        assert "Z" in tab.page.locator("tbody time").first.inner_text()
        box = tab.page.locator("tbody time .exact").first.bounding_box()
        assert box is not None
        assert box["width"] > 50
    finally:
        tab.page.emulate_media(media="screen")


def test_where_the_focus_is_can_be_seen(house: House, tab: Tab) -> None:
    tab.visit(house.full.url, "/dead-letters")
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.textContent") == "Skip to content"
    for _ in range(30):
        outline = tab.page.evaluate("getComputedStyle(document.activeElement).outline")
        assert "solid 3px" in outline, tab.page.evaluate("document.activeElement.outerHTML")
        tab.page.keyboard.press("Tab")


def test_nothing_moves_for_those_who_want_that(house: House, browser: "Browser") -> None:
    with opened(browser, house.full.url, reduced_motion="reduce") as calm:
        for name in ("overview", "a job that goes on", "queues"):
            calm.open(FULL[name](house))
            moves = "[...document.querySelectorAll('*')].filter((each) => { const style = getComputedStyle(each); \
                return parseFloat(style.transitionDuration) || parseFloat(style.animationDuration) }).length"
            assert calm.page.evaluate(moves) == 0, name


def test_the_overview_names_what_fails(house: House, tab: Tab) -> None:
    tab.visit(house.full.url, "/")
    tab.page.get_by_role("link", name="2 of 2 reports that wait have failed").wait_for()


def test_it_stops_a_job(house: House, tab: Tab) -> None:
    goes_on = threading.Event()

    def work(thing: str) -> DeadLetterResult:
        goes_on.wait()
        return DeadLetterResult(letter_id=thing, outcome=DismissalOutcome.DISMISSED)

    things = [str(number) for number in range(2 * PARALLEL)]
    job = Job(id=uuid.uuid4().hex, title="Dismiss dead letters", total=len(things), back="/dead-letters")
    log = OperatorActions(house.full.console.session.firestore)
    house.full.console.jobs.begin(job, things, work, log=log, now=now, who=OPERATOR, subject="these")
    tab.visit(house.full.url, f"/jobs/{job.id}")
    tab.press(tab.page.get_by_role("button", name="Stop"))
    tab.page.get_by_text("It stops").wait_for()
    goes_on.set()
    while not job.ended_at:
        pass
    tab.page.reload()
    tab.page.locator("[role=status]", has_text="Stopped").wait_for()
    assert 0 < job.done < job.total


def test_it_resumes_sending(house: House, tab: Tab) -> None:
    tab.visit(house.full.url, "/")
    tab.press(tab.page.locator("summary", has_text="Resume sending"))
    tab.fill("Why", "the list is clean")
    tab.press(tab.page.get_by_role("button", name="Resume sending"))
    tab.page.locator("main [role=status]", has_text="Sending is resumed").wait_for()
    breaker = Sending(house.full.console.session.firestore).breaker()
    assert (breaker.is_stopped, breaker.resumed_by, breaker.note) == (False, OPERATOR, "the list is clean")


class Clicks:
    """Clicks, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, locator: "Locator") -> None:
        locator.click()
        self.count += 1


def test_what_support_asks_takes_few_clicks(house: House, tab: Tab, cloud: Cloud) -> None:
    """Beside the walk of a failure (test_actions.py)."""
    page, button, link = tab.page, partial(tab.page.get_by_role, "button"), partial(tab.page.get_by_role, "link")
    stage = Stage(cloud.database(PROJECT), location=cloud.target.require("LOCATION"))
    customer = stage.user("monday")
    stage.subscription(customer)
    stage.letter(customer, error="SendGrid answered 400: no such mailbox")
    log = OperatorActions(house.full.console.session.firestore)
    with log.record("grace@operator.example", "Change queue", subject="reports", now=now) as action:
        action.outcome = "rate 10 to 5"

    def find(click: Clicks) -> None:
        tab.visit(house.full.url, "/")
        page.get_by_label("address").fill("monday@example.com")
        click(button(name="Find"))

    find(missing := Clicks())
    missing(page.locator("tbody th a").first)
    page.get_by_text("its dead letter waits for a person").wait_for()
    assert "no such mailbox" in page.locator(".timeline").inner_text()

    bounces = Clicks()
    bounces(link(name="Deliveries", exact=True))
    page.get_by_label("Email").select_option("undelivered")
    page.get_by_label("Due since").fill("7d")
    bounces(button(name="Show"))
    with page.expect_download() as download:
        bounces(link(name="CSV"))
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert [(row["delivery_id"], row["mail"]) for row in rows] == [(house.staged.deliveries["bounced"], "bounced")]

    colleague = Clicks()
    colleague(link(name="Actions", exact=True))
    page.get_by_label("Who, what").fill("grace")
    colleague(button(name="Show"))
    assert page.locator("tbody tr").count() == 1
    assert "rate 10 to 5" in page.locator("tbody tr").inner_text()

    def kind_walk(verb: str) -> Clicks:
        click = Clicks()
        click(link(name="Kinds", exact=True))
        click(page.get_by_role("row", name="usage").locator("summary"))
        click(button(name=f"{verb} usage"))
        page.locator("main [role=status]", has_text=f"The kind is {verb.lower()}d").wait_for()
        return click

    pause, resume = kind_walk("Pause"), kind_walk("Resume")

    find(erasure := Clicks())
    erasure(page.locator("summary", has_text="Erase"))
    erasure(page.get_by_role("checkbox"))
    page.get_by_label("to erase").fill(customer)
    erasure(button(name="Erase", exact=True))
    page.get_by_text("Erased.").wait_for()
    find(Clicks())
    page.get_by_text("No user has this address").wait_for()
    tab.problems.clear()
    walks = (missing, bounces, colleague, pause, resume, erasure)
    assert [each.count for each in walks] == [2, 3, 2, 3, 3, 4]


def test_an_id_with_markup_is_one_that_a_document_can_have() -> None:
    assert is_document_id(MARKUP_ID)
