"""A database in memory, made from a kind's `sample.sql`: for previews, tests and the local cloud."""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions.worker.reports.report import PermanentError
from functions.worker.reports.sql.report_file import shown_path
from functions.worker.reports.sql.sqlite import add_functions

if TYPE_CHECKING:
    from sqlalchemy import Engine

FILE = "sample.sql"


class SampleDatabase:
    """SQLite with what a `sample.sql` makes. Its statements can name the parameters of queries, so that the data lies
    in whatever period is asked for.

    Args:
        file: the SQL.
        values: of the parameters, as SQLite takes them.
    """

    def __init__(self, file: Path, values: Mapping[str, Any]) -> None:
        self._file = file
        self._values = values
        self._name = shown_path(file)

    def engine(self) -> "Engine":
        """Make the database, which from then on is only read.

        Raises:
            PermanentError: there is no such file, or a statement in it fails.
        """
        from sqlalchemy import StaticPool, create_engine

        connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        add_functions(connection)
        for line, statement in self._statements():
            try:
                connection.execute(statement, self._values)
            except sqlite3.Error as error:
                raise PermanentError(f"{self._name}:{line}: {error}") from None
        connection.execute("PRAGMA query_only = ON")
        return create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool, hide_parameters=True)

    def _statements(self) -> Iterator[tuple[int, str]]:
        """The statements, each with the line on which it begins."""
        try:
            lines = self._file.read_text(encoding="utf-8").splitlines(keepends=True)
        except OSError as error:
            raise PermanentError(f"{self._name}: cannot be read: {error.strerror}") from None
        statement, first = "", 1
        for number, line in enumerate(lines, 1):
            if not statement.strip():
                statement, first = "", number
            statement += line
            if sqlite3.complete_statement(statement):
                yield first, statement
                statement = ""
        if statement.strip():
            raise PermanentError(f"{self._name}:{first}: expected a semicolon at the end of the statement")
