"""What every email looks like in Chromium: nothing sticks out, everything can be read, and by a screen reader, too."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.mail.color import TEXT, contrast
from report_kit.kinds import sample
from tests.chromium import EVERYBODY, violations
from tests.mails.made import BRAND, PERIOD, Made, mail_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NARROW, WIDE = 320, 600
RULES = {
    "runOnly": EVERYBODY,
    # An email is no page of a site: it has no navigation to tell from its content.
    "rules": {"region": {"enabled": False}, "landmark-one-main": {"enabled": False}},
    "resultTypes": ["violations"],
}

_STICKING_OUT = """
() => [...document.querySelectorAll("body *")].filter((element) => {
    const { width, left, right } = element.getBoundingClientRect();
    return width && (right > innerWidth + 1 || left < -1) && !element.closest("[style*='max-height:0']");
}).map((element) => element.outerHTML.slice(0, 200))
"""
_BROKEN_WORDS = """
() => [...document.querySelectorAll("th")].filter((cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return range.getClientRects().length > 1;
}).map((cell) => cell.textContent)
"""
_SMALL_TEXT = """
() => [...document.querySelectorAll("body *")].filter((element) => {
    const size = parseFloat(getComputedStyle(element).fontSize);
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    return text && size < 12 && element.getClientRects().length && !element.closest("[style*='max-height:0']");
}).map((element) => element.outerHTML.slice(0, 200))
"""
_OTHER_WAY = """
() => [...document.querySelectorAll("h1, h2, th:first-child, td.cell:first-child, .quota")].filter((element) =>
    ["left", "-webkit-left"].includes(getComputedStyle(element).textAlign)
).map((element) => element.outerHTML.slice(0, 200))
"""

_COLORS = """
(selector) => {
    const two = (part) => Number(part).toString(16).padStart(2, "0");
    const hex = (color) => "#" + color.match(/\\d+/g).slice(0, 3).map(two).join("");
    let element = document.querySelector(selector);
    const text = getComputedStyle(element).color;
    while (/, 0\\)/.test(getComputedStyle(element).backgroundColor)) element = element.parentElement;
    return [hex(text), hex(getComputedStyle(element).backgroundColor)];
}
"""
"""Those of the text of an element, and of what it stands on."""

_CHART = "img[width='496']"
"""As wide as the layout's chart.mjml has it."""

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def open_page(browser: "Browser") -> Open:
    """Opens pages, all in one tab for each width and scheme."""
    pages: dict[tuple[int, str], Page] = {}

    def show(html: str, width: int, scheme: Any = "light") -> "Page":
        if (width, scheme) not in pages:
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True, offline=True
            )
            pages[width, scheme] = context.new_page()
        page = pages[width, scheme]
        page.set_content(html)
        return page

    return show


@pytest.mark.parametrize(
    ("width", "scheme", "rules"),
    [
        (NARROW, "light", RULES),
        pytest.param(WIDE, "dark", {"runOnly": ["color-contrast"]}, marks=pytest.mark.thorough),
    ],
)
def test_everybody_can_read_it(
    mails: list[Made], open_page: Open, width: int, scheme: str, rules: Mapping[str, Any]
) -> None:
    """axe-core finds too little contrast, pictures without a text, headings out of order, and the like."""
    found: dict[str, list[str]] = {}
    for made in mails:
        page = open_page(made.page(), width, scheme)
        if wrong := violations(page, rules):
            found[made.name] = wrong
    assert found == {}


def test_it_can_be_read_in_the_dark_mode_of_outlook(mails: list[Made], open_page: Open) -> None:
    """Outlook has no media query for it: it marks the page, and takes the rules that ask for the marks.

    https://www.caniemail.com/features/css-at-media-prefers-color-scheme/
    """
    found: dict[str, list[str]] = {}
    for made in (each for each in mails if "-en-" in each.name):
        page = open_page(made.page(), WIDE)
        page.evaluate("['data-ogsc', 'data-ogsb'].forEach((mark) => document.body.setAttribute(mark, ''))")
        assert page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor") == "rgb(25, 28, 34)"
        if wrong := violations(page, {"runOnly": ["color-contrast"]}):
            found[made.name] = wrong
    assert found == {}


@pytest.mark.parametrize("look", ["light", "dark", "outlook"])
def test_the_name_in_the_place_of_a_logo_can_be_read(open_page: Open, look: str) -> None:
    """axe-core looks at no text of a picture that is not shown."""
    brand = BRAND._replace(logo_url="https://example.com/logo.png")
    mail = mail_of("usage", sample("usage", PERIOD), brand=brand)
    page = open_page(Made("logo", mail).page(), WIDE, "dark" if look == "dark" else "light")
    if look == "outlook":
        page.evaluate("['data-ogsc', 'data-ogsb'].forEach((mark) => document.body.setAttribute(mark, ''))")
    text, ground = page.evaluate(_COLORS, ".logo")
    assert contrast(text, ground) >= TEXT


def test_axe_finds_what_cannot_be_read(open_page: Open) -> None:
    page = open_page(
        '<html lang="en"><title>x</title><h1>Hello</h1><p style="color:#999">Hello</p><img src="x"></html>', NARROW
    )
    assert {line.partition(":")[0] for line in violations(page, RULES)} == {"color-contrast", "image-alt"}


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_nothing_sticks_out_or_is_broken_or_too_small(mails: list[Made], open_page: Open, width: int) -> None:
    found: dict[str, list[str]] = {}
    for made in mails:
        page = open_page(made.page(), width)
        checks = [_STICKING_OUT, _BROKEN_WORDS, _SMALL_TEXT, *([_OTHER_WAY] if "-he-" in made.name else [])]
        if wrong := [each for check in checks for each in page.evaluate(check)]:
            found[made.name] = wrong
    assert found == {}


def test_the_labels_of_a_chart_stand_below_it_and_are_whole(mails: list[Made], open_page: Open) -> None:
    seen = 0
    for made in mails:
        page = open_page(made.page(), NARROW)
        pictures = page.locator(_CHART).all()
        # Which labels are which picture's is clear where there is one.
        for picture in pictures[:1] if len(pictures) == 1 else []:
            box = picture.bounding_box()
            assert box is not None
            labels = [label.bounding_box() for label in page.locator("td.tick").all() if label.inner_text().strip()]
            assert labels, made.name
            for label in labels:
                assert label is not None
                assert label["y"] >= box["y"] + box["height"] - 1
                assert box["x"] - 1 <= label["x"]
                assert label["x"] + label["width"] <= box["x"] + box["width"] + 1
            seen += 1
    assert seen


def test_without_pictures_their_texts_say_what_there_is_to_see(mails: list[Made], open_page: Open) -> None:
    for made in mails:
        page = open_page(made.page(pictures=False), NARROW)
        for picture in page.locator(_CHART).all():
            assert len(picture.get_attribute("alt") or "") > 20, made.name
