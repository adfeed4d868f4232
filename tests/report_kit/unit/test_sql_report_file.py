"""A `report.yaml`: what it says, and what is said of each mistake in it."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report_kit.attachments.formats import FileFormat
from report_kit.report import PermanentError
from report_kit.sql.definition import (
    PARAMETER,
    Direction,
    Format,
    Limits,
    Option,
    ParameterType,
    Table,
    Text,
    ValueFormat,
)
from report_kit.sql.report_file import fill_in, parse_report, read_report_file

WHOLE = """\
source: SALES_DATABASE_URL
title: {en: Sales, de: Verkäufe}
subject: "{title}: {totals.revenue}, {period}"
summary: {en: "{totals.orders} orders", de: "{totals.orders} Bestellungen"}
currency: EUR
options:
  region: {type: text, default: all}
  least: {type: integer, required: true}
  rate: {type: decimal, default: 0.25}
limits: {seconds: 5, rows: 100, bytes: 2 GB}
queries:
  totals: |
    SELECT count(*) AS orders, sum(total) AS revenue FROM orders
    WHERE owner = :user_id AND at >= :start AND at < :end AND (:region = 'all' OR region = :region)
  by_day:
    seconds: 10
    rows: 400
    sql:
      postgresql: SELECT date(at AT TIME ZONE :tz) AS day, sum(total)::numeric AS revenue FROM orders GROUP BY 1
      sqlite: SELECT local_date(at, :tz) AS day, sum(total) AS revenue FROM orders GROUP BY 1
  orders: SELECT at, total FROM orders WHERE total > :least * :rate
figures:
  - {label: Orders, value: totals.orders, compare: true}
  - {label: {en: Returned}, value: totals.revenue, before: totals.before, format: money, good: down}
chart: {title: By day, query: by_day, label: day, value: revenue, format: money}
table:
  title: Orders
  query: orders
  rows: 10
  columns:
    - {column: at, label: When, format: time}
    - {column: total, label: Total, format: money, currency: USD}
skip_when: {no_rows: orders, zero: totals.orders}
attach: [csv, pdf]
"""


def test_a_whole_file() -> None:
    report = parse_report(WHOLE, "sales/report.yaml")
    assert report.source == "SALES_DATABASE_URL"
    assert report.title == Text({"en": "Sales", "de": "Verkäufe"})
    assert report.options == {
        "region": Option(name="region", type=ParameterType.TEXT, default="all"),
        "least": Option(name="least", type=ParameterType.INTEGER, required=True),
        "rate": Option(name="rate", type=ParameterType.DECIMAL, default=Decimal("0.25")),
    }
    assert report.queries["totals"].limits == Limits(seconds=5, rows=100, bytes=2_000_000_000)
    assert report.queries["by_day"].limits == Limits(seconds=10, rows=400, bytes=2_000_000_000)
    assert report.queries["by_day"].sql("sqlite").text.startswith("SELECT local_date")
    assert [sql.line for sql in report.queries["by_day"].by_dialect.values()] == [19, 20]
    assert report.queries["totals"].sql("bigquery").line == 13
    orders, returned = report.figures
    assert (str(orders.value), orders.compare, orders.good) == ("totals.orders", True, Direction.UP)
    assert (str(returned.before), returned.good) == ("totals.before", Direction.DOWN)
    assert returned.format == Format(format=ValueFormat.MONEY, currency="EUR")
    table = report.blocks[-1]
    assert isinstance(table, Table)
    assert table.columns[1].format.currency == "USD"
    assert report.skip_when is not None
    assert str(report.skip_when.zero) == "totals.orders"
    assert report.attach == (FileFormat.CSV, FileFormat.PDF)


def test_a_source_without_sql_of_its_own_is_named() -> None:
    query = parse_report(WHOLE, "sales/report.yaml").queries["by_day"]
    with pytest.raises(PermanentError, match=r"^sales/report\.yaml:19: queries\.by_day: .* source is bigquery$"):
        query.sql("bigquery")


SMALL = """\
source: SALES_DATABASE_URL
title: Sales
queries:
  totals: SELECT 1 AS orders
