"""The results of a report's queries, each run once, when it is first asked for."""

from collections.abc import Mapping
from typing import Any

from report_kit.sql.definition import Query, ResultColumn, SkipWhen
from report_kit.sql.parameters import Parameter
from report_kit.sql.rows import Rows
from report_kit.sql.source import Source


class Results:
    """Runs the queries of one report.

    Args:
        source: the database.
        queries: by name.
        parameters: of the period.
        before: the same, of the period before.
    """

    def __init__(
        self,
        source: Source,
        queries: Mapping[str, Query],
        parameters: Mapping[str, Parameter],
        before: Mapping[str, Parameter],
    ) -> None:
        self._source = source
        self._queries = queries
        self._parameters = {False: parameters, True: before}
        self._rows: dict[tuple[str, bool], Rows] = {}

    def rows(self, query: str, *, before: bool = False) -> Rows:
        """The rows of a query.

        Args:
            query: its name.
            before: whether over the period before.

        Raises:
            PermanentError: it fails, and would fail again.
            SourceUnavailable: it fails this time, or takes too long.
        """
        if (query, before) not in self._rows:
            self._rows[query, before] = self._source.run(self._queries[query], self._parameters[before])
        return self._rows[query, before]

    def left_out(self) -> list[Rows]:
        """The results that are larger than there is room for, of the queries that were run."""
        return [rows for rows in self._rows.values() if rows.is_full or rows.too_large]

    def first(self, column: ResultColumn, *, before: bool = False) -> Any:
        """The value of a column in the first row; None where there is no row. Raises what `rows` raises."""
        return self.rows(column.query, before=before).first(column)

    def nothing_to_report(self, when: SkipWhen) -> str:
        """Why there is nothing to report; empty where there is something. Raises what `rows` raises.

        Args:
            when: there is nothing.
        """
        reasons = []
        if when.no_rows is not None:
            if self.rows(when.no_rows).rows:
                return ""
            reasons.append(f"{when.no_rows} has no rows")
        if when.zero is not None:
            # What is too large to be read is not zero.
            if self.first(when.zero) or self.rows(when.zero.query).too_large:
                return ""
            reasons.append(f"{when.zero} is zero")
        return when.why or " and ".join(reasons)
