"""What a query returned."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from report_kit.report import PermanentError
from report_kit.sql.definition import ResultColumn
from report_kit.yaml_reader import nearest

MOST_ROW_BYTES = 256 * 1024
MOST_RESULT_BYTES = 16 * 1024 * 1024
MOST_REPORT_BYTES = 32 * 1024 * 1024
"""What the values of a row, of a query's rows and of all queries of a report take in memory: an instance of 1 GiB has
ten reports in flight, and attached files hold the values once more."""

_MOST_FETCHED = 32
"""Rows that are held before they are measured: few, since each can be large, and enough that a database that sends them
one request after another is not asked too often."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of a query, in its order.

    Attributes:
        query: its name.
        columns: the names of the columns.
        rows: the values, in the order of the columns.
        is_cut: whether the query has more rows than these: more than its limit, or than there is room for.
        is_full: whether there was no room for more.
        too_large: how many values were too large: each is None.
        taken: how many bytes of memory its rows took, those values included.
    """

    query: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    is_cut: bool = False
    is_full: bool = False
    too_large: int = 0
    taken: int = 0

    def values(self, column: ResultColumn) -> list[Any]:
        """The values of a column, row by row.

        Raises:
            PermanentError: the query returns no such column.
        """
        if column.column not in self.columns:
            raise PermanentError(
                f"{column.place}: the query {self.query} returns no column {column.column!r}, "
                f"but {', '.join(self.columns)}: {nearest(column.column, self.columns)}"
            )
        index = list(self.columns).index(column.column)
        return [row[index] for row in self.rows]

    def first(self, column: ResultColumn) -> Any:
        """The value of a column in the first row; None where there is no row."""
        return next(iter(self.values(column)), None)


def read_rows(
    query: str, columns: Sequence[str], fetch: Callable[[int], Sequence[Sequence[Any]]], *, most: int, room: int
) -> Rows:
    """Take the rows of a query, a few at a time, until there are enough.

    The first row always counts: it has a report's figures. What is too large in a row is left out, and the row stays in
    its place.

    Args:
        query: its name.
        columns: the names of its columns.
        fetch: returns the next rows, as many as it is asked for, or fewer at the end. Raises whatever it wants.
        most: how many rows are used.
        room: how many bytes are left of the report's.
    """
    rows: list[Sequence[Any]] = []
    room = min(room, MOST_RESULT_BYTES)
    taken, too_large, wanted = 0, 0, 1
    while True:
        fetched = fetch(min(wanted, most + 1 - len(rows)))
        for row in fetched:
            size = _bytes_of(row)
            is_full = bool(rows) and taken + size > room
            if is_full or len(rows) == most:
                return Rows(
                    query=query,
                    columns=columns,
                    rows=rows,
                    is_cut=True,
                    is_full=is_full,
                    too_large=too_large,
                    taken=taken,
                )
            # Also what is then left out had to be fetched.
            taken += size
            kept = tuple(row) if size <= MOST_ROW_BYTES else _without_large(row)
            too_large += sum(value is not old for value, old in zip(kept, row, strict=True))
            rows.append(kept)
        if len(fetched) < wanted:
            return Rows(query=query, columns=columns, rows=rows, too_large=too_large, taken=taken)
        wanted = min(2 * wanted, _MOST_FETCHED)


def _without_large(row: Sequence[Any]) -> tuple[Any, ...]:
    most = MOST_ROW_BYTES // len(row)
    return tuple(None if _bytes_of(value) > most else value for value in row)


def _bytes_of(value: Any) -> int:
    match value:
        case str():
            return sys.getsizeof(value)
        case bytes() | bytearray() | memoryview():
            return len(value)
        case dict():
            return sys.getsizeof(value) + sum(map(_bytes_of, value)) + sum(map(_bytes_of, value.values()))
        case Sequence():
            return sys.getsizeof(value) + sum(map(_bytes_of, value))
        case _:
            return sys.getsizeof(value)
