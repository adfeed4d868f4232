"""Queries as a `report.yaml` has them, run against a database."""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.sql.definition import Limits, Option, ParameterType, Query, Sql
from report_kit.sql.parameters import Parameter, Value, option_value
from report_kit.sql.rows import Rows
from report_kit.sql.sample_database import SampleDatabase
from report_kit.sql.source import Source, open_source

SECRET = "SALES_DATABASE_URL"

HOSTILE = (
    "'; DROP TABLE orders; --",
    "' OR '1'='1",
    "x' UNION SELECT name, 1, 1 FROM users --",
    "\\'; DELETE FROM orders; --",
    "%s %(region)s :region {region} ? $1 @region",
    '"; SELECT pg_sleep(10); --',
    "all\x00'; DROP TABLE orders",
    "\u02bc OR 1=1",
)
"""What somebody who can write a subscription's options could try."""

BUILT_IN: Mapping[str, Parameter] = {
    "user_id": Parameter(ParameterType.IDENTIFIER, "u1"),
    "start": Parameter(ParameterType.MOMENT, datetime(2026, 11, 24, tzinfo=UTC)),
    "end": Parameter(ParameterType.MOMENT, datetime(2026, 11, 25, tzinfo=UTC)),
    "tz": Parameter(ParameterType.TEXT, "Asia/Tokyo"),
}


def query(sql: str, **limits: int) -> Query:
    """A query on line 7 of its file."""
    text = sql.replace("::", r"\:\:")
    by_dialect = {"": Sql(text=text, line=7)}
    return Query(name="q", path="queries.q", file="sales/report.yaml", by_dialect=by_dialect, limits=Limits(**limits))


def run(url: str, sql: str, given: Mapping[str, Value] | None = None, **limits: int) -> Rows:
    """Run a query against a database.

    Args:
        url: of the database.
        sql: with parameters as it likes.
        given: the values of options, whose types are those of the values; text where they are None.
        limits: of the query.
    """
    parameters = {**BUILT_IN, **{name: Parameter(_type_of(value), value) for name, value in (given or {}).items()}}
    with connected(url, parameters) as source:
        return source.run(query(sql, **limits), parameters)


@contextlib.contextmanager
def connected(
    url: str, parameters: Mapping[str, Parameter] = BUILT_IN, sample: Path = Path("sample.sql")
) -> Iterator[Source]:
    """Connect to a database, or make the one of a sample.

    Args:
        url: of the database.
        parameters: that the sample can name.
        sample: its file.
    """
    with open_source(SECRET, url, SampleDatabase(sample, parameters, InMemoryUserData({}))) as source:
        yield source


def text_option(value: str) -> Value:
    """The value of an option `region` for a query."""
    return option_value(Option(name="region", type=ParameterType.TEXT), value)


def _type_of(value: Value) -> ParameterType:
    match value:
        case bool():
            return ParameterType.BOOLEAN
        case int():
            return ParameterType.INTEGER
        case Decimal():
            return ParameterType.DECIMAL
        case datetime():
            return ParameterType.MOMENT
        case str() | None:
            return ParameterType.TEXT
        case _:
            return ParameterType.DATE