figures:
  - {label: Orders, value: totals.orders}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title: Sales", "titel: Sales", "2: titel: unknown key: did you mean title?"),
        ("title: Sales", "zzz: Sales", "2: zzz: unknown key: expected one of source, title, subject,"),
        ("title: Sales\n", "", "1: title is missing"),
        ("title: Sales", "title:", "1: title is missing"),
        ("title: Sales", "title: 5", "2: title: expected text, but this is a whole number: '5'"),
        ("title: Sales", "title: {de: Verkauf}", "2: title: en is missing: the text for everybody"),
        ("title: Sales", "title: {en: Sales, german: V}", "2: title.german: expected a language, such as en"),
        ("title: Sales", "title: [Sales]", "2: title: expected text, but this is a list"),
        ("title: Sales", "title: Sales\ntitle: Sold", "3: title: is given twice"),
        ("title: Sales", 'title: ""', "2: title: expected text, but this is empty"),
        ("title: Sales", "title: Sales\n  x: y", "3: this is not YAML: mapping values are not allowed here"),
        (
            "title: Sales",
            "title: Sales\nsubject: '{revenue}'",
            "3: subject: there is no {revenue}: expected one of title",
        ),
        (
            "title: Sales",
            "title: Sales\nsummary: '{totals.order}'",
            "did you mean totals.orders? (a figure is named by",
        ),
        ("SALES_DATABASE_URL", "sqlite:///x", "1: source: expected the name of the secret with the database's URL"),
        ("queries:", "limits: {seconds: 60}\nqueries:", "3: limits.seconds: expected a whole number from 1 to 20, but"),
        ("queries:", "limits: {rows: many}\nqueries:", "3: limits.rows: expected a whole number from 1 to 10000, but"),
        (
            "queries:",
            "limits: {bytes: 2 gigs}\nqueries:",
            "3: limits.bytes: expected a number of bytes, such as 500 MB",
        ),
        (
            "title: Sales",
            "title: Sales\nsummary: {en: {number: totals.order, one: x, other: y}}",
            "summary.en.number: there is no figure 'totals.order': did you mean totals.orders?",
        ),
        (
            "title: Sales",
            "title: Sales\nsummary: {en: {number: totals.orders, one: x}}",
            "summary.en: other is missing",
        ),
        ("queries:", "skip_when: {why: nothing}\nqueries:", "skip_when: expected no_rows: QUERY"),
        ("queries:", "currency: euro\nqueries:", "3: currency: expected a currency by its three letters"),
        ("queries:", "options: {end: {type: text}}\nqueries:", "3: options.end: there is a parameter :end already"),
        ("queries:", "options: {rows: {type: text}}\nqueries:", "3: options.rows: there is a parameter :rows already"),
        ("queries:", "options: {a: {type: txt}}\nqueries:", "3: options.a.type: 'txt' is unknown: did you mean text?"),
        (
            "queries:",
            "options: {a: {type: moment}}\nqueries:",
            "3: options.a.type: 'moment' is unknown: expected one of",
        ),
        (
            "queries:",
            "options: {a: {type: integer, default: x}}\nqueries:",
            "3: options.a.default: expected a whole num",
        ),
        (
            "queries:",
            "options: {a: {type: decimal, default: .inf}}\nqueries:",
            "3: options.a.default: expected a number",
        ),
        (
            "queries:",
            "options: {a: {type: date, default: 24.11.26}}\nqueries:",
            "options.a.default: expected a date, such",
        ),
        ("queries:", "options: {a: {type: text, default: 5}}\nqueries:", "options.a.default: expected text, in quotes"),
        ("queries:", "options: {a: {type: text, default: b, required: yes}}\nqueries:", "required has no default"),
        ("queries:", "skip_when: {}\nqueries:", "3: skip_when: expected no_rows: QUERY, or zero: QUERY.COLUMN"),
        ("queries:", "attach: [csv]\nqueries:", "3: attach: there is no table to attach"),
        ("queries:", "attach: [docx]\nqueries:", "3: attach[0]: 'docx' is unknown: expected one of csv, xlsx, pdf"),
        (
            "queries:",
            "attach: csv\nqueries:",
            "3: attach: expected a list of csv, xlsx or pdf, but this is text: 'csv'",
        ),
        ("queries:\n  totals: SELECT 1 AS orders", "queries: {}", "3: queries: there is no query"),
        ("queries:\n  totals: SELECT 1 AS orders", "queries: []", "3: queries: expected queries by their names"),
        ("totals: SELECT", "Totals: SELECT", "4: queries.Totals: a query's name is small letters"),
        (
            "SELECT 1 AS orders",
            "{sql: SELECT 1, second: 3}",
            "4: queries.totals.second: unknown key: did you mean seconds",
        ),
        (
            "SELECT 1 AS orders",
            "{sql: {mysql: SELECT 1}}",
            "4: queries.totals.sql.mysql: unknown key: expected one of post",
        ),
        ("SELECT 1 AS orders", "{seconds: 3}", "4: queries.totals: sql is missing"),
        (
            "SELECT 1 AS orders",
            "SELECT :usr_id AS orders",
            "4: queries.totals: there is no parameter :usr_id: did you mean",
        ),
        (
            "SELECT 1 AS orders",
            "|\n    SELECT 1\n    WHERE :a = 1",
            "6: queries.totals: there is no parameter :a: expec",
        ),
        ("SELECT 1 AS orders", "|\n    SELECT ' at :x'", r"a colon that begins no parameter is written \:)"),
        ("  totals: SELECT 1", "  other: SELECT 1\n  totals: SELECT 1", "4: queries.other: is never used: no figure,"),
        ("value: totals.orders", "value: orders", "6: figures[0].value: expected QUERY.COLUMN, such as totals.total"),
        (
            "value: totals.orders",
            "value: total.orders",
            "figures[0].value: there is no query 'total': did you mean totals?",
        ),
        (", value: totals.orders", "", "6: figures[0]: value is missing"),
        (
            "value: totals.orders",
            "value: totals.orders, format: mony",
            "figures[0].format: 'mony' is unknown: did you mean",
        ),
        (
            "value: totals.orders",
            "value: totals.orders, format: text",
            "'text' is unknown: expected one of integer, decimal",
        ),
        (
            "value: totals.orders",
            "value: totals.orders, format: money",
            "money needs a currency, such as currency: EUR",
        ),
        ("value: totals.orders", "value: totals.orders, currency: EUR", "only format: money has a currency"),
        ("value: totals.orders", "value: totals.orders, decimals: 1", "only format: decimal and format: percent have"),
        (
            "value: totals.orders",
            "value: totals.orders, compare: 1",
            "expected true or false, but this is a whole number",
        ),
        (
            "value: totals.orders",
            "value: totals.orders, compare: yes, before: totals.b",
            "expected either before or compare",
        ),
        (
            "value: totals.orders",
            "value: totals.orders, good: bad",
            "figures[0].good: 'bad' is unknown: expected one of up",
        ),
        (
            "  - {label: Orders, value: totals.orders}",
            "  - Orders",
            "6: figures[0]: expected keys (label, value, before,",
        ),
        (
            "figures:\n  - {label: Orders, value: totals.orders}",
            "",
            "1: there is nothing to show: figures, chart, table or blocks",
        ),
    ],
)
def test_a_mistake_is_one_line_with_file_and_line(old: str, new: str, message: str) -> None:
    assert old in SMALL
    with pytest.raises(PermanentError) as caught:
        parse_report(SMALL.replace(old, new, 1), "sales/report.yaml")
    text = str(caught.value)
    assert text.startswith("sales/report.yaml:")
    assert message in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "text", ["", "# nothing", "- a", "just text", "\t", "a: [", "%", "--- a\n--- b", "{[]: 1}", "\x00"]
)
def test_what_is_no_mapping_is_a_mistake(text: str) -> None:
    with pytest.raises(PermanentError, match=r"^report\.yaml:\d+: "):
        parse_report(text, "report.yaml")


