"""Prints for the command: tables for people, JSON for programs, and everything else on standard error.

Ids and texts of documents may hold anything, such as sequences that make a terminal write to the clipboard. All output
of all commands passes through this module, which escapes what is not plainly printable: control characters, C1 and DEL
included, line breaks, and the characters that reorder a line.

Each command imports this module, and help has to be quick: see operations/commands/lazy_command.py.
"""

import base64
import csv
import io
import json
import math
import sys
import time
import traceback
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from datetime import datetime
from typing import Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from functions.shared.spreadsheet import inert
from operations.escaping import escape, is_plain
from operations.time_args import to_json_time, to_table_time

_PIPED_WIDTH = 100_000
"""The width for a file or a pipe: wide enough that no text is cut."""

_TEXT_WIDTH = 80
_ID_WIDTH = 60
_SHORTEST_TEXT = 20
"""A longer text is cut to no less, in characters: all of a time."""


class Output:
    """Where a command writes.

    Args:
        as_json: whether standard output is to hold one JSON value and nothing else.
        as_csv: whether it is to hold one table as CSV and nothing else.
    """

    def __init__(self, *, as_json: bool = False, as_csv: bool = False) -> None:
        self.as_json = as_json
        self._as_csv = as_csv
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._out = Console(highlight=False)
        if not self._out.is_terminal:
            self._out = Console(highlight=False, width=_PIPED_WIDTH)

    def rows(
        self,
        rows: Sequence[Mapping[str, Any]],
        columns: Sequence[str],
        *,
        empty: str,
        optional: Collection[str] = (),
    ) -> None:
        """Print rows: as a JSON array of objects with all their keys, as CSV with all their keys, or as a table.

        A terminal that is too narrow for a table gets its first columns, and is told which it lacks.

        Args:
            rows: as JSON shows them, with moments as datetimes.
            columns: the keys that the table shows, which are its headings, too, the most important first.
            empty: what to say where there are none.
            optional: the keys that the table leaves out where no row has a value.
        """
        if self.as_json:
            self.json(rows)
        elif self._as_csv:
            sys.stdout.write(to_csv(rows, columns))
        elif not rows:
            self.say(empty)
        else:
            wanted = [key for key in columns if key not in optional or any(row[key] for row in rows)]
            shown = self._that_fit(rows, wanted)
            self._out.print(_table(rows, shown, text_width=_TEXT_WIDTH if self._out.is_terminal else None))
            if missing := wanted[len(shown) :]:
                self.warn(f"Not shown: {', '.join(missing)}. A wider terminal shows more; --json and --csv show all.")

    def live(self, read: Callable[[], Sequence[Mapping[str, Any]]], columns: Sequence[str], *, every: float) -> None:
        """Print rows again and again, until Ctrl-C: on a terminal in place, elsewhere a line of JSON for each row that
        is new or has changed.

        Args:
            read: reads the rows, as `rows` takes them, the newest first.
            columns: as `rows` takes them.
            every: seconds between two looks.
        """
        if self._out.is_terminal and not self.as_json:
            with Live(console=self._out, auto_refresh=False) as shown:
                while True:
                    rows = read()
                    shown.update(_table(rows, self._that_fit(rows, columns), text_width=_TEXT_WIDTH), refresh=True)
                    time.sleep(every)
        told: list[str] = []
        while True:
            lines = [to_json(row, indent=None) for row in reversed(read())]
            for line in lines:
                if line not in told:
                    sys.stdout.write(line)
            sys.stdout.flush()
            told = lines
            time.sleep(every)

    def cut(self, shown: int, total: int) -> None:
        """Say that a list was cut, if it was."""
        if total > shown:
            self.warn(f"{shown:,} of {total:,}: --limit N shows more, --all shows all.")

    def _that_fit(self, rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[str]:
        """The first columns that fit the terminal; one at least."""
        shown: list[str] = []
        width = 0
        for key in keys:
            longest = max((len(_cell(row[key])) for row in rows), default=0)
            width += max(len(key), longest if is_id(key) else min(longest, _SHORTEST_TEXT)) + (2 if shown else 0)
            if shown and width > self._out.width:
                break
            shown.append(key)
        return shown

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
                table.add_row(Text(escape(key)), Text(_cell(value)))
                continue
            for inner, inner_value in value.items():
                table.add_row(Text(escape(f"{key}.{inner}")), Text(_cell(inner_value)))
        self._out.print(table)

    def json(self, value: Any) -> None:
        """Print a JSON value: see `to_json`."""
        sys.stdout.write(to_json(value))

    def say(self, line: str = "") -> None:
        """Print a line for the operator: on standard output, or on standard error if standard output holds JSON."""
        (self.err if self.as_json else self._out).print(Text(escape(line)), soft_wrap=True)

    def warn(self, line: str) -> None:
        """Print a warning for the operator."""
        self.err.print(Text(escape(line), style="yellow"))

    def confirm(self, question: str) -> bool:
        """Ask the operator; True for yes."""
        return typer.confirm(escape(question), err=True)


def is_id(key: str) -> bool:
    """Whether values of a column are arguments of commands, so that they are never cut: they wrap if needed."""
    return key.endswith("_id") or key in {"queue", "task"}


def _table(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], *, text_width: int | None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for key in keys:
        number = any(isinstance(row[key], int | float) for row in rows)
        longest = max((len(_cell(row[key])) for row in rows), default=0)
        table.add_column(
            key,
            justify="right" if number else "left",
            overflow="fold" if is_id(key) else "ellipsis",
            no_wrap=not is_id(key) and longest <= _SHORTEST_TEXT,
            min_width=min(longest, _ID_WIDTH) if is_id(key) else None,
            max_width=None if is_id(key) else text_width,
        )
    for row in rows:
        table.add_row(*(Text(_cell(row[key])) for key in keys))
    return table


def notice(line: str) -> None:
    """Print a line on standard error, for code without an Output."""
    typer.echo(escape(line), err=True)


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as CSV (RFC 4180), with a heading; what is not plainly printable is escaped as everywhere.

    Args:
        columns: the keys of the heading where there are no rows.
    """
    file = io.StringIO()
    keys = list(dict.fromkeys(key for row in rows for key in row)) or list(columns)
    writer = csv.writer(file)
    writer.writerow(map(_csv_cell, keys))
    writer.writerows([_csv_cell(row.get(key)) for key in keys] for row in rows)
    return file.getvalue()


def to_json(value: Any, *, indent: int | None = 2) -> str:
    r"""A value as JSON: times in UTC with a Z, bytes as base64, and what is not plainly printable as `\u001b`.

    Args:
        value: of the types of Firestore.
        indent: of each level, in blanks; None puts it on one line.
    """
    text = json.dumps(_json_value(value), indent=indent, ensure_ascii=False, allow_nan=False)
    # Outside strings, JSON holds only printable characters and the line breaks of the indentation.
    return "".join(c if is_plain(c) or c == "\n" else _json_escape(c) for c in text) + "\n"


def guard_logs() -> None:
    """Escape logs, too, and write them to standard error: previews call the worker's own code, which logs problems."""
    import structlog

    structlog.configure(
        processors=[structlog.processors.add_log_level, _escape_event, structlog.processors.LogfmtRenderer()],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def print_traceback(error: BaseException) -> None:
    """Print an unexpected error, which may repeat what a document holds."""
    from functions.shared.logging import redact_addresses

    text = "".join(traceback.format_exception(error))
    sys.stderr.write(escape(redact_addresses(text), keep="\n"))


def _escape_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    from functions.shared.logging import redact_addresses

    return {key: escape(redact_addresses(str(value))) for key, value in event.items()}


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[index : index + 2].hex()}" for index in range(0, len(units), 2))


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return to_table_time(value)
        case list() | tuple():
            return ", ".join(map(_cell, value))
        case _:
            return escape(str(value))


def _csv_cell(value: Any) -> str:
    match value:
        case datetime():
            return to_json_time(value) or ""
        case bool() | Mapping() | list() | tuple():
            return inert(to_json(value, indent=None).strip())
        case int() | float():
            return str(value)
        case _:
            return inert(_cell(value))


def _json_value(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case datetime():
            return to_json_time(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case Mapping():
            return {str(key): _json_value(item) for key, item in value.items()}
        case list() | tuple():
            return [_json_value(item) for item in value]
        case _:
            return _of_firestore(value)


def _of_firestore(value: Any) -> Any:
    from functions.shared.firestore.values import DocumentReference, GeoPoint

    match value:
        case GeoPoint():
            return {"latitude": value.latitude, "longitude": value.longitude}
        case DocumentReference():
            return value.path
        case _:
            return str(value)
