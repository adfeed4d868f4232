"""Figures that are shown again, and counted again meanwhile."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from operations.console.kept_figures import KeptFigures
from tests.support import PATIENCE_SECONDS

FRESH_SECONDS = 8


class Counting:
    """Counts how often it was read; says when it is read, and may wait."""

    def __init__(self, *, waits: bool = True) -> None:
        self.now = 0.0
        self.begun = self.count = 0
        self.may_end = threading.Event()
        self.may_end.set()
        self.figures = KeptFigures(lambda: self.now, fresh_seconds=FRESH_SECONDS, waits=waits)

    def read(self) -> int:
        self.begun += 1
        assert self.may_end.wait(PATIENCE_SECONDS)
        self.count += 1
        return self.count

    def get(self) -> int | None:
        found: int | None = self.figures.get(self.read)
        return found


def wait_for(condition: Callable[[], bool]) -> None:
    tick = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / 0.01)):
        if condition():
            return
        tick.wait(0.01)
    raise AssertionError


def test_fresh_ones_are_not_counted_again() -> None:
    counting = Counting()
    assert counting.get() == 1
    counting.now = FRESH_SECONDS
    assert (counting.get(), counting.count) == (1, 1)


def test_for_older_ones_the_caller_waits() -> None:
    counting = Counting()
    counting.get()
    counting.now = FRESH_SECONDS + 1
    assert (counting.get(), counting.count) == (2, 2)


def test_after_a_change_the_caller_waits() -> None:
    counting = Counting()
    counting.get()
    counting.figures.forget()
    assert counting.get() == 2


def test_what_was_counted_before_a_change_is_not_shown_after_it() -> None:
    counting = Counting()
    counting.may_end.clear()
    with ThreadPoolExecutor() as threads:
        before = threads.submit(counting.get)
        wait_for(lambda: counting.begun == 1)
        counting.figures.forget()
        after = threads.submit(counting.get)
        wait_for(lambda: counting.begun == 2)
        counting.may_end.set()
        assert {before.result(), after.result()} == {1, 2}
    assert counting.get() == after.result()


def test_no_caller_waits_where_none_is_to() -> None:
    counting = Counting(waits=False)
    counting.may_end.clear()
    assert (counting.get(), counting.get()) == (None, None)
    counting.may_end.set()
    wait_for(lambda: counting.get() == 1)
    counting.now = 24 * 3600
    counting.may_end.clear()
    assert (counting.get(), counting.get()) == (1, 1)
    counting.may_end.set()
    wait_for(lambda: counting.get() == 2)
    assert counting.begun == 2


def test_after_a_change_older_ones_are_shown_where_no_caller_waits() -> None:
    counting = Counting(waits=False)
    wait_for(lambda: counting.get() == 1)
    counting.may_end.clear()
    counting.figures.forget()
    assert counting.get() == 1
    counting.may_end.set()
    wait_for(lambda: counting.get() == 2)


def fail() -> int:
    raise LookupError


def test_a_count_that_fails_is_tried_again() -> None:
    counting = Counting()
    with pytest.raises(LookupError):
        counting.figures.get(fail)
    assert counting.get() == 1


def test_a_count_for_which_no_caller_waits_fails_for_the_next_one() -> None:
    counting = Counting(waits=False)

    def is_told() -> bool:
        try:
            return counting.get() is not None
        except LookupError:
            return True

    assert counting.figures.get(fail) is None
    wait_for(is_told)
    wait_for(lambda: counting.get() == 1)
