"""What open pages show is read once for all viewers, and as seldom as its reads allow."""

import weakref
from typing import Any, NoReturn

import pytest

from operations.console.readings import MOST_READS_AN_HOUR, Readings, Shown


class Page:
    """A page that counts how often it was read and asked for its newest change."""

    def __init__(self, *, reads: int = 0, every: int = 30, has_version: bool = True) -> None:
        self.now = 0.0
        self.read_count = self.asked = 0
        self.version = "first"
        self._reads, self._every = reads, every
        self._has_version = has_version
        self.readings = Readings(clock=lambda: self.now)

    def _read(self) -> Shown:
        self.read_count += 1
        return Shown(template="", context={"number": self.read_count}, reads=self._reads, every=self._every)

    def _ask(self) -> str:
        self.asked += 1
        return self.version

    def get(self, *, is_open: bool) -> tuple[Any, float]:
        version = self._ask if self._has_version else None
        reading, age = self.readings.get("page", is_open=is_open, read=self._read, version=version)
        return reading.shown.context["number"], age


def test_a_page_that_is_opened_is_read() -> None:
    page = Page()
    assert [page.get(is_open=False)[0] for _ in range(3)] == [1, 2, 3]


def test_an_open_page_asks_first_whether_anything_is_new() -> None:
    page = Page()
    page.get(is_open=False)
    page.now = 30
    assert page.get(is_open=True) == (1, 0)
    page.version, page.now = "second", 60
    assert page.get(is_open=True)[0] == 2
    assert (page.read_count, page.asked) == (2, 3)


def test_viewers_share_what_is_read() -> None:
    page = Page()
    page.get(is_open=False)
    page.now = 10
    assert [page.get(is_open=True) for _ in range(5)] == [(1, 10)] * 5
    assert (page.read_count, page.asked) == (1, 1)


def test_what_costs_much_is_read_seldom_and_says_its_age() -> None:
    page = Page(reads=500, has_version=False)
    page.get(is_open=False)
    page.now = 300
    assert page.get(is_open=True) == (1, 300)
    page.now = 500 * 3600 / MOST_READS_AN_HOUR
    assert page.get(is_open=True)[0] == 2


def test_an_open_page_costs_no_more_than_its_share_of_an_hour() -> None:
    page = Page(reads=700, has_version=False)
    for second in range(3600):
        page.now = second
        page.get(is_open=second > 0)
    assert 700 * page.read_count <= 1.2 * MOST_READS_AN_HOUR


def test_after_a_change_it_is_read_again() -> None:
    page = Page()
    page.get(is_open=False)
    page.readings.forget()
    assert page.get(is_open=True)[0] == 2


def test_of_a_page_that_cannot_be_read_nothing_is_kept() -> None:
    class Address:
        pass

    def fail() -> NoReturn:
        raise LookupError

    readings, address = Readings(lambda: 0.0), Address()
    with pytest.raises(LookupError):
        readings.get(address, is_open=False, read=fail, version=None)
    kept = weakref.ref(address)
    del address
    assert kept() is None
