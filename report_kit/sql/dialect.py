"""What the sources have in common, and where each is different."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from report_kit.sql.definition import Limits, ParameterType
from report_kit.sql.parameters import Value

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.types import TypeEngine


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a query failed.

    Attributes:
        message: of the database.
        is_permanent: whether the same query would fail again.
        took_too_long: whether it was ended by its time limit.
        line: of the query, counted from 0, where the database names one.
    """

    message: str
    is_permanent: bool = False
    took_too_long: bool = False
    line: int = 0


class Dialect(Protocol):
    """What is particular to one kind of database: each is a class that inherits this one. Safe for threads."""

    name: str
    """SQLAlchemy's, such as `postgresql`."""

    def engine(self, url: "URL") -> "Engine":
        """Make the engine for a database. Its connections cannot write, where the database has such connections."""

    def type_of(self, kind: ParameterType) -> "TypeEngine[Any]":
        """The type that a parameter is bound with. Without one, a parameter that stands in two places may get two, and
        a NULL has none."""
        from sqlalchemy import types

        match kind:
            case ParameterType.IDENTIFIER | ParameterType.TEXT:
                return types.Text()
            case ParameterType.INTEGER:
                return types.BigInteger()
            case ParameterType.DECIMAL:
                return types.Numeric()
            case ParameterType.BOOLEAN:
                return types.Boolean()
            case ParameterType.DATE:
                return types.Date()
            case ParameterType.MOMENT:
                return types.TIMESTAMP(timezone=True)

    def bound(self, value: Value) -> Any:
        """A value as the driver takes it."""
        return value

    def limit(self, connection: "Connection", limits: Limits) -> None:
        """Set the limits of the next query."""

    def errors(self) -> tuple[type[Exception], ...]:
        """What SQLAlchemy, the driver and the network raise."""

    def failure(self, error: Exception) -> Failure:
        """What an error of the driver, or of SQLAlchemy, says."""
