"""A database in memory, made from a kind's `sample.sql`: for previews, tests and the local cloud."""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from report_kit.in_memory_user_data import Documents
from report_kit.report import PermanentError
from report_kit.sample_amount import SampleAmount
from report_kit.sql.parameters import SAMPLE_ROWS, Parameter
from report_kit.sql.report_file import shown_path
from report_kit.sql.sqlite import SQLite, add_functions
from report_kit.user_data import UserData

if TYPE_CHECKING:
    from sqlalchemy import Engine

FILE = "sample.sql"

ROWS = {SampleAmount.MUCH: 200, SampleAmount.LITTLE: 3, SampleAmount.NOTHING: 0}
"""What a sample gets for its parameter :rows, by how much is to be shown."""

_COLLECTION, _DOCUMENT, _FIELD = "sample", "sample", "amount"


def sample_documents(amount: SampleAmount) -> Documents:
    """What tells a report how much its sample is to have: such a report has no other documents.

    Args:
        amount: how much.
    """
    return {_COLLECTION: {_DOCUMENT: {_FIELD: amount}}}


class SampleDatabase:
    """SQLite with what a `sample.sql` makes. Its statements can name the parameters of queries, so that the data lies
    in whatever period is asked for, and `:rows`, how much of it there is to be.

    Args:
        file: the SQL.
        parameters: of the queries.
        data: what `sample_documents` has made, or nothing.
    """

    def __init__(self, file: Path, parameters: Mapping[str, Parameter], data: UserData) -> None:
        self._file = file
        self._name = shown_path(file)
        self._parameters = parameters
        self._data = data

    def engine(self) -> "Engine":
        """Make the database, which from then on is only read.

        Raises:
            PermanentError: there is no such file, or a statement in it fails.
        """
        from sqlalchemy import StaticPool, create_engine

        connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        add_functions(connection)
        bound = SQLite().bound
        values = {name: bound(each.value) for name, each in self._parameters.items()} | {SAMPLE_ROWS: self._rows()}
        for line, statement in self._statements():
            try:
                connection.execute(statement, values)
            except sqlite3.Error as error:
                raise PermanentError(f"{self._name}:{line}: {error}") from None
        connection.execute("PRAGMA query_only = ON")
        return create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool, hide_parameters=True)

    def _rows(self) -> int:
        for _id, fields in self._data.documents(_COLLECTION, limit=1):
            return ROWS[SampleAmount(fields[_FIELD])]
        return ROWS[SampleAmount.MUCH]

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
