"""The tables of docs/reference/log-events.md: events, severities and fields are the code's, the rest is the page's."""

import ast
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.documents.generated_parts import table
from tests.support import REPOSITORY

FUNCTIONS = ("dispatcher", "worker", "dlq_handler", "mail_events", "preferences", "api")
_SEVERITIES = {
    **{level: level.upper() for level in ("debug", "info", "warning", "error", "critical")},
    # With the traceback.
    "exception": "ERROR",
}
_HEAD = ("event", "severity", "fields", "says", "what to do")


@dataclass(frozen=True)
class LogEvent:
    """An event as the code logs it.

    Attributes:
        name: its stable name.
        severity: as Cloud Logging has it.
        fields: their names; `…` for those that depend on what happened.
    """

    name: str
    severity: str
    fields: tuple[str, ...]


def logged_events(function: str) -> dict[str, LogEvent]:
    """The events that a function logs, by name; the worker those of the kinds, too."""
    found: dict[str, LogEvent] = {}
    folders = (f"functions/{function}", *(("report_kit", "kinds") if function == "worker" else ()))
    for file in sorted(file for folder in folders for file in (REPOSITORY / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="_logger"), attr=level), args=[text, *_]):
                    assert isinstance(text, ast.Constant), f"{file}:{node.lineno}: the event has no name of its own"
                    name = str(text.value)
                    event = LogEvent(name, _SEVERITIES[level], _fields(node))
                    known = found.setdefault(name, event)
                    assert known.severity == event.severity, f"{name} has two severities"
                    found[name] = LogEvent(name, event.severity, tuple(dict.fromkeys((*known.fields, *event.fields))))
    return found


def _fields(call: ast.Call) -> tuple[str, ...]:
    named = (keyword.arg for keyword in call.keywords if keyword.arg != "exc_info")
    return (*filter(None, named), *("…" for keyword in call.keywords if keyword.arg is None))


def described(part: str) -> dict[str, tuple[str, ...]]:
    """What a table says of each event: what it means, and what to do."""
    rows = (re.split(r"(?<!\\)\|", line.strip("|")) for line in part.splitlines() if line.startswith("| `"))
    return {row[0].strip(" `"): tuple(cell.strip() for cell in row[3:]) for row in rows}


def _renew(function: str, part: str) -> str:
    events, texts = logged_events(function), described(part)
    # In the order of the page, and what is new at the end.
    names = [*(name for name in texts if name in events), *(name for name in events if name not in texts)]
    return table(_HEAD, (_row(events[name], texts.get(name, ("", ""))) for name in names))


def _row(event: LogEvent, texts: tuple[str, ...]) -> tuple[str, ...]:
    fields = ", ".join("…" if field == "…" else f"`{field}`" for field in dict.fromkeys(event.fields))
    return f"`{event.name}`", event.severity, fields, *texts


PARTS: dict[str, Any] = {function.replace("_", "-"): partial(_renew, function) for function in FUNCTIONS}
"""By name, what makes a part of the page."""
