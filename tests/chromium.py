"""The browser in which tests look at pages and mails: Chromium, wherever it is installed."""

import functools
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH

from tests.support import variables_of_real_time

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# The first is the one without a window, which takes two thirds of the processor time of the others.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
"""A browser that shows what it is given, and calls no server."""

EVERYBODY = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
"""The rules of axe-core that make a page one that everybody can use."""

_VIOLATIONS = """
async (options) => (await axe.run(document, options)).violations.flatMap(
    (violation) => violation.nodes.map((node) => `${violation.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`)
)
"""


@functools.cache
def _axe() -> str:
    return Path(AXE_FILE_PATH).read_text()


def violations(page: "Page", options: Mapping[str, Any]) -> list[str]:
    """What axe-core finds wrong with a page, a line for each element. The page's policy does not matter.

    Args:
        page: as it is shown now.
        options: of axe.run. https://www.deque.com/axe/core-documentation/api-documentation/
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_axe())
    found: list[str] = page.evaluate(_VIOLATIONS, options)
    return found


def executable() -> str | None:
    """Where Chromium is: what CHROMIUM names, or else what the path has; None where there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def running(path: str) -> "Iterator[Browser]":
    """Chromium, until the end of the block.

    Args:
        path: of its executable.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        environment = dict[str, str | float | bool](variables_of_real_time())
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS), env=environment)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is. Without one the tests are skipped, but not in CI, which installs it (.ci/run)."""
    path = executable()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: .ci/run installs one")
        pytest.skip("tests in a browser: there is no Chromium. Install it, or set CHROMIUM=/path/to/it")
    return path


# Not for the session: Playwright keeps an event loop running in this thread, in which no other test could run its own.
@pytest.fixture(scope="module")
def browser(chromium: str) -> "Iterator[Browser]":
    """Chromium, for all tests of a module."""
    with running(chromium) as started:
        yield started