@given(st.text(alphabet="ab:{}[]-\n \"'&*!|>?,%@`#", max_size=60))
def test_whatever_stands_in_a_file_the_mistake_is_one_line(text: str) -> None:
    for whole in (text, SMALL + text, SMALL.replace("SELECT 1 AS orders", text)):
        try:
            parse_report(whole, "report.yaml")
        except PermanentError as error:
            assert str(error).startswith("report.yaml:")  # noqa: PT017
            assert "\n" not in str(error)  # noqa: PT017


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"report\.yaml: cannot be read: No such file"):
        read_report_file(tmp_path)
    (tmp_path / "report.yaml").write_bytes(b"\xff")
    with pytest.raises(PermanentError, match=r"report\.yaml: is not UTF-8"):
        read_report_file(tmp_path)


def test_a_file_that_has_changed_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "report.yaml"
    file.write_text(SMALL)
    assert read_report_file(tmp_path) is read_report_file(tmp_path)
    file.write_text(SMALL.replace("Sales", "Sold"))
    assert read_report_file(tmp_path).title == Text({"en": "Sold"})


@pytest.mark.parametrize(
    ("locale", "text"),
    [("de", "Tag"), ("de-AT", "Tag"), ("de_AT", "Tag"), ("pt-BR", "Dia"), ("pt", "Day"), ("ja", "Day"), ("", "Day")],
)
def test_a_text_is_in_the_language_of_the_recipient_or_in_english(locale: str, text: str) -> None:
    assert Text({"en": "Day", "de": "Tag", "pt-br": "Dia"}).within(locale) == text


def test_placeholders_are_filled_in_once() -> None:
    assert fill_in("{a} and {b}", {"a": "{b}", "b": "2"}) == "{b} and 2"


