"""The recipient's page in Chromium: everybody can read and use it, also with a keyboard alone."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.times.schedule import Cadence
from tests.chromium import EVERYBODY, violations
from tests.chromium import browser as browser
from tests.chromium import chromium as chromium
from tests.functions.preferences.integration.conftest import House
from tests.seeding import subscription_document, subscription_reference

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RULES = {
    "runOnly": EVERYBODY,
    "resultTypes": ["violations"],
}
STICKING_OUT = """
() => [...document.querySelectorAll("body *")].filter((element) => {
    const { width, left, right } = element.getBoundingClientRect();
    return width > 1 && (right > innerWidth + 1 || left < -1);
}).map((element) => element.outerHTML.slice(0, 200))
"""


@pytest.fixture(params=[(320, "light"), (800, "dark")], ids=str)
def tab(request: pytest.FixtureRequest, browser: "Browser") -> "Iterator[Page]":
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    yield context.new_page()
    context.close()


@pytest.fixture
def user(house: House) -> str:
    """Somebody with one report of each state."""
    kind = "a_report_with_a_name_that_is_longer_than_others"
    user = house.user(user={"locale": "de"}, kind=kind, cc=["b@example.com"])
    states: dict[str, dict[str, Any]] = {
        "paused": {"active": False, "paused_because": "user"},
        "stopped": {"active": False, "paused_because": "unsubscribed"},
        "team": {"active": False, "paused_because": "operator"},
        "cron": {"cadence": "cron", "cron": "0 8 * * 1-5"},
    }
    for name, fields in states.items():
        document = subscription_document(user, name, **{"next_report_at": None, **fields})
        subscription_reference(house.database, user, name).set(document)
    return user


def _problems(tab: "Page") -> list[str]:
    return [*violations(tab, RULES), *tab.evaluate(STICKING_OUT)]


def test_everybody_can_read_it(house: House, tab: "Page", user: str) -> None:
    tab.goto(house.link(user))
    tab.locator("summary").first.click()
    assert _problems(tab) == []
    for link in (house.link(user, copy="b@example.com"), house.url("nothing")):
        tab.goto(link)
        assert _problems(tab) == []


def test_what_has_come_of_a_form_has_the_focus_and_can_be_taken_back_by_keyboard(
    house: House, tab: "Page", user: str
) -> None:
    tab.goto(house.link(user))
    tab.get_by_role("button", name="Diesen Bericht beenden").first.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".message")
    assert house.subscription(user)["active"] is False
    assert _problems(tab) == []
    assert tab.evaluate("document.activeElement.getAttribute('role')") == "status"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("text=Es ist wieder wie zuvor.")
    assert house.subscription(user)["active"] is True


def test_only_the_fields_of_a_cadence_are_shown(house: House, tab: "Page", user: str) -> None:
    tab.goto(house.link(user))
    form = tab.locator("form.schedule").first
    for cadence in set(Cadence) - {Cadence.CRON}:
        form.locator("[name=cadence]").select_option(cadence)
        shown = {name for name in ("hour", "weekday", "day") if form.locator(f"[name={name}]").is_visible()}
        assert shown == set(cadence.fields) - {"minute"}, cadence


@pytest.mark.parametrize("copy", ["", "b@example.com"], ids=["the user", "who gets a copy"])
@pytest.mark.parametrize("logo", ["https://evil.example;sandbox/", "https://evil.example,sandbox/"])
def test_no_brand_of_a_document_stops_the_stop_button(house: House, browser: "Browser", logo: str, copy: str) -> None:
    user = house.user(user={"brand": {"logo_url": logo}}, cc=["b@example.com"])
    page = browser.new_page()
    page.goto(house.link(user, copy=copy))
    page.locator("form[action$='/stop'] button").click()
    page.wait_for_selector(".message")
    if copy:
        assert house.subscription(user)["cc"] == []
    else:
        assert house.subscription(user)["active"] is False
    page.context.close()
