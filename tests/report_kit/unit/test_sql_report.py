"""Reports from SQL, from the report.yaml to the email."""

import csv
import io
import re
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from structlog.testing import capture_logs

from functions.shared.times.period import Period
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.language import language_for
from report_kit.rendering import render
from report_kit.report import PermanentError, Report, Skip
from report_kit.request import ReportRequest
from report_kit.sql.bars import bars
from report_kit.sql.build import build
from report_kit.sql.definition import Format, ResultColumn, ValueFormat
from report_kit.sql.figures import schema
from report_kit.sql.report_file import read_report_file
from report_kit.sql.values import cell_of, written
from tests.functions.worker.unit.samples import PERIOD, subscription, user

FILE = """\
source: SHOP_DATABASE_URL
title: {en: Shop, de: Laden}
currency: EUR
options:
  region: {type: text}
queries:
  totals: |
    SELECT count(*) AS orders, sum(total) AS revenue FROM orders
    WHERE at >= :start AND at < :end AND (:region IS NULL OR region = :region)
  by_day: |
    SELECT local_date(at, :tz) AS day, sum(total) AS revenue FROM orders WHERE at >= :start AND at < :end GROUP BY 1
  orders: {sql: "SELECT at, region, total FROM orders WHERE at >= :start AND at < :end ORDER BY at", rows: 50}
figures:
  - {label: {en: Orders, de: Bestellungen}, value: totals.orders, compare: true}
  - {label: {en: Revenue, de: Umsatz}, value: totals.revenue, format: money, compare: true, good: down}
chart: {title: By day, query: by_day, label: day, value: revenue, format: money}
table:
  title: Orders
  query: orders
  rows: 3
  columns:
    - {column: region, label: Region}
    - {column: at, label: At, format: time}
    - {column: total, label: Total, format: money}
skip_when: {zero: totals.orders}
attach: [csv, xlsx, pdf]
"""

WEEK = Period(datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    kind = tmp_path / "shop"
    kind.mkdir()
    (kind / "report.yaml").write_text(FILE)
    return kind


def orders(folder: Path, rows: Sequence[tuple[datetime, Any, Any]]) -> str:
    """A database with orders; returns its URL."""
    file = folder / "shop.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE orders (at TEXT, region TEXT, total NUMERIC)")
    values = [(at.replace(tzinfo=None).isoformat(sep=" "), region, total) for at, region, total in rows]
    connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", values)
    connection.commit()
    connection.close()
    return f"sqlite:///{file}"


def made(
    folder: Path,
    url: str,
    period: Period = WEEK,
    *,
    of: Mapping[str, Any] | None = None,
    version: str = "",
    **by: Any,
) -> Any:
    """What the kind returns."""
    request = ReportRequest(
        user=user(**(of or {})),
        subscription=subscription(cadence="weekly", **by),
        period=period,
        data=InMemoryUserData({}),
        settings={"SHOP_DATABASE_URL": url},
    )
    return build(folder, request, version=version)


def told(report: Report, locale: str = "en") -> tuple[str, str]:
    """The HTML and the text part."""
    closing = {"recipients": "", "address": "", "unsubscribe_url": "", "copy_url": ""}
    values = {**report.values, "subject": report.subject, "closing": closing}
    return render(report.folders, values, language_for(locale))


SOME = [
    (WEEK.start - timedelta(hours=3), "north", 10),
    (WEEK.start, "north", 10.5),
    (WEEK.start + timedelta(days=2, hours=15), "<b>south</b> {{ 7 * 7 }}", 20),
    (WEEK.start + timedelta(days=2, hours=16), None, -0.25),
    (WEEK.start + timedelta(days=4), "=1+1", None),
]


def test_a_report_is_told_in_both_parts(folder: Path) -> None:
    report = made(folder, orders(folder, SOME))
    assert report.subject == "Shop: Orders 4 · 16–22 Nov"
    html, text = told(report)
    assert "Orders: 4\n  Up 300% from 1 the week before" in text
    assert "Revenue: €30.25\n  Up 202% from €10.00 the week before" in text
    assert "1 more row is not shown here." in text
    assert "Compared with 9–15 Nov. Times are in UTC." in text
    assert 'class="bad"' in html
    assert "<b>south" not in html
    assert "{{ 7 * 7 }}" in html
    assert "18 Nov, 15:00" in html
    assert max(map(len, text.splitlines())) <= 72