SQL = [
    "SELECT :start, x::date, :user_id::uuid, '12:30', a[1:2], E'\\:x'",
    "SELECT :start::timestamptz AT TIME ZONE :tz -- :end",
    "SELECT data->>'a:b', :tz||':', ::x, : tz, :tz:x",
]


@pytest.mark.parametrize("sql", SQL)
def test_parameters_are_what_sqlalchemy_takes_for_them(sql: str) -> None:
    from sqlalchemy import text

    escaped = sql.replace("::", r"\:\:")
    assert set(PARAMETER.findall(escaped)) == set(text(escaped).compile().params)


@given(st.text(alphabet="a:\\ '9", max_size=20))
def test_parameters_of_any_text_are_what_sqlalchemy_takes_for_them(sql: str) -> None:
    from sqlalchemy import text

    escaped = sql.replace("::", r"\:\:")
    assert set(PARAMETER.findall(escaped)) == set(text(escaped).compile().params)


CHART = "title: T, query: totals, label: a"


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        (f"blocks: []\nchart: {{{CHART}, value: b}}", "chart: expected either blocks or figures, chart and table"),
        ("blocks: []", "blocks: expected 1 to 20 blocks, but there are 0"),
        (f"blocks:\n  - {{text: x, chart: {{{CHART}, value: b}}}}", "expected one of text, figures, chart and table"),
        ("blocks:\n  - {text: 'from {totals.b}'}", "there is no {totals.b}"),
        (f"chart: {{{CHART}}}", "5: chart: expected either value or values"),
        (f"chart: {{{CHART}, shape: pie, value: b}}", "'pie' is unknown: expected one of bars, line, stacked, grouped"),
        (
            f"chart: {{{CHART}, shape: line, values: [{{column: b, label: B}}]}}",
            "expected 2 to 5 values, but there are 1",
        ),
        (
            f"chart: {{{CHART}, values: [{{column: b, label: B}}, {{column: c, label: C}}]}}",
            "expected shape: line, stacked, grouped for several values",
        ),
    ],
)
def test_a_mistake_in_blocks_and_charts(shown: str, message: str) -> None:
    text = SMALL.replace("figures:\n  - {label: Orders, value: totals.orders}", shown, 1)
    assert text != SMALL
    with pytest.raises(PermanentError) as caught:
        parse_report(text, "sales/report.yaml")
    assert message in str(caught.value)


AUDIENCE = """\
audience:
  sql: {postgresql: "SELECT id::text, email FROM customers", sqlite: "SELECT id, email FROM customers"}
  defaults: {cadence: weekly, weekday: friday, hour: 8, skip_empty: false, calendar: holidays}
"""


def test_a_file_can_name_the_recipients() -> None:
    audience = parse_report(SMALL + AUDIENCE, "sales/report.yaml").audience
    assert audience is not None
    assert audience.query.sql("postgresql").text == r"SELECT id\:\:text, email FROM customers"
    assert audience.query.limits.seconds == 20
    assert audience.defaults == {
        "cadence": "weekly",
        "weekday": "friday",
        "hour": 8,
        "skip_empty": False,
        "calendar": "holidays",
    }
    shortest = parse_report(f"{SMALL}audience: {{sql: SELECT 1}}\n", "sales/report.yaml").audience
    assert shortest is not None
    assert shortest.defaults == {}


@pytest.mark.parametrize(
    ("audience", "message"),
    [
        ("{defaults: {}}", "audience: sql is missing"),
        ("{sql: SELECT 1, every: run}", "audience.every: unknown key"),
        ("{sql: SELECT 1, defaults: {hours: 8}}", "audience.defaults.hours: unknown key: did you mean hour?"),
        ("{sql: SELECT 1, defaults: {deliver: webhook}}", "audience.defaults.deliver: unknown key"),
        ("{sql: SELECT 1, defaults: {email: a@x.example}}", "audience.defaults.email: unknown key"),
        ("{sql: SELECT 1, defaults: {hour: 25}}", "audience.defaults: hour: must be an integer from 0 to 23"),
        ("{sql: SELECT 1, defaults: {time_zone: Mars}}", "audience.defaults: time_zone: must be a name"),
        ("{sql: 'SELECT :user_id'}", "audience.sql: there is no parameter :user_id: the query of an audience has none"),
        ("{sql: SELECT 1}\noptions: {hour: {type: integer}}", "audience: a column hour could be the option"),
    ],
)
def test_a_mistake_about_recipients(audience: str, message: str) -> None:
    with pytest.raises(PermanentError) as caught:
        parse_report(f"{SMALL}audience: {audience}\n", "sales/report.yaml")
    assert re.fullmatch(rf"sales/report\.yaml:\d+: {re.escape(message)}.*", str(caught.value))
