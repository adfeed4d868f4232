"""SQLite as the source of a report, and the database that is made from a sample."""

import sqlite3
import time
import tracemalloc
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from report_kit.report import PermanentError
from report_kit.sql.parameters import Value
from report_kit.sql.source import SourceUnavailable
from tests.report_kit.sql_source import BUILT_IN, connected, query, run


@pytest.fixture
def url(tmp_path: Path) -> str:
    file = tmp_path / "shop with ? and %.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE orders (id INTEGER, at TEXT)")
    connection.executemany("INSERT INTO orders VALUES (?, ?)", [(i, f"2026-11-24 {i:02}:00:00") for i in range(24)])
    connection.commit()
    connection.close()
    return f"sqlite:///{str(file).replace('%', '%25').replace('?', '%3F')}"


def test_moments_are_text_in_utc(url: str) -> None:
    rows = run(url, "SELECT count(*) AS n, :start AS first FROM orders WHERE at >= :start AND at < :end")
    assert rows.rows == [(24, "2026-11-24 00:00:00")]


def test_values_of_each_type(url: str) -> None:
    given: dict[str, Value] = {"a": "x", "b": 5, "c": Decimal("1.5"), "d": True, "e": date(2026, 11, 24), "f": None}
    rows = run(url, "SELECT :a AS a, :b AS b, :c AS c, :d AS d, :e AS e, :f AS f", given)
    assert rows.columns == ("a", "b", "c", "d", "e", "f")
    assert rows.rows == [("x", 5, 1.5, 1, "2026-11-24", None)]


def test_days_and_times_of_a_zone(url: str) -> None:
    sql = "SELECT local_date('2026-11-24 20:00:00', :tz), local_time('2026-11-24T20:00:00Z', :tz), local_date('x', :tz)"
    assert run(url, sql).rows == [("2026-11-25", "2026-11-25 05:00:00", None)]


@pytest.mark.parametrize("sql", ["DELETE FROM orders", "CREATE TABLE a (b)", "UPDATE orders SET id = 1"])
def test_nothing_is_written(url: str, sql: str) -> None:
    with pytest.raises(
        PermanentError, match=r"^sales/report\.yaml:7: queries\.q: attempt to write a readonly database$"
    ):
        run(url, sql)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nope FROM orders", "no such column: nope"),
        ("SELECT 1 FROM ordrs", "no such table: ordrs"),
        ("SELEC 1", 'near "SELEC": syntax error'),
        ("SELECT 1; SELECT 2", "You can only execute one statement at a time"),
        ("PRAGMA user_version = 5", "attempt to write a readonly database"),
    ],
)
def test_a_mistake_in_a_query_is_one_line(url: str, sql: str, message: str) -> None:
    with pytest.raises(PermanentError) as caught:
        run(url, sql)
    assert str(caught.value).startswith(f"sales/report.yaml:7: queries.q: {message}")
    assert "\n" not in str(caught.value)


def test_a_query_has_a_time_limit(url: str) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(SourceUnavailable, match=r"^sales/report\.yaml:7: queries\.q: takes longer than 1 seconds"):
        run(url, endless, seconds=1)


@pytest.mark.parametrize(("limit", "is_cut"), [(23, True), (24, False), (25, False)])
def test_a_query_has_a_row_limit(url: str, limit: int, is_cut: bool) -> None:
    rows = run(url, "SELECT id FROM orders ORDER BY id", rows=limit)
    assert [row[0] for row in rows.rows] == list(range(min(limit, 24)))
    assert rows.is_cut is is_cut


MEGABYTES = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
    SELECT i, hex(zeroblob(500000)) AS name FROM n