def test_programs_get_the_figures_as_numbers_and_what_the_schema_says(folder: Path) -> None:
    figures = made(folder, orders(folder, SOME)).figures
    assert figures["figures"] == {"totals.orders": 4, "totals.revenue": 30.25}
    [rows] = figures["tables"]
    assert rows[0] == {"region": "north", "at": "2026-11-16T00:00:00+00:00", "total": 10.5}
    assert [each["region"] for each in rows] == ["north", "<b>south</b> {{ 7 * 7 }}", None]
    jsonschema.validate(figures, schema(read_report_file(folder)))


SHOWN = """\
blocks:
  - table: {title: Regions, query: regions, columns: [{column: region, label: Region}]}
  - chart:
      title: Lines
      query: regions
      label: region
      shape: line
      values: [{column: revenue, label: {en: Revenue, de: Umsatz}}, {column: orders, label: Orders}]
  - text: "{totals.orders} orders, and <b>{title}</b>."
  - figures:
      - {label: Orders, value: totals.orders, compare: true}
      - {label: Revenue, value: totals.revenue, format: money}
      - {label: Again, value: totals.orders}
  - chart: {title: Bars, query: regions, label: region, value: revenue, format: money}
  - table: {title: Again, query: regions, columns: [{column: orders, label: Orders, format: integer}]}
attach: [csv]
"""


def test_blocks_come_in_the_order_of_the_file(folder: Path) -> None:
    queries, _, _ = FILE.partition("figures:\n")
    regions = (
        "  regions: SELECT region, sum(total) AS revenue, count(*) AS orders FROM orders"
        " WHERE at >= :start AND at < :end GROUP BY 1\n"
    )
    queries = re.sub(r"  (by_day|orders): [^\n]*\n( {4}[^\n]*\n)?", "", queries)
    (folder / "report.yaml").write_text(queries + regions + SHOWN)
    rows = [(WEEK.start, "north", 1400), (WEEK.start, "south", 30.5), (WEEK.start, "north", 0.25)]
    report = made(folder, orders(folder, rows), of={"locale": "de"})
    html, text = told(report, "de")
    expected = [
        "Regions",
        "north",
        "Lines, ein Liniendiagramm.",
        "3 orders, and <b>Laden</b>.",
        "Orders: 3",
        "Again: 3",
    ]
    expected += ["Bars, ein Balkendiagramm.", "Again Orders 2 1"]
    said = " ".join(text.split())
    assert sorted(map(said.index, expected)) == [said.index(each) for each in expected]
    assert "3 orders, and &lt;b&gt;Laden&lt;/b&gt;." in html
    # The content ids of the pictures are those that the email names.
    assert re.findall(r'src="cid:([^"]*)"', html) == ["sql-chart", "sql-chart-2"]
    assert [image.content_id for image in report.images] == ["sql-chart", "sql-chart-2"]
    lines, bars = report.values["blocks"][1], report.values["blocks"][4]
    assert [(entry.text, entry.sign) for entry in lines.legend] == [("Umsatz", "━"), ("Orders", "━")]
    assert (bars.top, [label.value for label in bars.axis]) == ("1.500 €", ["1.400,25 €", "30,50 €"])
    # Three figures stand beside one another, and leave no hole.
    assert len(re.findall(r"per-50 third\b", html)) == 3
    # Files have the first table.
    (file,) = report.attachments
    assert file.content.decode("utf-8-sig").splitlines() == ['"Region"', '"north"', '"south"']


def test_days_without_orders_have_a_bar_too(folder: Path) -> None:
    chart = made(folder, orders(folder, SOME)).values["chart"]
    assert [label.text for label in chart.axis] == ["16 Nov", "18 Nov", "20 Nov", ""]
    assert chart.description == "By day, a bar chart. The highest is Wednesday 18 November: €19.75."


def test_days_and_times_are_those_of_the_recipient(folder: Path) -> None:
    tokyo = Period(WEEK.start - timedelta(hours=9), WEEK.end - timedelta(hours=9))
    report = made(folder, orders(folder, SOME), tokyo, of={"time_zone": "Asia/Tokyo"})
    assert report.values["period"] == "16–22 Nov"
    assert "Monday 16 November: €20.50" in report.values["chart"].description
    assert "19 Nov, 00:00" in told(report)[1]


