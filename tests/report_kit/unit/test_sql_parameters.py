"""What queries are given, and that nothing of it becomes a part of the SQL."""

import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.times.period import Period
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.report import PermanentError
from report_kit.request import ReportRequest
from report_kit.sql.definition import OPTION_TYPES, Option, ParameterType
from report_kit.sql.parameters import option_value, over_period_before, parameters
from tests.functions.worker.unit.samples import PERIOD, subscription, user
from tests.report_kit.sql_source import HOSTILE, run, text_option

REQUEST = ReportRequest(
    user=user(time_zone="Asia/Tokyo"),
    subscription=subscription(options={"region": "north", "unknown": object()}),
    period=PERIOD,
    data=InMemoryUserData({}),
)


def test_the_built_in_parameters() -> None:
    values = {name: each.value for name, each in parameters(REQUEST, {}).items()}
    day_before = datetime(2026, 11, 22, tzinfo=UTC)
    assert values == {
        "user_id": "u1",
        "tz": "Asia/Tokyo",
        "start": PERIOD.start,
        "end": PERIOD.end,
        "previous_start": day_before,
        "previous_end": PERIOD.start,
    }
    earlier = over_period_before(parameters(REQUEST, {}), Period(day_before, PERIOD.start))
    assert (earlier["start"].value, earlier["end"].value) == (day_before, PERIOD.start)
    assert earlier["previous_end"].value == day_before
    assert earlier["tz"].value == "Asia/Tokyo"


def test_an_option_is_the_subscriptions_or_else_the_default() -> None:
    options = {
        "region": Option(name="region", type=ParameterType.TEXT, default="all"),
        "least": Option(name="least", type=ParameterType.INTEGER, default=5),
        "rate": Option(name="rate", type=ParameterType.DECIMAL),
    }
    values = parameters(REQUEST, options)
    assert [values[name].value for name in options] == ["north", 5, None]
    assert "unknown" not in values


def option(kind: ParameterType, given: Any) -> Any:
    return option_value(Option(name="o", type=kind, required=True), given)


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (ParameterType.TEXT, "x", "x"),
        (ParameterType.TEXT, "", ""),
        (ParameterType.INTEGER, 5, 5),
        (ParameterType.INTEGER, 5.0, 5),
        (ParameterType.INTEGER, -(2**63) + 1, -(2**63) + 1),
        (ParameterType.DECIMAL, 0.1, Decimal("0.1")),
        (ParameterType.DECIMAL, 7, Decimal(7)),
        (ParameterType.BOOLEAN, False, False),
        (ParameterType.DATE, "2026-02-28", date(2026, 2, 28)),
        (ParameterType.DATE, datetime(2026, 2, 28, 23, tzinfo=UTC), date(2026, 2, 28)),
    ],
)
def test_an_option_of_its_type(kind: ParameterType, given: Any, value: Any) -> None:
    assert option(kind, given) == value


@pytest.mark.parametrize(
    ("kind", "given", "must_be"),
    [
        (ParameterType.TEXT, 5, "text of up to 1000 characters"),
        (ParameterType.TEXT, "x" * 1001, "text of up to 1000 characters"),
        (ParameterType.TEXT, "a\0b", "text of up to 1000 characters"),
        (ParameterType.TEXT, "\ud800", "text of up to 1000 characters"),
        (ParameterType.INTEGER, True, "a whole number"),
        (ParameterType.INTEGER, "5", "a whole number"),
        (ParameterType.INTEGER, 5.5, "a whole number"),
        (ParameterType.INTEGER, 2**63, "a whole number"),
        (ParameterType.INTEGER, float("inf"), "a whole number"),
        (ParameterType.DECIMAL, float("nan"), "a number"),
        (ParameterType.DECIMAL, 10**19, "a number"),
        (ParameterType.DECIMAL, False, "a number"),
        (ParameterType.BOOLEAN, 1, "true or false"),
        (ParameterType.BOOLEAN, "false", "true or false"),
        (ParameterType.DATE, "2026-02-30", "a date, such as 2026-11-24"),
        (ParameterType.DATE, "20260228", "a date, such as 2026-11-24"),
        (ParameterType.DATE, [], "a date, such as 2026-11-24"),
    ],
)
def test_an_option_of_another_type_is_refused_by_name(kind: ParameterType, given: Any, must_be: str) -> None:
    with pytest.raises(PermanentError) as caught:
        option(kind, given)
    assert str(caught.value) == f"options.o: must be {must_be}"


def test_a_required_option_that_is_absent_is_named() -> None:
    with pytest.raises(PermanentError, match=r"^options\.o: is missing: must be a whole number$"):
        option(ParameterType.INTEGER, None)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


@given(kind=st.sampled_from(OPTION_TYPES), given=ANYTHING)
def test_whatever_a_subscription_has_an_option_is_of_its_type_or_refused(kind: ParameterType, given: Any) -> None:
    try:
        value = option_value(Option(name="o", type=kind), given)
    except PermanentError as error:
        assert str(error).startswith("options.o: must be ")  # noqa: PT017
    else:
        assert value is None or isinstance(value, str | int | Decimal | date)


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sql") / "orders.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE orders (region TEXT, total INTEGER)")
    connection.execute("INSERT INTO orders VALUES ('north', 1), ('south', 2)")
    connection.commit()
    connection.close()
    return file


SELECT = "SELECT :region AS echoed, (SELECT count(*) FROM orders WHERE region = :region) AS found"


@pytest.mark.parametrize("value", [each for each in HOSTILE if "\0" not in each])
def test_an_option_is_a_value_whatever_stands_in_it(orders: Path, value: str) -> None:
    rows = run(f"sqlite:///{orders}", SELECT, {"region": text_option(value)})
    assert rows.rows == [(value, 0)]
    assert run(f"sqlite:///{orders}", "SELECT count(*) AS n FROM orders").rows == [(2,)]


@given(st.text())
def test_no_option_changes_the_sql(value: str) -> None:
    """The statement that goes to the driver is the same for every value, and has none of it in it."""
    from sqlalchemy import bindparam, text
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.types import Text
    from sqlalchemy_bigquery import BigQueryDialect

    for dialect in (postgresql.psycopg.dialect(), sqlite.dialect(), BigQueryDialect()):  # type: ignore[no-untyped-call]
        compiled = [
            text(SELECT).bindparams(bindparam("region", each, type_=Text())).compile(dialect=dialect)
            for each in (value, "x")
        ]
        assert compiled[0].string == compiled[1].string
        assert compiled[0].params == {"region": value}
