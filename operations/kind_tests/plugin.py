"""A plugin of pytest that tests every kind of report: `pytest -p operations.kind_tests.plugin kinds`.

It adds tests to the folder of each kind, such as `kinds/sales::emails`, before those that a team writes into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take the folder of a kind, and leave others to pytest."""
    from report_kit.kind_folders import folder
    from report_kit.kinds import kinds

    if path.parent == folder().resolve() and path.name in kinds():
        return KindFolder.from_parent(parent, path=path)
    return None


class KindFolder(pytest.Package):
    """The folder of a kind, with the tests of every kind, and those that are in it."""

    def setup(self) -> None:
        """Import nothing: what keeps a kind from being imported, the test of its emails says."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """The tests."""
        from functions.shared.audiences import queries_of_recipients
        from operations.kind_tests.audience_problems import audience_problems
        from operations.kind_tests.need_problems import need_problems
        from operations.kind_tests.word_problems import word_problems

        yield KindTest.from_parent(self, name="needs", find=lambda: need_problems(self.path.name))
        yield KindTest.from_parent(self, name="words", find=lambda: word_problems(self.path))
        yield KindTest.from_parent(self, name="emails", find=self._email_problems)
        if self.path.name in queries_of_recipients(self.path.parent):
            yield KindTest.from_parent(self, name="recipients", find=lambda: audience_problems(self.path.name))
        yield from super().collect()

    def _email_problems(self) -> list[str]:
        from operations.kind_tests.email_problems import email_problems
        from operations.kind_tests.looks import examples

        tried = list(examples(self.path.name))
        if not tried:
            pytest.skip("without a sample.py no email of this kind can be tried")
        return email_problems(tried)


class Broken(Exception):
    """A kind does not hold what every kind has to; each argument says one thing."""


class KindTest(pytest.Item):
    """One of the tests of a kind."""

    def __init__(self, *, find: Callable[[], Iterable[str]], **given: Any) -> None:
        super().__init__(**given)
        self._find = find

    def runtest(self) -> None:
        """Find nothing wrong."""
        if problems := list(self._find()):
            raise Broken(*problems)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is wrong, in words."""
        if not isinstance(excinfo.value, Broken):
            return super().repr_failure(excinfo, style)
        return "\n".join(excinfo.value.args)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the test is, and its name."""
        return self.path, None, self.nodeid