def test_words_are_in_the_language_of_the_recipient(folder: Path) -> None:
    report = made(folder, orders(folder, SOME), locale="de-AT")
    assert report.values["title"] == "Laden"
    assert [line.label for line in report.values["headlines"]] == ["Bestellungen", "Umsatz"]
    japanese = made(folder, f"sqlite:///{folder / 'shop.db'}", locale="ja")
    assert "Orders: 4\n  前週の1から300%増加" in told(japanese, "ja")[1]


def test_the_files_have_all_rows(folder: Path) -> None:
    report = made(folder, orders(folder, SOME))
    names = [file.filename for file in report.attachments]
    assert names == ["shop-2026-11-16.csv", "shop-2026-11-16.xlsx", "shop-2026-11-16.pdf"]
    rows = list(csv.reader(io.StringIO(report.attachments[0].content.decode("utf-8-sig"))))
    assert rows[0] == ["Region", "At", "Total"]
    assert rows[1] == ["north", "2026-11-16T00:00:00+00:00", "10.5"]
    assert rows[3] == ["", "2026-11-18T16:00:00+00:00", "-0.25"]
    assert rows[4] == ["'=1+1", "2026-11-20T00:00:00+00:00", ""]
    assert len(rows) == 5


def test_nothing_is_not_sent_unless_it_is_asked_for(folder: Path) -> None:
    url = orders(folder, SOME[:1])
    assert made(folder, url) == Skip("totals.orders is zero")
    report = made(folder, url, skip_empty=False)
    _, text = told(report)
    assert "Nothing happened in this time." in text
    assert "Orders: 0\n  Down 100% from 1 the week before" in text
    assert "Revenue: –" in text
    assert (report.values["table"], report.values["chart"], report.attachments) == (None, None, ())


def test_what_decides_about_sending_is_asked_first(folder: Path) -> None:
    """The other queries, which are paid for, do not run."""
    file = folder / "report.yaml"
    file.write_text(FILE.replace("FROM orders WHERE at >= :start AND at < :end GROUP", "FROM nowhere GROUP"))
    url = orders(folder, SOME[:1])
    assert isinstance(made(folder, url), Skip)
    with pytest.raises(PermanentError, match=r"report\.yaml:11: queries\.by_day: no such table: nowhere$"):
        made(folder, url, skip_empty=False)


def test_an_option_filters(folder: Path) -> None:
    url = orders(folder, SOME)
    assert made(folder, url, options={"region": "north"}).values["headlines"][0].value == "1"
    assert made(folder, url, options={"region": "north' OR 1=1 --"}) == Skip("totals.orders is zero")
    with pytest.raises(PermanentError, match=r"^options\.region: must be text"):
        made(folder, url, options={"region": {"$ne": ""}})


def test_rows_beyond_the_limit_are_told_of(folder: Path) -> None:
    many = [(WEEK.start + timedelta(minutes=n), "north", 1) for n in range(60)]
    report = made(folder, orders(folder, many))
    _, text = told(report)
    assert "There are more rows than this report shows. These are the first 50." in text
    assert "47 more rows are not shown here." in text
    assert report.values["headlines"][0].value == "60"


def test_what_there_is_no_room_for_is_told_of_in_the_mail_and_in_the_log(folder: Path) -> None:
    (folder / "report.yaml").write_text(FILE.replace("rows: 50", "rows: 10000"))
    many = [(WEEK.start + timedelta(minutes=n), "r" * (500_000 if n == 1 else 100_000), n) for n in range(300)]
    with capture_logs() as logs:
        report = made(folder, orders(folder, many))
    _, text = told(report)
    [entry] = [entry for entry in logs if entry["event"] == "query_result_left_out"]
    assert (entry["log_level"], entry["kind"], entry["query"]) == ("warning", "shop", "orders")
    assert (entry["more_rows"], entry["values"]) == (True, 1)
    assert 100 < entry["rows"] < 300
    said = " ".join(text.split())
    assert f"There are more rows than this report shows. These are the first {entry['rows']}." in said
    assert "Values that are too large for this report are left out." in said
    # The figures are of all rows, and the row whose value is too large is there.
    assert report.values["headlines"][0].value == "300"
    assert [row.cells[0] for row in report.values["table"].rows][1] == "–"


