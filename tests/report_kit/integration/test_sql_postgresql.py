"""A report's queries against a real PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from report_kit.report import PermanentError
from report_kit.sql.parameters import Value
from report_kit.sql.source import SourceUnavailable
from tests.postgresql_server import PostgreSQLServer, running_postgresql
from tests.report_kit.sql_source import BUILT_IN, HOSTILE, SECRET, connected, query, run, text_option

PASSWORD = "hush-hush"
SCHEMA = """
CREATE TABLE orders (id bigint PRIMARY KEY, owner uuid, at timestamptz, total numeric(12, 2), region text);
INSERT INTO orders SELECT n, '00000000-0000-0000-0000-000000000001',
    timestamptz '2026-11-24 00:00Z' + n * interval '1 min', n * 1.25,
    CASE n % 2 WHEN 0 THEN 'north' ELSE 'south' END FROM generate_series(1, 1000) AS n;
CREATE TABLE salaries (amount numeric);
CREATE SEQUENCE numbers;
CREATE ROLE reader LOGIN PASSWORD 'hush-hush';
GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO reader;
GRANT USAGE ON SEQUENCE numbers TO reader;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQLServer]:
    with running_postgresql() as running:
        running.execute(SCHEMA)
        yield running


@pytest.fixture
def url(server: PostgreSQLServer) -> str:
    return server.url("reader", PASSWORD)


def test_values_of_each_type_in_both_directions(url: str) -> None:
    given: dict[str, Value] = {
        "text": "é'x",
        "integer": 2**62,
        "decimal": Decimal("0.10"),
        "yes": True,
        "day": date(2026, 11, 24),
        "nothing": None,
    }
    names = [f":{name} AS {name}" for name in given]
    rows = run(url, f"SELECT {', '.join(names)}, :start AS start, :tz AS tz", given)
    assert rows.columns == (*given, "start", "tz")
    assert rows.rows == [(*given.values(), datetime(2026, 11, 24, tzinfo=UTC), "Asia/Tokyo")]


def test_days_are_those_of_the_recipients_zone(url: str) -> None:
    sql = (
        "SELECT date(at AT TIME ZONE :tz) AS day, sum(total) AS total FROM orders WHERE at < :end GROUP BY 1 ORDER BY 1"
    )
    assert run(url, sql).rows == [
        (date(2026, 11, 24), Decimal("505687.50")),
        (date(2026, 11, 25), Decimal("119937.50")),
    ]


def test_an_option_that_is_not_set_is_null(url: str) -> None:
    sql = "SELECT count(*) AS n FROM orders WHERE :region IS NULL OR region = :region"
    assert run(url, sql, {"region": None}).rows == [(1000,)]
    assert run(url, sql, {"region": "north"}).rows == [(500,)]


@pytest.mark.parametrize("sql", ["owner = :user_id", "owner = :user_id::uuid", "owner::text = :user_id"])
def test_a_user_can_be_compared_with_a_column_of_any_type(server: PostgreSQLServer, sql: str) -> None:
    user = {**BUILT_IN, "user_id": replace(BUILT_IN["user_id"], value="00000000-0000-0000-0000-000000000001")}
    with connected(server.url("reader", PASSWORD)) as source:
        assert source.run(query(f"SELECT count(*) AS n FROM orders WHERE {sql}"), user).rows == [(1000,)]  # noqa: S608


@pytest.mark.parametrize("value", [each for each in HOSTILE if "\0" not in each])
def test_an_option_is_a_value_whatever_stands_in_it(url: str, value: str) -> None:
    rows = run(url, "SELECT :region AS echoed, count(*) AS n FROM orders WHERE region = :region", {"region": value})
    assert rows.rows == [(text_option(value), 0)]
    assert run(url, "SELECT count(*) AS n FROM orders").rows == [(1000,)]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO orders (id) VALUES (-1)",
        "INSERT INTO orders (id) VALUES (-1) RETURNING id",
        "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone",
        "SELECT nextval('numbers') AS n",
        "SELECT set_config('transaction_read_only', 'off', true) AS off",
        "SELECT 1 AS one; DELETE FROM orders",
        "DROP TABLE orders",
        "COMMIT",
    ],
)
def test_nothing_is_written(url: str, sql: str) -> None:
    with pytest.raises(PermanentError, match=r"^sales/report\.yaml:7: queries\.q: "):
        run(url, sql)
    assert run(url, "SELECT count(*) AS n FROM orders").rows == [(1000,)]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT revnue\nFROM orders", '7: queries.q: column "revnue" does not exist'),
        ("SELECT *\nFROM ordrs\nWHERE :tz = 'x'", '8: queries.q: relation "ordrs" does not exist'),
        ("SELECT *\nFROM orders\nWHER 1 = 1", '9: queries.q: syntax error at or near "1"'),
        ("SELECT * FROM salaries", "7: queries.q: permission denied for table salaries"),
        ("SELECT 1 / 0 AS n", "7: queries.q: division by zero"),
        ("SELECT id + region FROM orders", "7: queries.q: operator does not exist: bigint + text (No operator matches"),
        ("SELECT CAST(region AS integer) FROM orders", "7: queries.q: invalid input syntax for type integer"),
    ],
)
def test_a_mistake_in_a_query_is_one_line_with_its_place(url: str, sql: str, message: str) -> None:
    with pytest.raises(PermanentError) as caught:
        run(url, sql)
    assert str(caught.value).startswith(f"sales/report.yaml:{message}")
    assert "\n" not in str(caught.value)


