"""PostgreSQL, by psycopg."""

import re
from typing import TYPE_CHECKING, Any

from report_kit.sql.definition import Limits, ParameterType
from report_kit.sql.dialect import Dialect, Failure

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.types import TypeEngine

_CONNECT_SECONDS = 5

_SILENT_SECONDS = 15
"""After so long without an answer from its host a connection counts as broken."""

_PERMANENT = ("0A", "22", "25001", "25006", "34", "3F", "42", "54")
"""SQLSTATEs, by their beginnings: not supported, data that does not fit, writing, a name that does not exist, syntax or
permission, too complex. Not those of connecting (08, 28, 3D): those are one setting's fault, which a person mends.
https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_QUERY_CANCELED = "57014"
_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)


class PostgreSQL(Dialect):
    """Reads in transactions that can only read and that see the database as it was at their first query."""

    name = "postgresql"

    def engine(self, url: "URL") -> "Engine":
        """See Dialect. A worker handles ten reports at a time; few of them query at the same moment."""
        from sqlalchemy import create_engine

        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=2,
            max_overflow=2,
            pool_timeout=_CONNECT_SECONDS,
            pool_pre_ping=True,
            pool_recycle=300,
            pool_use_lifo=True,
            hide_parameters=True,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True, "stream_results": True},
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "application_name": "reports",
                # A pooler such as PgBouncer may give each transaction another connection.
                "prepare_threshold": None,
                "keepalives_idle": _SILENT_SECONDS // 3,
                "keepalives_interval": _SILENT_SECONDS // 3,
                "keepalives_count": 2,
                "tcp_user_timeout": _SILENT_SECONDS * 1000,
            },
        )

    def type_of(self, kind: ParameterType) -> "TypeEngine[Any]":
        """See Dialect. PostgreSQL finds out by itself what an identifier is compared with, as if it were written
        there."""
        from sqlalchemy.types import NullType

        return NullType() if kind is ParameterType.IDENTIFIER else super().type_of(kind)

    def limit(self, connection: "Connection", limits: Limits) -> None:
        """See Dialect. A setting of the transaction: no later one finds it."""
        from sqlalchemy import text

        milliseconds = str(limits.seconds * 1000)
        set_it = text("SELECT set_config('statement_timeout', :milliseconds, true)")
        connection.execute(set_it, {"milliseconds": milliseconds}, execution_options={"stream_results": False}).close()

    def errors(self) -> tuple[type[Exception], ...]:
        """See Dialect."""
        import psycopg
        from sqlalchemy.exc import SQLAlchemyError

        return SQLAlchemyError, psycopg.Error, OSError

    def failure(self, error: Exception) -> Failure:
        """See Dialect."""
        import psycopg

        cause = getattr(error, "orig", error)
        if not isinstance(cause, psycopg.Error):
            return Failure(message=str(cause))
        state = cause.sqlstate or ""
        diagnosis = cause.diag
        message = diagnosis.message_primary or str(cause)
        if diagnosis.message_hint:
            message += f" ({diagnosis.message_hint})"
        # What psycopg itself refuses has no SQLSTATE: a value that no type of PostgreSQL has room for.
        own = isinstance(cause, psycopg.DataError | psycopg.ProgrammingError | psycopg.NotSupportedError) and not state
        return Failure(
            message=message,
            is_permanent=own or state.startswith(_PERMANENT),
            took_too_long=state == _QUERY_CANCELED,
            line=_line(cause),
        )


def _line(error: "psycopg.Error") -> int:
    """The line that libpq names. A position would count from the declaration of the cursor on."""
    match = _LINE.search(str(error))
    return int(match[1]) - 1 if match else 0