@pytest.mark.parametrize("when", ["zero: orders.region", "no_rows: orders"])
def test_a_value_that_is_too_large_is_no_reason_to_skip_a_report(folder: Path, when: str) -> None:
    (folder / "report.yaml").write_text(FILE.replace("skip_when: {zero: totals.orders}", f"skip_when: {{{when}}}"))
    assert isinstance(made(folder, orders(folder, [(WEEK.start, "r" * 500_000, 1)])), Report)


def test_ten_thousand_rows(folder: Path) -> None:
    (folder / "report.yaml").write_text(FILE.replace("rows: 50", "rows: 10000").replace("rows: 3", "rows: 50"))
    many = [(WEEK.start + timedelta(seconds=n), f"region {n}", n * 1.01) for n in range(10_001)]
    report = made(folder, orders(folder, many))
    html, text = told(report)
    assert len(html.encode()) <= 90_000
    assert "9,950 more rows are not shown here." in text
    assert "There is more than fits" not in html
    assert len(report.attachments[0].content.splitlines()) == 10_001


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "value: totals.orders,",
            "value: totals.order,",
            "14: the query totals returns no column 'order', but orders, revenue: did you mean orders?",
        ),
        (
            "label: day,",
            "label: date,",
            "16: the query by_day returns no column 'date', but day, revenue: exp",
        ),
        ("column: region", "column: reg", "22: the query orders returns no column 'reg', but at, region, total"),
        (
            "label: Region}",
            "label: Region, format: decimal}",
            "22: orders.region returns str, but format: decimal",
        ),
        (
            "label: Region}",
            "label: Region, format: date}",
            "22: orders.region returns str, but format: date nee",
        ),
        (
            "sum(total) AS revenue FROM orders\n",
            "sum(tota) AS revenue FROM orders\n",
            "8: queries.totals: no such co",
        ),
    ],
)
def test_what_does_not_fit_is_one_line_with_its_place(folder: Path, old: str, new: str, message: str) -> None:
    file = folder / "report.yaml"
    assert old in FILE
    file.write_text(FILE.replace(old, new, 1))
    with pytest.raises(PermanentError) as caught:
        made(folder, orders(folder, SOME))
    assert f"/shop/report.yaml:{message}" in f"/{caught.value}"


def test_the_next_version_of_a_kind_has_the_same_sample_and_names(folder: Path) -> None:
    (folder / "next").mkdir()
    (folder / "next" / "report.yaml").write_text(FILE.replace("{en: Shop, de: Laden}", "The new shop"))
    (folder / "sample.sql").write_text(
        "CREATE TABLE orders (at TEXT, region TEXT, total NUMERIC);\nINSERT INTO orders VALUES (:start, 'north', 1);\n"
    )
    report = made(folder, "sqlite://", version="next")
    assert report.values["title"] == "The new shop"
    assert report.attachments[0].filename == "shop-2026-11-16.csv"
    with pytest.raises(PermanentError, match=r"shop/other/report\.yaml: cannot be read"):
        made(folder, "sqlite://", version="other")


PLURALS = """\
skip_when: {zero: totals.orders}
summary:
  en: {number: totals.orders, one: "One order in {period}.", other: "{totals.orders} orders in {period}."}
  de: {number: totals.orders, one: "Eine Bestellung am {period}.", other: "{totals.orders} Bestellungen am {period}."}
  pl: {number: totals.orders, one: jedno, few: kilka, other: wiele}
  ja: 注文{totals.orders}件
"""


@pytest.mark.parametrize(
    ("locale", "number", "summary"),
    [
        ("en", 1, "One order in 16–22 Nov."),
        ("en", 2, "2 orders in 16–22 Nov."),
        ("fr", 1, "One order in 16–22 Nov."),
        ("de", 1, "Eine Bestellung am 16.–22. Nov."),
        ("de", 3, "3 Bestellungen am 16.–22. Nov."),
        ("pl", 1, "jedno"),
        ("pl", 3, "kilka"),
        ("pl", 5, "wiele"),
        ("ja", 1, "注文1件"),
    ],
)
def test_a_text_has_the_plurals_of_its_language(folder: Path, locale: str, number: int, summary: str) -> None:
    (folder / "report.yaml").write_text(FILE.replace("skip_when: {zero: totals.orders}\n", PLURALS))
    report = made(folder, orders(folder, [(WEEK.start, "north", 1)] * number), of={"locale": locale})
    assert report.values["summary"] == summary


