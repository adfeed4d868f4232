"""Figures that are shown again, and counted again meanwhile."""

import threading
from collections.abc import Callable

import pytest

from operations.console.kept_figures import FRESH_SECONDS, SHOWN_SECONDS, KeptFigures
from tests.support import PATIENCE_SECONDS


class Counting:
    """Counts how often it was read; says when it is read, and may wait."""

    def __init__(self) -> None:
        self.now = 0.0
        self.count = 0
        self.may_end = threading.Event()
        self.may_end.set()
        self.figures = KeptFigures(lambda: self.now)

    def read(self) -> int:
        assert self.may_end.wait(PATIENCE_SECONDS)
        self.count += 1
        return self.count

    def get(self) -> int:
        found: int = self.figures.get(self.read)
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


def test_older_ones_are_shown_while_they_are_counted_once() -> None:
    counting = Counting()
    counting.get()
    counting.now = FRESH_SECONDS + 1
    counting.may_end.clear()
    assert (counting.get(), counting.get()) == (1, 1)
    counting.may_end.set()
    wait_for(lambda: counting.get() == 2)
    assert counting.count == 2


def test_for_too_old_ones_the_caller_waits() -> None:
    counting = Counting()
    counting.get()
    counting.now = SHOWN_SECONDS + 1
    assert counting.get() == 2


def test_after_a_change_the_caller_waits() -> None:
    counting = Counting()
    counting.get()
    counting.figures.forget()
    assert counting.get() == 2


def test_a_count_that_fails_is_tried_again() -> None:
    counting = Counting()

    def fail() -> int:
        raise LookupError

    with pytest.raises(LookupError):
        counting.figures.get(fail)
    assert counting.get() == 1
