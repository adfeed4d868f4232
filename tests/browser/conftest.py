"""One local cloud for all tests of this folder that a process runs."""

from collections.abc import Iterator

import pytest

from tests.browser.local_cloud import Cloud, running_cloud
from tests.chromium import browser as browser
from tests.chromium import chromium as chromium


@pytest.fixture(scope="package")
def cloud(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A local cloud that has made its first run; none is started where there is no browser to look at it."""
    with running_cloud(tmp_path_factory.mktemp("cloud")) as started:
        yield started
