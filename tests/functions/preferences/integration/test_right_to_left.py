"""The recipient's page in a language that is written from right to left: in Chromium, in a narrow window and a wide
one. No catalog of such a language is there yet, so the test makes one."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.preferences import page
from functions.preferences.page import Message, Page, Pages, style
from functions.preferences.store import Account
from functions.shared.mail.brand import Brand
from functions.shared.mail.language import Catalogs, Language
from functions.shared.mail.recipient_token import RecipientToken, TokenKeys
from functions.shared.records.subscription import Subscription, SubscriptionDefaults
from functions.shared.records.user import User
from functions.shared.times.schedule import Cadence
from tests.chromium import browser as browser
from tests.chromium import chromium as chromium
from tests.chromium import violations
from tests.functions.preferences.integration.test_in_a_browser import RULES, STICKING_OUT
from tests.mails import hebrew
from tests.seeding import subscription_document, user_document

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

URL = "https://reports.example.com/mails"
NOW = datetime(2026, 11, 25, 7, tzinfo=UTC)
BRAND = Brand(name="Example Cloud", color="#7c3aed")
FOLDER = Path(page.__file__).parent

_EDGES = """
(selector) => {
    const element = document.querySelector(selector);
    const text = document.createRange();
    text.selectNodeContents(element);
    const inner = text.getBoundingClientRect(), outer = element.parentElement.getBoundingClientRect();
    const css = getComputedStyle(element);
    return {
        left: inner.left - outer.left, right: outer.right - inner.right,
        borders: [css.borderLeftWidth, css.borderRightWidth], direction: css.direction,
    };
}
"""


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Language:
    folder = tmp_path_factory.mktemp("locales")
    hebrew.write_catalog(FOLDER / "locales" / "messages.pot", folder)
    return Catalogs(folder).language("he-IL")


@pytest.fixture
def shown(language: Language) -> Page:
    """Three reports of a user: one that comes, one that is paused, and one that is stopped; and what was just done."""
    user = User.from_fields("u1", user_document("u1", time_zone="Asia/Jerusalem"))
    states: dict[str, dict[str, Any]] = {
        "default": {"cadence": "weekly", "next_report_at": NOW + timedelta(days=3)},
        "usage": {"kind": "usage", "active": False, "paused_because": "user", "next_report_at": None},
        "stopped": {"kind": "usage", "active": False, "paused_because": "unsubscribed", "next_report_at": None},
    }
    defaults = SubscriptionDefaults(kind="activity", cadence=Cadence.HOURLY)
    subscriptions = [
        Subscription.from_fields("u1", name, subscription_document("u1", name, **fields), defaults, version=NOW)
        for name, fields in states.items()
    ]
    pages = Pages({"": BRAND}, TokenKeys(["a-key-of-more-than-thirty-two-letters"]), "/mails")
    message = Message(text=language.gettext("Saved."), next=language.gettext("The next report comes soon."), undo="x")
    account = Account(user=user, subscriptions=subscriptions)
    return pages.of_user(account, RecipientToken("u1", "default"), language, now=NOW, message=message)


@pytest.fixture
def show(browser: "Browser") -> "Callable[[Page, int], Any]":
    """Shows a page with its style, as the function serves it, in a window of a width."""

    def show(made: Page, width: int) -> Any:
        tab = browser.new_context(viewport={"width": width, "height": 900}).new_page()

        def answer(route: "Route") -> None:
            if ".css" in route.request.url:
                route.fulfill(body=style(BRAND.color), content_type="text/css; charset=utf-8")
            else:
                route.fulfill(body=made.html, content_type="text/html; charset=utf-8")

        tab.route("**/*", answer)
        tab.goto(URL)
        return tab

    return show


@pytest.mark.parametrize("width", [320, 800])
def test_it_is_laid_out_from_the_right(show: "Callable[[Page, int], Any]", shown: Page, width: int) -> None:
    assert '<html lang="he-IL" dir="rtl">' in shown.html
    tab = show(shown, width)
    assert violations(tab, RULES) == []
    assert tab.evaluate(STICKING_OUT) == []
    for selector in ("h1", "h2", ".state", "legend", ".brand", "summary"):
        edges = tab.evaluate(_EDGES, selector)
        assert edges["direction"] == "rtl"
        assert edges["right"] < edges["left"], selector
    assert tab.evaluate(_EDGES, ".message")["borders"] == ["0px", "4px"]
    if width > 479:
        resume, stop = (tab.locator(".actions form").nth(number).bounding_box() for number in (1, 2))
        assert resume["x"] > stop["x"]
    tab.context.close()


def test_the_same_page_is_mirrored_in_english(show: "Callable[[Page, int], Any]", shown: Page) -> None:
    """What the test above measures is not so anyway."""
    tab = show(replace(shown, html=shown.html.replace('lang="he-IL" dir="rtl"', 'lang="en" dir="ltr"')), 800)
    edges = tab.evaluate(_EDGES, "h1")
    assert edges["left"] < edges["right"]
    assert tab.evaluate(_EDGES, ".message")["borders"] == ["4px", "0px"]
    tab.context.close()


def test_the_style_names_no_side() -> None:
    css = style(BRAND.color)
    assert re.findall(r"[^;{}]*\b(?:left|right)\b[^;}]*", css) == []
    # The four sides of a box, where the second is another than the fourth.
    boxes = re.findall(
        r"(?:margin|padding|inset|border-width|border-radius):\s*([^\s;]+) ([^\s;]+) ([^\s;]+) ([^\s;]+);", css
    )
    assert [box for box in boxes if box[1] != box[3]] == []
