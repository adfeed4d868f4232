"""SQLite: for a sample, and for a file that comes with the deployment."""

import sqlite3
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from report_kit.sql.definition import Limits, ParameterType
from report_kit.sql.dialect import Dialect, Failure
from report_kit.sql.parameters import Value

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.types import TypeEngine

_STEPS = 2_000
"""SQLite asks after so many steps of its virtual machine whether to go on: some hundred times a second."""

_WAIT_SECONDS = 2.0

_PERMANENT = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_NOTADB,
}
"""What a query does wrong, rather than the file's state. https://www.sqlite.org/rescode.html"""


class SQLite(Dialect):
    """Reads a file that it opens for reading only. Moments are text in UTC, such as 2026-11-24 00:00:00."""

    name = "sqlite"

    def engine(self, url: "URL") -> "Engine":
        """See Dialect."""
        from sqlalchemy import NullPool, create_engine

        file = Path(url.database or "").absolute().as_uri()

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(
                f"{file}?mode=ro", uri=True, timeout=_WAIT_SECONDS, check_same_thread=False, isolation_level=None
            )
            add_functions(connection)
            return connection

        return create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)

    def type_of(self, kind: ParameterType) -> "TypeEngine[Any]":
        """See Dialect. SQLite has none."""
        from sqlalchemy.types import NullType

        return NullType()

    def bound(self, value: Value) -> Any:
        """See Dialect."""
        match value:
            case datetime():
                return as_text(value)
            case date():
                return value.isoformat()
            case Decimal():
                return float(value)
            case _:
                return value

    def limit(self, connection: "Connection", limits: Limits) -> None:
        """See Dialect."""
        over_at = time.monotonic() + limits.seconds
        driver = connection.connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            driver.set_progress_handler(lambda: time.monotonic() > over_at, _STEPS)

    def errors(self) -> tuple[type[Exception], ...]:
        """See Dialect."""
        from sqlalchemy.exc import SQLAlchemyError

        return SQLAlchemyError, sqlite3.Error, OverflowError

    def failure(self, error: Exception) -> Failure:
        """See Dialect."""
        cause = getattr(error, "orig", error)
        # The extended code has the plain one in its last byte. Misuse of the driver itself has none.
        code = (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF
        return Failure(
            message=str(cause),
            is_permanent=code in _PERMANENT or isinstance(cause, sqlite3.ProgrammingError | OverflowError),
            took_too_long=code == sqlite3.SQLITE_INTERRUPT,
        )


def as_text(moment: datetime) -> str:
    """A moment as SQLite's own functions write it, in UTC; with a fraction of a second only where it has one."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")


def add_functions(connection: sqlite3.Connection) -> None:
    """Add what SQLite lacks: the day, and the time, that a moment has in a zone.

    Args:
        connection: gets `local_date(moment, zone)` and `local_time(moment, zone)`.
    """
    connection.create_function("local_date", 2, lambda at, zone: (_local(at, zone) or "")[:10] or None)
    connection.create_function("local_time", 2, _local)


def _local(moment: Any, zone: Any) -> str | None:
    try:
        at = datetime.fromisoformat(moment)
        local = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(ZoneInfo(zone))
    except (TypeError, ValueError, OverflowError, KeyError):
        return None
    return local.replace(tzinfo=None).isoformat(sep=" ")
