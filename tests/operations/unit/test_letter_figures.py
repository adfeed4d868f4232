"""A count that fails is not free."""

from types import SimpleNamespace
from typing import Any

import pytest
from google.api_core.exceptions import DeadlineExceeded

from operations.console.letter_figures import LetterFigures
from operations.console.readings import MOST_READS_AN_HOUR, Shown
from operations.dead_letters.dead_letters import MOST_CAUSES
from operations.dead_letters.letter_filter import LetterFilter


def fail(_: LetterFilter) -> Any:
    raise DeadlineExceeded("as the test wants it")  # type: ignore[no-untyped-call]


def test_an_open_page_whose_counts_fail_costs_no_more_than_one_that_has_them() -> None:
    figures, wanted = LetterFigures(), LetterFilter()
    slow: Any = SimpleNamespace(count=lambda _: 5_000, causes=fail)
    with pytest.raises(DeadlineExceeded):
        figures.get(slow, wanted, version="1")
    reads = figures.reads_of_failure(wanted)
    assert reads > 2 * MOST_CAUSES
    assert 3_600 / Shown(template="", context={}, reads=reads).least_seconds * reads <= MOST_READS_AN_HOUR
    sound: Any = SimpleNamespace(count=lambda _: 5_000, causes=lambda _: [])
    counted = figures.get(sound, wanted, version="1")
    with pytest.raises(DeadlineExceeded):
        figures.get(slow, wanted, version="2")
    assert figures.reads_of_failure(wanted) == counted.reads
    assert figures.get(sound, wanted, version="1").reads == 0