def test_a_sentence_has_one_full_stop(folder: Path) -> None:
    footer = made(folder, orders(folder, SOME), of={"locale": "de"}).values["footer"]
    assert footer == "Verglichen mit: 9.–15. Nov. Zeitzone: UTC. Sie bekommen diesen Bericht jede Woche."


def test_a_kind_words_why_there_is_nothing_to_report(folder: Path) -> None:
    (folder / "report.yaml").write_text(FILE.replace("{zero: totals.orders}", "{zero: totals.orders, why: no orders}"))
    assert made(folder, orders(folder, [])) == Skip("no orders")


CURRENCIES = """\
source: SHOP_DATABASE_URL
title: Shop
currency: totals.currency
options:
  own: {type: text}
queries:
  totals: |
    SELECT sum(total) AS revenue, max(region) AS currency FROM orders WHERE at >= :start AND at < :end
  orders: SELECT at, region, total FROM orders WHERE at >= :start AND at < :end ORDER BY at
figures:
  - {label: Revenue, value: totals.revenue, format: money, compare: true}
  - {label: In your own, value: totals.revenue, format: money, currency: own}
chart: {title: By order, query: orders, label: at, value: total, format: money, currency: region}
table:
  title: Orders
  query: orders
  columns:
    - {column: at, label: At, format: time}
    - {column: total, label: Total, format: money, currency: region}
attach: [csv, xlsx, pdf]
"""


def in_currencies(folder: Path, *codes: str | None, before: str | None = None, **by: Any) -> Report:
    """A report of orders of 1200 each, in these currencies."""
    (folder / "report.yaml").write_text(CURRENCIES)
    (folder / "shop.db").unlink(missing_ok=True)
    rows = [(WEEK.start + timedelta(days=number), code, 1200) for number, code in enumerate(codes)]
    if before:
        rows.append((WEEK.start - timedelta(days=1), before, 600))
    report = made(folder, orders(folder, rows), **by)
    assert isinstance(report, Report)
    return report


def cells_of(report: Report) -> list[list[str]]:
    return list(csv.reader(io.StringIO(report.attachments[0].content.decode("utf-8-sig"))))


def test_a_query_says_the_currency_of_its_amounts(folder: Path) -> None:
    report = in_currencies(folder, "JPY", "JPY", before="JPY")
    first, second = report.values["headlines"]
    assert (first.value, first.change) == ("¥2,400", "Up 300% from ¥600 the week before")
    assert "¥1,200" in report.values["chart"].description
    assert [row.cells[1] for row in report.values["table"].rows] == ["¥1,200", "¥1,200"]
    assert cells_of(report)[0] == ["At", "Total"]
    # A subscription that says none has numbers.
    assert second.value == "2,400.00"


def test_an_option_says_the_currency(folder: Path) -> None:
    assert in_currencies(folder, "EUR", options={"own": "JPY"}).values["headlines"][1].value == "¥1,200"
    with pytest.raises(PermanentError, match=r"^options\.own: must be a currency of ISO 4217, such as EUR$"):
        in_currencies(folder, "EUR", options={"own": "yen"})


def test_amounts_of_several_currencies_keep_theirs(folder: Path) -> None:
    report = in_currencies(folder, "JPY", "EUR", None)
    assert [row.cells[1] for row in report.values["table"].rows] == ["¥1,200", "€1,200.00", "1,200.00"]
    assert "1,200.00" in report.values["chart"].description
    assert cells_of(report)[0] == ["At", "Total", "Total: currency"]
    assert [row[1:] for row in cells_of(report)[1:]] == [["1200", "JPY"], ["1200", "EUR"], ["1200", ""]]
    assert len(report.attachments) == 3


def test_amounts_of_two_currencies_are_not_compared(folder: Path) -> None:
    first = in_currencies(folder, "JPY", before="EUR").values["headlines"][0]
    assert (first.value, first.change) == ("¥1,200", "")


def test_what_is_no_currency_is_a_mistake_with_its_place(folder: Path) -> None:
    with pytest.raises(
        PermanentError, match=r"report\.yaml:3: totals\.currency returns what is no currency of ISO 4217"
    ):
        in_currencies(folder, "yen")


