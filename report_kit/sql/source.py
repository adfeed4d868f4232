"""The database that a report reads, by SQLAlchemy. Whatever goes wrong there is one line that names no credentials."""

import contextlib
import functools
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from report_kit.report import PermanentError
from report_kit.sql.bigquery import BigQuery
from report_kit.sql.definition import Query
from report_kit.sql.dialect import Dialect
from report_kit.sql.parameters import Parameter
from report_kit.sql.postgresql import PostgreSQL
from report_kit.sql.rows import MOST_REPORT_BYTES, Rows, read_rows
from report_kit.sql.sample_database import SampleDatabase
from report_kit.sql.sqlite import SQLite

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

_POSTGRESQL = PostgreSQL()
_DIALECTS: Mapping[str, Dialect] = {
    "postgres": _POSTGRESQL,
    "postgresql": _POSTGRESQL,
    "postgresql+psycopg": _POSTGRESQL,
    "bigquery": BigQuery(),
    "sqlite": SQLite(),
}
_EXPECTED = "expected postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, bigquery://PROJECT/DATASET or sqlite:///FILE"
_STREAMED = 500
"""How many rows of a stream are held at once."""

_SECRET_KEYS = re.compile(r"pass|secret|token|key|credential", re.IGNORECASE)


class SourceUnavailable(Exception):
    """The database could not answer this time. The queue tries again."""


class Source:
    """A connection to a report's database, for all queries of one report.

    Args:
        connection: SQLAlchemy's.
        dialect: of the database.
        url: with what must not be told.
    """

    def __init__(self, connection: "Connection", dialect: Dialect, url: "URL") -> None:
        self._connection = connection
        self._dialect = dialect
        self._url = url
        self._room = MOST_REPORT_BYTES

    def run(self, query: Query, parameters: Mapping[str, Parameter]) -> Rows:
        """Run a query.

        Args:
            query: which.
            parameters: all that it may name.

        Returns:
            its rows, up to its limit, and as many as there is room for.

        Raises:
            PermanentError: the query fails, and would fail again.
            SourceUnavailable: it fails this time, or takes too long.
        """
        from sqlalchemy import bindparam, text

        sql = query.sql(self._dialect.name)
        statement = text(sql.text).bindparams(
            *(
                bindparam(name, self._dialect.bound(each.value), type_=self._dialect.type_of(each.type))
                for name, each in parameters.items()
                if name in sql.parameters
            )
        )
        limits = query.limits
        try:
            self._dialect.limit(self._connection, limits)
            result = self._connection.execute(statement, execution_options={"limits": limits})
            columns = tuple(result.keys()) if result.returns_rows else ()
            ends_at = time.monotonic() + limits.seconds

            def fetch(number: int) -> Sequence[Sequence[Any]]:
                # In PostgreSQL, the limit of the database is that of each request for rows.
                if time.monotonic() > ends_at:
                    raise _too_long(query, sql.line)
                return result.fetchmany(number)

            rows = read_rows(query.name, columns, fetch, most=limits.rows, room=self._room) if columns else None
            result.close()
        except self._dialect.errors() as error:
            raise self._failed(query, sql.line, error) from None
        if rows is None:
            raise PermanentError(f"{_place(query, sql.line)}: expected a SELECT: there are no columns")
        self._room -= rows.taken
        return rows

    def stream(self, query: Query) -> Iterator[Mapping[str, Any]]:
        """Run a query without parameters, and take all of its rows, however many, a few at a time.

        Args:
            query: which. Its limit of seconds is that of each request for rows.

        Yields:
            the values of each row, by the names of the columns.

        Raises:
            PermanentError, SourceUnavailable: see `run`.
        """
        from sqlalchemy import text

        sql, limits = query.sql(self._dialect.name), query.limits
        try:
            self._dialect.limit(self._connection, limits)
            result = self._connection.execute(text(sql.text), execution_options={"limits": limits})
            if not result.returns_rows:
                raise PermanentError(f"{_place(query, sql.line)}: expected a SELECT: there are no columns")
            columns = tuple(result.keys())
            while rows := result.fetchmany(_STREAMED):
                for row in rows:
                    yield dict(zip(columns, row, strict=True))
                # Whoever takes the rows may have taken long.
                self._dialect.limit(self._connection, limits)
            result.close()
        except self._dialect.errors() as error:
            raise self._failed(query, sql.line, error) from None

    def _failed(self, query: Query, line: int, error: Exception) -> Exception:
        failure = self._dialect.failure(error)
        if failure.took_too_long:
            return _too_long(query, line + failure.line)
        text = f"{_place(query, line + failure.line)}: {redacted(failure.message, self._url)}"
        return PermanentError(text) if failure.is_permanent else SourceUnavailable(text)


