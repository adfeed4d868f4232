"""The emails that all tests of this folder look at, and the browser that shows them: each made once."""

import pytest

from tests.chromium import browser as browser
from tests.chromium import chromium as chromium
from tests.mails.hebrew import hebrew
from tests.mails.made import Made, all_made, made_from_sql


@pytest.fixture(scope="session")
def mails(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    """Every email."""
    with hebrew(tmp_path_factory.mktemp("locales")):
        return [*all_made(), *made_from_sql(tmp_path_factory.mktemp("sql"))]
