"""A browser that shows mails: Chromium, wherever it is installed."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from axe_playwright_python.base import AXE_FILE_PATH

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
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


def violations(page: "Page", options: Mapping[str, Any]) -> list[str]:
    """What axe-core finds wrong with a page, a line for each element. The page must allow scripts.

    Args:
        page: as it is shown now.
        options: of axe.run. https://www.deque.com/axe/core-documentation/api-documentation/
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.add_script_tag(path=str(AXE_FILE_PATH))
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
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()