def _too_long(query: Query, line: int) -> SourceUnavailable:
    return SourceUnavailable(f"{_place(query, line)}: takes longer than {query.limits.seconds} seconds, its limit")


def _place(query: Query, line: int) -> str:
    return f"{query.file}:{line}: {query.path}"


@contextlib.contextmanager
def open_source(name: str, url: str, sample: SampleDatabase) -> Iterator[Source]:
    """Connect to a database. The connection is closed, or given back to its pool, at the end.

    Args:
        name: of the secret, for messages.
        url: SQLAlchemy's. `sqlite://`, a database in memory, stands for the sample.
        sample: what the kind brings along to be looked at.

    Yields:
        the connection.

    Raises:
        PermanentError: the URL is malformed, a package is missing, or the sample fails.
        SourceUnavailable: the database cannot be reached.
    """
    parsed, dialect = _parse(name, url)
    try:
        is_sample = dialect.name == SQLite.name and not parsed.database
        connection = (sample.engine() if is_sample else _engine(url)).connect()
    except PermanentError as error:
        raise PermanentError(f"{name}: {error}") from None
    except ModuleNotFoundError as error:
        raise PermanentError(f"{name}: {error.name} is missing: name it under packages in needs.yaml") from None
    except dialect.errors() as error:
        failure = dialect.failure(error)
        raise SourceUnavailable(f"{name}: cannot connect: {redacted(failure.message, parsed)}") from None
    with connection:
        yield Source(connection, dialect, parsed)


def redacted(message: str, url: "URL") -> str:
    """A message as one line, without what a URL has of credentials.

    Args:
        message: of a database or its driver.
        url: with which it was called.
    """
    for secret in filter(None, (url.render_as_string(hide_password=False), *_secrets(url))):
        message = message.replace(secret, "***")
    return " ".join(message.split())


def _secrets(url: "URL") -> list[str]:
    found = [str(url.password or "")]
    for key, value in url.query.items():
        if _SECRET_KEYS.search(key):
            found.extend([value] if isinstance(value, str) else value)
    return found


def _parse(name: str, url: str) -> tuple["URL", Dialect]:
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ModuleNotFoundError:
        raise PermanentError(f"{name}: sqlalchemy is missing: name it under packages in needs.yaml") from None
    try:
        parsed = make_url(url.strip())
    except (ArgumentError, ValueError):
        # Their messages may quote a part of the password.
        raise PermanentError(f"{name}: is not the URL of a database: {_EXPECTED}") from None
    dialect = _DIALECTS.get(parsed.drivername)
    if dialect is None:
        raise PermanentError(f"{name}: a database of this kind cannot be read: {_EXPECTED}")
    if parsed.host and "@" in f"{parsed.host}{parsed.database}":
        # What SQLAlchemy takes for the host is the end of a password, and would be told.
        raise PermanentError(f"{name}: signs such as @ and / in the password must be percent-encoded")
    return parsed, dialect


@functools.lru_cache(maxsize=8)
def _engine(url: str) -> "Engine":
    """The engine for a URL: one in a process, so that its reports share its few connections."""
    from sqlalchemy import make_url

    parsed = make_url(url.strip())
    return _DIALECTS[parsed.drivername].engine(parsed)
