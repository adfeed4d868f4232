"""A tab of the browser that notices what goes wrong in it."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.chromium import EVERYBODY, violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Locator, Page

WIDE, NARROW = 1280, 320
_WIDTHS = (WIDE, NARROW, 1920, 360)
ZONE = "Asia/Tokyo"
"""Of the viewer. It is not the machine's, and has no summer time."""

_RULES = {
    "runOnly": EVERYBODY,
    "resultTypes": ["violations"],
    # An email in a frame is looked at by tests/mails; the frame runs no script, axe's neither.
    "iframes": False,
}
_RULES_OF_LOOKS = {**_RULES, "runOnly": ["color-contrast", "target-size", "scrollable-region-focusable"]}
"""Those that a page can break at one width or in one scheme only."""
_STICKING_OUT = """
() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("main *")].filter(
    (element) => element.getBoundingClientRect().right > innerWidth + 1 && !element.closest(".scroll")
).map((element) => `sticks out: ${element.outerHTML.slice(0, 200)}`)
"""
_OVERLAPPING = """
() => [...document.querySelectorAll("svg.ticks")].flatMap((axis) => {
    const shown = [...axis.querySelectorAll("text")].filter((tick) => tick.checkVisibility());
    const boxes = shown.map((tick) => tick.getBoundingClientRect());
    return shown.slice(1).flatMap((tick, index) =>
        boxes[index].right > boxes[index + 1].left ? [`overlaps the time before it: ${tick.textContent}`] : []);
})
"""
_MOST_STEPS = 400
_STEPS_BETWEEN = """
(element) => {
    const kinds = "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']";
    const stops = [...document.querySelectorAll(kinds)].filter((each) => each.checkVisibility());
    return stops.indexOf(element) - stops.indexOf(document.activeElement);
}
"""


@dataclass(kw_only=True)
class Tab:
    """A tab.

    Attributes:
        page: what it shows.
        url: of the console, without a slash at the end.
        problems: what has gone wrong since they were last asked for.
    """

    page: "Page"
    url: str
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _turns: "Iterator[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))
        self.page.on("dialog", self._note_dialog)
        self.page.on("request", lambda request: self._note_request(request.url))

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning", "dialog", "assert"}:
            self.problems.append(f"{kind}: {text}")

    def _note_dialog(self, dialog: "Dialog") -> None:
        self._note("dialog", dialog.message)
        dialog.dismiss()

    def _note_request(self, url: str) -> None:
        parts = urlsplit(url)
        self.requests.append(parts.path)
        if parts.scheme not in {"data", "blob", "about"} and f"{parts.scheme}://{parts.netloc}" != self.url:
            self.problems.append(f"request to another origin: {url}")
        if parts.path == "/hacked":
            self.problems.append(f"request by stored markup: {url}")

    def open(self, path: str, *, status: int = 200) -> None:
        """Go to a page of the console."""
        answer = self.page.goto(f"{self.url}{path}")
        assert answer is not None
        assert answer.status == status, self.page.locator("main").inner_text()
        if status >= 400:
            # The browser itself says so.
            said = f"the server responded with a status of {status}"
            self.problems = [each for each in self.problems if said not in each]

    def visit(self, url: str, path: str, *, status: int = 200) -> None:
        """Go to a page of another console."""
        if url != self.url:
            # The page that is open may ask again meanwhile.
            self.page.goto("about:blank")
        self.url = url
        self.open(path, status=status)

    def looks(self, *, is_known: bool = False) -> list[str]:
        """What is wrong with the page as it is shown: by all rules, in both schemes, on a wide screen and a narrow one;
        and what sticks out at any width. Pages take turns, so that all rules see each width and scheme on some.

        Args:
            is_known: whether other pages have the same parts: then one look is enough.
        """
        found, turn = self.problems, next(self._turns)
        self.problems = []
        widths, is_dark = [*_WIDTHS[turn % 4 :], *_WIDTHS[: turn % 4]], turn // 4 % 2 == 1
        found += self._look(widths.pop(0), is_dark=is_dark, rules=_RULES)
        if not is_known:
            found += self._look(widths.pop(0), is_dark=not is_dark, rules=_RULES_OF_LOOKS)
        for width in widths:
            found += self._look(width, is_dark=is_dark)
        return found

    def _look(self, width: int, *, is_dark: bool, rules: Mapping[str, Any] | None = None) -> list[str]:
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme="dark" if is_dark else "light")
        wrong = [*(violations(self.page, rules) if rules else ())]
        wrong += [each for look in (_STICKING_OUT, _OVERLAPPING) for each in self.page.evaluate(look)]
        return [f"{width} {'dark' if is_dark else 'light'}: {each}" for each in wrong]

    def go_to(self, locator: "Locator") -> None:
        """Move the focus to an element by the keyboard."""
        # To look after each step where the focus is takes most of a test's time.
        for _ in range(locator.evaluate(_STEPS_BETWEEN)):
            self.page.keyboard.press("Tab")
        for _ in range(_MOST_STEPS):
            if locator.evaluate("(element) => element === document.activeElement"):
                assert locator.evaluate("(element) => element.matches(':focus-visible')")
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the Tab key does not lead to {locator}")

    def press(self, locator: "Locator", key: str = "Enter") -> None:
        """Move the focus to an element, and press a key."""
        self.go_to(locator)
        self.page.keyboard.press(key)

    def fill(self, label: str, text: str) -> None:
        """Move the focus to a field, and type."""
        self.go_to(self.page.get_by_label(label).filter(visible=True))
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)


@contextmanager
def opened(browser: "Browser", url: str, **options: Any) -> Iterator[Tab]:
    """A tab, until the end of the block.

    Args:
        browser: whose.
        url: of the console, without a slash at the end.
        options: of Playwright's `new_context`.
    """
    given = {"viewport": {"width": WIDE, "height": 900}, "timezone_id": ZONE, "locale": "en-GB", **options}
    context = browser.new_context(**given)
    try:
        yield Tab(page=context.new_page(), url=url)
    finally:
        context.close()