"""


def test_a_value_that_is_too_large_is_left_out_and_its_row_stays(url: str) -> None:
    rows = run(
        url,
        """
        SELECT 1 AS id, hex(zeroblob(500000)) AS name, zeroblob(500000) AS data, 'x' AS more
        UNION SELECT 2, 'b', 'c', 'd'
        """,
    )
    assert rows.rows == [(1, None, None, "x"), (2, "b", "c", "d")]
    assert (rows.is_cut, rows.too_large) == (False, 2)


def test_rows_are_read_until_there_is_no_more_room(url: str) -> None:
    tracemalloc.start()
    rows = run(url, MEGABYTES, rows=1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < len(rows.rows) < 20
    assert (rows.is_cut, rows.is_full, rows.too_large) == (True, True, len(rows.rows))
    assert peak < 50_000_000


def test_all_queries_of_a_report_share_its_room_and_each_has_its_first_row(url: str) -> None:
    large = query(MEGABYTES.replace("500000", "100000"))
    figure = query("SELECT 1 AS n UNION SELECT 2")
    with connected(url) as source:
        first, second, third = (source.run(large, BUILT_IN) for _ in range(3))
        assert len(first.rows) == len(second.rows) < 100
        assert (len(third.rows), third.is_full) == (1, True)
        assert source.run(figure, BUILT_IN).rows[0] == (1,)


def test_a_file_that_does_not_exist_may_come_to_be(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"^SALES_DATABASE_URL: cannot connect: unable to open database file$"):
        run(f"sqlite:///{tmp_path}/none.db", "SELECT 1")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "mysql://u:hush-hush@h/d",
        "postgresql+psycopg://u:hush-hush@h:port/d",
        "://",
        "sqlite+pysqlcipher://",
    ],
)
def test_the_url_of_something_else_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(PermanentError, match=r"^SALES_DATABASE_URL: .*expected postgresql\+psycopg://") as caught:
        run(url, "SELECT 1")
    assert "hush" not in str(caught.value)


SAMPLE = """\
-- Orders; a semicolon here ends nothing.
CREATE TABLE orders (id INTEGER, at TEXT);

INSERT INTO orders VALUES (1, :start), (2, datetime(:start, '+1 hour')),
  (3, ';');
"""


def sample(tmp_path: Path, text: str, sql: str) -> object:
    file = tmp_path / "sample.sql"
    file.write_text(text)
    with connected("sqlite://", sample=file) as source:
        return source.run(query(sql), BUILT_IN).rows


def test_a_sample_lies_in_the_period_that_is_asked_for(tmp_path: Path) -> None:
    assert sample(tmp_path, SAMPLE, "SELECT at FROM orders ORDER BY id") == [
        ("2026-11-24 00:00:00",),
        ("2026-11-24 01:00:00",),
        (";",),
    ]


def test_a_sample_is_read_only(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="attempt to write a readonly database"):
        sample(tmp_path, SAMPLE, "DELETE FROM orders")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CREATE TABLE a (b);\n\nINSERT INTO c VALUES (1);", r"/sample\.sql:3: no such table: c$"),
        ("CREATE TABLE a (b);\nSELECT 1", r"/sample\.sql:2: expected a semicolon"),
        ("SELECT :nobody;", r"/sample\.sql:1: .*nobody"),
    ],
)
def test_a_mistake_in_a_sample_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PermanentError, match=f"^SALES_DATABASE_URL: .*{message}"):
        sample(tmp_path, text, "SELECT 1")


def test_a_missing_sample_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(PermanentError, match=r"/sample\.sql: cannot be read: No such file"),
        connected("sqlite://", sample=tmp_path / "sample.sql"),
    ):
        pass


def test_all_rows_of_a_stream_come_however_many_and_however_slowly_they_are_taken(url: str) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n LIMIT 20000"
    with connected(url) as source:
        rows = source.stream(query(many, rows=1, seconds=3))
        assert next(rows) == {"id": 1}
        time.sleep(3.1)
        assert sum(1 for _ in rows) == 19_999
        with pytest.raises(PermanentError, match=r"^sales/report\.yaml:7: queries\.q: no such column: nope$"):
            list(source.stream(query("SELECT nope FROM orders")))
