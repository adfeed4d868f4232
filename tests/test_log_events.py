"""docs/reference/log-events.md lists the log events of each function, for filters and alerts."""

import re
from itertools import chain

import pytest

from tests.documents.log_events import FUNCTIONS, described, logged_events
from tests.support import REPOSITORY

_STABLE_NAME = re.compile(r"[a-z]+(?:_[a-z]+)+")
_PAGE = (REPOSITORY / "docs" / "reference" / "log-events.md").read_text(encoding="utf-8")


def table_of(function: str) -> str:
    """The part of the page."""
    return _PAGE.partition(f"<!-- made by make reference: {function.replace('_', '-')} -->")[2].partition("<!-- end")[0]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_page_says_what_each_event_means_and_what_to_do(function: str) -> None:
    events, texts = logged_events(function), described(table_of(function))
    assert events.keys() == texts.keys(), "run make reference"
    for name, (says, what_to_do) in texts.items():
        assert says, name
        assert what_to_do or events[name].severity in {"DEBUG", "INFO"}, name


def test_each_log_event_has_a_stable_name() -> None:
    names = chain.from_iterable(map(logged_events, FUNCTIONS))
    assert [name for name in names if not _STABLE_NAME.fullmatch(name)] == []