def test_a_query_has_a_time_limit_and_the_connection_survives(url: str) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        run(url, "SELECT pg_sleep(60)", seconds=1)
    assert str(caught.value) == "sales/report.yaml:7: queries.q: takes longer than 1 seconds, its limit"
    assert run(url, "SELECT current_setting('statement_timeout') AS limit", seconds=7).rows == [("7s",)]


@pytest.mark.parametrize(("limit", "is_cut"), [(999, True), (1000, False), (10_000, False)])
def test_a_query_has_a_row_limit(url: str, limit: int, is_cut: bool) -> None:
    rows = run(url, "SELECT id FROM orders ORDER BY id", rows=limit)
    assert [row[0] for row in rows.rows] == list(range(1, min(limit, 1000) + 1))
    assert rows.is_cut is is_cut


def test_no_more_rows_are_fetched_than_are_used(url: str) -> None:
    rows = run(url, "SELECT n FROM (SELECT generate_series(1, 1000000000) AS n) AS many", rows=3, seconds=5)
    assert (rows.rows, rows.is_cut) == ([(1,), (2,), (3,)], True)


def test_no_more_bytes_are_fetched_than_there_is_room_for(url: str) -> None:
    rows = run(url, "SELECT n, repeat('x', 1000000) AS name FROM generate_series(1, 1000) AS n", rows=1000)
    assert 0 < len(rows.rows) < 20
    assert rows.rows[0] == (1, None)
    assert (rows.is_cut, rows.is_full, rows.too_large) == (True, True, len(rows.rows))


def test_a_query_has_a_time_limit_in_all_that_it_is_asked_for(url: str) -> None:
    with pytest.raises(SourceUnavailable, match="takes longer than 1 seconds"):
        run(url, "SELECT n, pg_sleep(0.05)::text FROM generate_series(1, 1000) AS n", seconds=1)


def test_the_queries_of_a_report_see_the_same_data(server: PostgreSQLServer, url: str) -> None:
    count = query("SELECT count(*) AS n FROM orders")
    with connected(url) as source:
        before = source.run(count, BUILT_IN).rows
        server.execute("INSERT INTO orders (id) VALUES (5000)")
        try:
            assert source.run(count, BUILT_IN).rows == before
        finally:
            server.execute("DELETE FROM orders WHERE id = 5000")


def test_a_connection_that_the_server_has_closed_is_made_anew(server: PostgreSQLServer, url: str) -> None:
    assert run(url, "SELECT 1 AS one").rows == [(1,)]
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reports'")
    assert run(url, "SELECT 1 AS one").rows == [(1,)]


def test_a_connection_that_breaks_during_a_query_may_be_tried_again(server: PostgreSQLServer, url: str) -> None:
    with connected(url) as source:
        source.run(query("SELECT 1 AS one"), BUILT_IN)
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reports'")
        with pytest.raises(SourceUnavailable, match=r"^sales/report\.yaml:7: queries\.q: terminating connection"):
            source.run(query("SELECT 1 AS one"), BUILT_IN)


def test_reports_of_a_process_share_few_connections(server: PostgreSQLServer, url: str) -> None:
    for _ in range(5):
        run(url, "SELECT 1 AS one")
    with server.connect() as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reports'"
        ).fetchone()
    assert found is not None
    assert 1 <= found[0] <= 2


@pytest.mark.parametrize(
    ("user", "password", "database", "message"),
    [
        ("reader", "wrong-secret", "postgres", "password authentication failed"),
        ("nobody", "hush-hush", "postgres", "password authentication failed"),
        ("reader", "hush-hush", "nowhere", 'database "nowhere" does not exist'),
    ],
)
def test_what_keeps_a_worker_out_is_told_without_credentials(
    server: PostgreSQLServer, user: str, password: str, database: str, message: str
) -> None:
    with pytest.raises(SourceUnavailable, match=rf"^SALES_DATABASE_URL: cannot connect: .*{message}") as caught:
        run(server.url(user, password, database), "SELECT 1")
    assert password not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_may_come_back() -> None:
    with pytest.raises(SourceUnavailable, match=r"^SALES_DATABASE_URL: cannot connect: .*refused") as caught:
        run("postgresql://reader:hush-hush@127.0.0.1:1/postgres", "SELECT 1")
    assert "hush" not in str(caught.value)


def test_a_password_that_is_not_encoded_is_not_told() -> None:
    with pytest.raises(PermanentError, match="must be percent-encoded") as caught:
        run("postgresql+psycopg://reader:hu@sh/hu@sh@127.0.0.1/postgres", "SELECT 1")
    assert "sh" not in str(caught.value).replace("such", "").removeprefix(SECRET)


def test_all_rows_of_a_stream_come_however_many(url: str) -> None:
    with connected(url) as source:
        ids = [row["id"] for row in source.stream(query("SELECT n AS id FROM generate_series(1, 20000) AS n", rows=1))]
        assert ids == list(range(1, 20_001))
        with pytest.raises(SourceUnavailable, match="takes longer than 1 seconds, its limit"):
            list(source.stream(query("SELECT pg_sleep(5)", seconds=1)))
