"""A report's queries against BigQuery's REST API, by Google's own client."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from report_kit.report import PermanentError
from report_kit.sql import source
from report_kit.sql.parameters import Value
from report_kit.sql.source import SourceUnavailable
from tests.bigquery_server import LOCATION, PROJECT, BigQueryServer, Refused, serving
from tests.report_kit.sql_source import HOSTILE, run, text_option

URL = f"bigquery://{PROJECT}/shop?location={LOCATION}"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("bigquery") / "shop.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE orders (id INTEGER, at TEXT, total REAL, region TEXT, paid INTEGER)")
    connection.executemany(
        "INSERT INTO orders VALUES (?, '2026-11-24 10:00:00', ?, 'north', 1)", [(n, n * 1.25) for n in range(1000)]
    )
    connection.commit()
    connection.close()
    return file


@pytest.fixture
def server(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BigQueryServer]:
    running = BigQueryServer(database, {"total": "NUMERIC", "at": "TIMESTAMP", "day": "DATE", "paid": "BOOLEAN"})
    with serving(running):
        key = tmp_path / "key.json"
        key.write_text(json.dumps(running.credentials()))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", running.address)
        source._engine.cache_clear()
        yield running
    source._engine.cache_clear()


def configuration(server: BigQueryServer) -> dict[str, object]:
    """What the last query was asked for with."""
    return list(server.jobs.values())[-1].configuration


def test_values_of_each_type_come_as_python_has_them(server: BigQueryServer) -> None:
    rows = run(
        URL, "SELECT id, at, total, paid, date(at, :tz) AS day FROM orders WHERE at >= :start ORDER BY id LIMIT 2"
    )
    assert rows.columns == ("id", "at", "total", "paid", "day")
    assert rows.rows[1] == (
        1,
        datetime(2026, 11, 24, 10, tzinfo=UTC),
        Decimal("1.25"),
        True,
        date(2026, 11, 24),
    )


def test_parameters_are_named_and_typed(server: BigQueryServer) -> None:
    given: dict[str, Value] = {
        "text": "x",
        "integer": 5,
        "decimal": Decimal("1.5"),
        "yes": True,
        "on": date(2026, 1, 2),
        "nothing": None,
    }
    names = [f":{name}" for name in given]
    run(URL, f"SELECT :start, :user_id, {', '.join(names)}", given)
    asked = configuration(server)
    assert asked["parameterMode"] == "NAMED"
    sent = asked["queryParameters"]
    assert isinstance(sent, list)
    values = {each["name"]: (each["parameterType"]["type"], each["parameterValue"].get("value")) for each in sent}
    assert values == {
        "start": ("TIMESTAMP", "2026-11-24 00:00:00+00:00"),
        "user_id": ("STRING", "u1"),
        "text": ("STRING", "x"),
        "integer": ("INT64", "5"),
        "decimal": ("NUMERIC", "1.5"),
        "yes": ("BOOL", "true"),
        "on": ("DATE", "2026-01-02"),
        "nothing": ("STRING", None),
    }


@pytest.mark.parametrize("value", [each for each in HOSTILE if "\0" not in each])
def test_an_option_is_a_value_whatever_stands_in_it(server: BigQueryServer, value: str) -> None:
    sql = "SELECT :region AS echoed, count(*) AS n, '100%' AS share FROM orders WHERE region = :region"
    assert run(URL, sql, {"region": text_option(value)}).rows == [(value, 0, "100%")]
    asked = configuration(server)["query"]
    run(URL, sql, {"region": "x"})
    assert configuration(server)["query"] == asked


def test_a_query_says_what_it_may_cost(server: BigQueryServer) -> None:
    run(URL, "SELECT id FROM orders", seconds=7, rows=10, bytes=20_000_000)
    asked = configuration(server)
    assert asked["jobTimeoutMs"] == "7000"
    assert asked["maximumBytesBilled"] == "20000000"
    assert asked["maxResults"] == 11
    assert asked["location"] == LOCATION
    assert asked["defaultDataset"] == {"projectId": PROJECT, "datasetId": "shop"}


def test_a_query_that_would_cost_more_does_not_run(server: BigQueryServer) -> None:
    with pytest.raises(
        PermanentError, match=r"^sales/report\.yaml:7: queries\.q: Query exceeded limit for bytes billed: 5"
    ):
        run(URL, "SELECT id FROM orders", bytes=5_000_000)


def test_a_query_has_a_time_limit(server: BigQueryServer) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n"
    with pytest.raises(SourceUnavailable, match=r"^sales/report\.yaml:7: queries\.q: takes longer than 1 seconds"):
        run(URL, endless, seconds=1)


@pytest.mark.parametrize(("limit", "is_cut"), [(999, True), (1000, False)])
def test_a_query_has_a_row_limit_over_several_pages(server: BigQueryServer, limit: int, is_cut: bool) -> None:
    rows = run(URL, "SELECT id FROM orders ORDER BY id", rows=limit)
    assert [row[0] for row in rows.rows] == list(range(limit))
    assert rows.is_cut is is_cut


def test_no_page_is_fetched_that_is_not_used(server: BigQueryServer) -> None:
    run(URL, "SELECT id FROM orders WHERE 1 = 0")
    assert server.requests == [("POST", f"/bigquery/v2/projects/{PROJECT}/queries")]
    run(URL, "SELECT id FROM orders", rows=10)
    # The client looks the job up where there are more pages, and fetches none of them.
    assert [method for method, _ in server.requests[1:]] == ["POST", "GET"]
    assert "/jobs/" in server.requests[2][1]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT\n  revnue FROM orders", "8: queries.q: Unrecognized name: revnue at [2:3]"),
        ("SELECT 1 FROM ordrs", f"7: queries.q: Not found: Table {PROJECT}:shop.ordrs was not found in location EU"),
        ("SELEC 1", '7: queries.q: Syntax error: Unexpected identifier "SELEC" at [1:1]'),
        ("SELECT 1 FROM salaries", f"7: queries.q: Access Denied: Table {PROJECT}:shop.salaries: User does not have"),
    ],
)
def test_a_mistake_in_a_query_is_one_line_with_its_place(server: BigQueryServer, sql: str, message: str) -> None:
    server.denied = {"salaries"}
    with pytest.raises(PermanentError) as caught:
        run(URL, sql)
    assert str(caught.value).startswith(f"sales/report.yaml:{message}")
    assert "\n" not in str(caught.value)


def test_what_passes_is_tried_again_by_the_client(server: BigQueryServer) -> None:
    server.faults = [Refused(503, "backendError", "Backend error. Please retry.")]
    assert run(URL, "SELECT count(*) AS n FROM orders").rows == [(1000,)]
    assert len(server.requests) == 2


@pytest.mark.parametrize("reason", ["quotaExceeded", "tableUnavailable", "somethingNew"])
def test_what_may_pass_is_tried_again_by_the_queue(server: BigQueryServer, reason: str) -> None:
    server.faults = [Refused(403, reason, "Not now.")]
    with pytest.raises(SourceUnavailable, match=r"^sales/report\.yaml:7: queries\.q: Not now\.$"):
        run(URL, "SELECT 1 AS one")


def test_a_server_that_is_always_busy_does_not_hold_a_report_for_long(server: BigQueryServer) -> None:
    server.faults = [Refused(503, "backendError", "Backend error.")] * 1000
    with pytest.raises(SourceUnavailable, match="Backend error"):
        run(URL, "SELECT 1 AS one", seconds=1)


def test_a_revoked_key_is_told_without_it(server: BigQueryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "token", lambda form: _refuse())
    with pytest.raises(SourceUnavailable, match=r"^sales/report\.yaml:7: queries\.q: .*Account not found") as caught:
        run(URL, "SELECT 1 AS one")
    assert "PRIVATE KEY" not in str(caught.value)


def _refuse() -> None:
    raise Refused(400, "invalid_grant", "Invalid grant: Account not found")


def test_a_url_with_what_bigquery_does_not_have_is_refused() -> None:
    with pytest.raises(
        PermanentError, match=r"^SALES_DATABASE_URL: there is no dryrun in the URL of BigQuery: expected"
    ):
        run(f"{URL}&dryrun=1", "SELECT 1")
