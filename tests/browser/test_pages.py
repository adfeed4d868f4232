"""Every page in every state: everybody can read it, it fits a telephone, it asks no other server for anything, and what
is stored is only text in it."""

import threading
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from functions.shared.records.ids import is_document_id
from operations.console.jobs import Job
from operations.dead_letters.dead_letter_result import DeadLetterResult
from operations.dead_letters.dismissal import DismissalOutcome
from operations.operator_actions import OperatorActions
from operations.parallel import PARALLEL
from operations.runs.sending import Sending
from tests.browser.house import EMPTY, FULL, House, furnished, part
from tests.browser.local_cloud import Cloud
from tests.browser.staged import MARKUP, MARKUP_ID
from tests.browser.tab import Tab, opened
from tests.console_server import OPERATOR

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.thorough

READ_ONLY = (
    *("overview", "a delivery that is dead", "dead letters", "a dead letter that is open"),
    *("queues", "people", "a user, usual", "local cloud"),
)
PLAIN = (
    *("overview", "runs", "deliveries", "a delivery that is bounced", "dead letters"),
    *("a dead letter that is open", "a job that has ended", "queues", "people", "a user, usual", "actions", "mails"),
)
EVERYDAY = ("overview", "a delivery that is dead", "dead letters", "a user, usual")
"""What `make test` looks at, too."""
ERRORS = {"/nothing": 404, f"/people/{part(MARKUP)}": 404, "/deliveries?user=a/b": 400, "/runs/none": 404}


@pytest.fixture(scope="module")
def house(cloud: Cloud) -> Iterator[House]:
    with furnished(cloud) as house:
        yield house


@pytest.fixture(scope="module")
def tab(browser: "Browser") -> Iterator[Tab]:
    with opened(browser, "") as tab:
        yield tab


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
    assert tab.looks() == []
    assert tab.page.evaluate(_ASKS_FOR_ITSELF)


@pytest.mark.parametrize("name", READ_ONLY)
def test_everybody_can_read_a_page_that_is_read_only(house: House, tab: Tab, name: str) -> None:
    tab.visit(house.read_only.url, FULL[name](house))
    assert tab.looks(1) == []
    assert tab.page.locator("form[method=post], button[formaction]").count() == 0


@pytest.mark.parametrize("name", EMPTY)
def test_everybody_can_read_an_empty_page(house: House, tab: Tab, name: str) -> None:
    tab.visit(house.empty.url, EMPTY[name])
    assert tab.looks() == []
    # It says that there is nothing, in place of an empty table.
    assert tab.page.locator("main tbody:not(:has(tr))").count() == 0


@pytest.mark.parametrize(("path", "status"), ERRORS.items())
def test_everybody_can_read_an_error(house: House, tab: Tab, path: str, status: int) -> None:
    tab.visit(house.full.url, path, status=status)
    assert tab.looks(1) == []


@pytest.mark.parametrize("act", ["replay", "dismiss"])
def test_everybody_can_read_what_an_act_asks_first(house: House, tab: Tab, act: str) -> None:
    tab.visit(house.full.url, "/dead-letters")
    tab.page.get_by_role("button", name=f"{act.capitalize()} all").click()
    tab.page.get_by_role("heading", name="What would happen").wait_for()
    assert tab.looks() == []


def test_everybody_can_read_every_form(house: House, tab: Tab) -> None:
    for path in ("/queues", f"/people/{part(house.staged.users['usual'])}", "/local", FULL["a mail"](house)):
        tab.visit(house.full.url, path)
        tab.page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true })")
        assert tab.looks() == [], path


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
    house.full.console.jobs.begin(job, things, work, log=log, who=OPERATOR, subject="these")
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


def test_an_id_with_markup_is_one_that_a_document_can_have() -> None:
    assert is_document_id(MARKUP_ID)
