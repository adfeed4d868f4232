"""What time it is, a process asks in one place, and hands it down: what decides about time is given its time."""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).parent.parent

SOURCES = ("functions", "operations", "local_pipeline", "report_kit", "kinds", "emulators/src", "deployment")

BEGINNINGS = (
    "functions/*/main.py",
    "operations/commands/*.py",
    "operations/console/pages/*.py",
    "deployment/__main__.py",
)
"""Where a process, a command or a request begins."""

CLOCKS = {
    "emulators/src/local_cloud/clock.py": "It is the local cloud's clock.",
    "local_pipeline/shared_time.py": "It moves the time of the processes that the local cloud starts.",
    "operations/session.py": "It is the clock of a command and of the console, handed down as `session.now`.",
    "operations/releases/release_check.py": "It is a program of its own, which `make release` runs.",
    "functions/shared/settings.py": "pydantic gives the check of RESTORED_AT the value alone, once in each process.",
}
"""The other files that may read it, and why."""

READINGS = frozenset(
    {
        *(f"datetime.{name}" for name in ("now", "utcnow", "today")),
        "date.today",
        *(f"time.{name}" for name in ("time", "time_ns", "gmtime", "localtime", "strftime", "ctime")),
    }
)


def readings(source: str) -> Iterator[int]:
    """The lines of a module that read the machine's clock, also those that only hand on what reads it."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if f"{owner}.{node.attr}" in READINGS:
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (node.lineno for each in node.names if f"time.{each.name}" in READINGS)


def readers() -> set[str]:
    """The files that read the clock, tests of kinds aside."""
    found = set()
    for folder in SOURCES:
        for file in (ROOT / folder).rglob("*.py"):
            name = file.relative_to(ROOT).as_posix()
            if not file.name.startswith("test_") and any(readings(file.read_text(encoding="utf-8"))):
                found.add(name)
    return found


def test_only_where_something_begins_is_the_clock_read() -> None:
    begun = {name for name in readers() if any(PurePath(name).match(each) for each in BEGINNINGS)}
    assert readers() - begun == CLOCKS.keys()


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "dt.datetime.now(dt.UTC)",
        "field(default_factory=datetime.now)",
        "datetime.utcnow()",
        "date.today()",
        "time.time()",
        "time.time_ns()",
        "from time import time",
    ],
)
def test_each_way_to_read_it_is_noticed(line: str) -> None:
    assert list(readings(f"x = 1\n{line}\n")) == [2]


@pytest.mark.parametrize("line", ["time.monotonic()", "clock.now()", "self.now()", "datetime.time(8, 0)", "now()"])
def test_what_reads_none_or_is_handed_down_passes(line: str) -> None:
    assert list(readings(line)) == []
