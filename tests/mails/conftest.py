"""The mails that all tests of this folder look at, and the browser that shows them: each made once."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.mails.browser import executable, running
from tests.mails.hebrew import hebrew
from tests.mails.made import Made, all_made, made_from_sql

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def mails(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    """Every mail."""
    with hebrew(tmp_path_factory.mktemp("locales")), pytest.MonkeyPatch.context() as monkeypatch:
        return [*all_made(), *made_from_sql(tmp_path_factory.mktemp("sql"), monkeypatch)]


# Not for the session: Playwright keeps an event loop running in this thread, in which no other test could run its own.
@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium. Without one the tests are skipped, but not in CI, which installs it (.ci/run)."""
    path = executable()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: .ci/run installs one")
        pytest.skip("no Chromium: install it, or say where it is by CHROMIUM=/path/to/it")
    with running(path) as started:
        yield started
