"""docs/guides/operations.md lists the log events of each function, for filters and alerts."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.function_process import REPOSITORY

_SECTIONS = {
    "dispatcher": "The dispatcher",
    "worker": "The worker",
    "dlq_handler": "The DLQ handler",
    "mail_events": "The mail events",
}
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
_EVENT = re.compile(r"[a-z]+(?:_[a-z]+)+")
"""A stable name."""


def _logged_events(function: str) -> Iterator[str]:
    """The names of the events that a function logs."""
    for file in sorted((REPOSITORY / "functions" / function).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="_logger"), attr=level),
                    args=[ast.Constant(value=str(event)), *_],
                ) if level in _LEVELS:
                    yield event


def _documented_events(function: str) -> list[str]:
    """The names in the first column of the function's table of events."""
    text = (REPOSITORY / "docs/guides/operations.md").read_text().partition("\n## Logs\n")[2].partition("\n## ")[0]
    section = text.partition(f"\n### {_SECTIONS[function]}\n")[2].partition("\n### ")[0]
    rows = section.partition("\n| event |")[2].splitlines()
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1] if row.startswith("|") else "")]


@pytest.mark.parametrize("function", _SECTIONS)
def test_the_table_has_each_log_event_once_and_no_other(function: str) -> None:
    assert sorted(_documented_events(function)) == sorted(set(_logged_events(function)))


@pytest.mark.parametrize("function", _SECTIONS)
def test_each_log_event_has_a_stable_name(function: str) -> None:
    assert [event for event in _logged_events(function) if not _EVENT.fullmatch(event)] == []
