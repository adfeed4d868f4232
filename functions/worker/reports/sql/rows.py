"""What a query returned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from functions.worker.reports.report import PermanentError
from functions.worker.reports.sql.definition import ResultColumn
from functions.worker.reports.yaml_reader import nearest


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of a query, in its order.

    Attributes:
        query: its name.
        columns: the names of the columns.
        rows: the values, in the order of the columns.
        is_cut: whether the query has more rows than its limit.
    """

    query: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    is_cut: bool = False

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
