"""What the command prints: tables for people, JSON for programs, and everything else on standard error.

User-made texts are cut to a line and never hold an e-mail address or a control sequence of the terminal.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from functions.shared.logging import redact_addresses
from operations.moments import to_json_time, to_table_time

_PIPED_WIDTH = 100_000
"""The width of a file or a pipe: nothing is cut for it."""

_TEXT_WIDTH = 80
_ID_WIDTH = 60


class Output:
    """Where a command writes.

    Args:
        as_json: whether standard output is to hold one JSON value and nothing else.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._out = Console(highlight=False)
        if not self._out.is_terminal:
            self._out = Console(highlight=False, width=_PIPED_WIDTH)

    def rows(self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str) -> None:
        """Print rows: as a JSON array of objects with all their keys, or as a table.

        Args:
            rows: as JSON shows them, with moments as datetimes.
            columns: the keys that the table shows, with their headings.
            empty: what to say where there are none.
        """
        if self.as_json:
            self.json(rows)
        elif not rows:
            self.say(empty)
        else:
            table = Table(box=None, pad_edge=False, header_style="bold")
            for key, heading in columns.items():
                number = any(isinstance(row[key], int | float) for row in rows)
                # What a command takes as an argument is never cut: it is folded if it must be.
                is_id = key.endswith("_id") or key in {"queue", "task"}
                longest = max(len(_cell(row[key])) for row in rows)
                table.add_column(
                    heading,
                    justify="right" if number else "left",
                    overflow="fold" if is_id else "ellipsis",
                    min_width=min(longest, _ID_WIDTH) if is_id else None,
                    max_width=_TEXT_WIDTH if self._out.is_terminal and not is_id else None,
                )
            for row in rows:
                table.add_row(*(Text(_cell(row[key])) for key in columns))
            self._out.print(table)

    def fields(self, row: Mapping[str, Any]) -> None:
        """Print one thing with all its fields: as a JSON object, or a line for each."""
        if self.as_json:
            self.json(row)
            return
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for key, value in row.items():
            if not isinstance(value, Mapping):
                table.add_row(key, Text(_cell(value)))
                continue
            for inner, inner_value in value.items():
                table.add_row(f"{key}.{inner}", Text(_cell(inner_value)))
        self._out.print(table)

    def json(self, value: Any) -> None:
        """Print a JSON value, indented, with times in UTC with a Z."""
        json.dump(_to_json(value), sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")

    def say(self, line: str) -> None:
        """Tell the operator something: on standard output, or beside it where that holds JSON."""
        (self.err if self.as_json else self._out).print(Text(line), soft_wrap=True)

    def warn(self, line: str) -> None:
        """Tell the operator something to be careful about."""
        self.err.print(Text(line, style="yellow"))


def printable(text: str) -> str:
    """A text of any origin, without addresses and without what a terminal would obey."""
    return redact_addresses("".join(c if c.isprintable() or c == "\n" else "�" for c in text))


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return to_table_time(value)
        case _:
            return str(value)


def _to_json(value: Any) -> Any:
    match value:
        case datetime():
            return to_json_time(value)
        case Mapping():
            return {key: _to_json(item) for key, item in value.items()}
        case list() | tuple():
            return [_to_json(item) for item in value]
        case _:
            return value