def test_a_kinds_own_templates_come_before_the_common_ones(folder: Path) -> None:
    url = orders(folder, SOME)
    (folder / "templates").mkdir()
    (folder / "templates" / "closing.txt").write_text("Ours.\n")
    assert told(made(folder, url))[1].endswith("Ours.\n")
    assert "Revenue: €30.25" in told(made(folder, url))[1]
    (folder / "next" / "templates").mkdir(parents=True)
    (folder / "next" / "report.yaml").write_text(FILE)
    (folder / "next" / "templates" / "report.txt").write_text('{{ title }}.\n{% include "closing.txt" %}\n')
    assert told(made(folder, url, version="next"))[1] == "Shop.\nOurs.\n"


def test_a_secret_that_is_not_declared_is_named(folder: Path) -> None:
    (folder / "report.yaml").write_text(FILE.replace("SHOP_DATABASE_URL", "SHOP_URL"))
    with pytest.raises(PermanentError, match=r"report\.yaml: source: needs\.yaml declares no secret SHOP_URL$"):
        made(folder, "sqlite://")


COLUMN = ResultColumn(query="q", column="c", place="report.yaml:1")
TOKYO = user(time_zone="Asia/Tokyo").time_zone


@pytest.mark.parametrize(
    ("value", "how", "text"),
    [
        (None, Format(), "–"),
        ("  two\nlines ", Format(), "two lines"),
        ("", Format(), "–"),
        (True, Format(), "✓"),
        (b"abc", Format(), "3 B"),
        ([1, "a"], Format(), "1, a"),
        (1234567, Format(format=ValueFormat.INTEGER), "1,234,567"),
        (Decimal("2.5"), Format(format=ValueFormat.DECIMAL), "2.50"),
        (2.345, Format(format=ValueFormat.DECIMAL, decimals=1), "2.3"),
        ("12.5", Format(format=ValueFormat.DECIMAL), "12.50"),
        (float("nan"), Format(format=ValueFormat.DECIMAL), "–"),
        (Decimal("Infinity"), Format(format=ValueFormat.DECIMAL), "–"),
        (10**30, Format(format=ValueFormat.INTEGER), "1.000000E+30"),
        (Decimal("-3"), Format(format=ValueFormat.MONEY, currency="EUR"), "-€3.00"),
        (Decimal("1234.5"), Format(format=ValueFormat.MONEY, currency="JPY"), "¥1,234"),
        (0.256, Format(format=ValueFormat.PERCENT), "26%"),
        (0.256, Format(format=ValueFormat.PERCENT, decimals=1), "25.6%"),
        (date(2026, 11, 24), Format(format=ValueFormat.DATE), "24 Nov 2026"),
        ("2026-11-24", Format(format=ValueFormat.DATE), "24 Nov 2026"),
        (datetime(2026, 11, 24, 20, tzinfo=UTC), Format(format=ValueFormat.DATE), "25 Nov 2026"),
        (datetime(2026, 11, 24, 20, tzinfo=UTC), Format(format=ValueFormat.TIME), "25 Nov 2026, 05:00"),
        ("2026-11-24 20:00:00", Format(format=ValueFormat.TIME), "25 Nov 2026, 05:00"),
        (datetime(2026, 11, 24, 20), Format(format=ValueFormat.TIME), "24 Nov 2026, 20:00"),  # noqa: DTZ001  meant
        (datetime(1, 1, 1, tzinfo=UTC), Format(format=ValueFormat.TIME), "1 Jan 1, 09:18"),
    ],
)
def test_values_as_people_read_them(value: Any, how: Format, text: str) -> None:
    assert written(cell_of(value, how, COLUMN, TOKYO), how, language_for("en")) == text


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["Tea", "A very long name indeed", None], ["Tea", "A very long…", "–"]),
        ([1, 2, 3], ["1", "2", "3"]),
        ([datetime(2026, 11, 23, 9, tzinfo=UTC)] * 3, ["09:00"] * 3),
        (["2026-11-23 09:30:00"] * 3, ["09:30"] * 3),
        (["2026-11-23", "2026-11-23", "x"], ["2026-11-23", "2026-11-23", "x"]),
        ([date(2026, 11, 1), date(2026, 11, 3), date(2026, 11, 2)], ["1 Nov", "3 Nov", "2 Nov"]),
    ],
)
def test_what_stands_below_the_bars(labels: list[Any], shown: list[str]) -> None:
    drawn = bars(labels, [1.0, 2.0, 3.0], period=PERIOD, zone=user().time_zone, language=language_for("en"))
    assert list(drawn.labels) == shown
    assert list(drawn.values) == [1.0, 2.0, 3.0]
