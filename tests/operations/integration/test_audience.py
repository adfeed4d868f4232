"""`reports kinds audience`: what the next reading of a query that names recipients does."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kinds_elsewhere import kinds_in
from tests.operations.integration.conftest import Project
from tests.seeding import seed

REPORT = """
source: SALES_DATABASE_URL
title: Sales
audience: {sql: "SELECT id, email FROM customers"}
queries: {orders: SELECT 1 AS number}
table: {title: Orders, query: orders, columns: [{column: number, label: Number}]}
"""
NEEDS = 'secrets: {SALES_DATABASE_URL: {about: "The database."}}\n'


@pytest.fixture
def customers(tmp_path: Path) -> Iterator[Path]:
    """The file of a database that has customers."""
    folder = tmp_path / "kinds" / "sales"
    folder.mkdir(parents=True)
    (folder / "report.yaml").write_text(REPORT, encoding="utf-8")
    (folder / "needs.yaml").write_text(NEEDS, encoding="utf-8")
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE customers (id, email)")
        rows = [(f"c{number}", f"c{number}@customer.example") for number in range(3)]
        database.executemany("INSERT INTO customers VALUES (?, ?)", [*rows, (None, "x@customer.example")])
    with kinds_in(folder.parent):
        yield file


def of_query(project: Project, user_id: str) -> None:
    """A recipient whom the query has named before."""
    seed(project.database, user_id, subscription_id="sales", next_report_at=None, kind="sales", audience="sales")


def test_the_next_reading_is_shown_and_nothing_is_written(project: Project, customers: Path) -> None:
    for number in range(9):
        of_query(project, f"gone{number}")
    url = f"sqlite:///{customers}"
    answer = project.reports("kinds", "audience", "sales", "--json", SALES_DATABASE_URL=url)
    assert answer.status == 0, answer.err
    shown = {row["user_id"]: row["effect"] for row in answer.json}
    assert shown == {
        "": "refused",
        **{f"c{number}": "waiting" for number in range(3)},
        **{f"gone{number}": "held back" for number in range(9)},
    }
    assert answer.json[-1]["problem"] == "row 4: id: must be a text or a whole number that can be a document's id"
    assert "./reports kinds audience sales --accept-leaving 9" in answer.err.replace("\n", " ")
    assert not project.database.document("users/c1").get().exists

    accepted = project.reports("kinds", "audience", "sales", "--accept-leaving", "9")
    assert accepted.out == "The next reading lets them leave.\n"
    assert project.database.document("audiences/sales").get().to_dict() == {"leaving_accepted": 9}
    answer = project.reports("kinds", "audience", "sales", "--json", SALES_DATABASE_URL=url)
    assert {row["effect"] for row in answer.json} == {"refused", "added", "left"}
    assert "audience_row" in answer.json[-2]["fields"]

    # Of whom nothing is kept yet is erased, too.
    assert project.reports("users", "erase", "c1", "--yes").status == 0
    answer = project.reports("kinds", "audience", "sales", "--json", SALES_DATABASE_URL=url)
    assert [row["user_id"] for row in answer.json if row["effect"] == "erased"] == ["c1"]


def test_a_kind_without_a_query_or_a_database_is_refused(project: Project, customers: Path) -> None:
    refused = project.reports("kinds", "audience", "activity")
    assert (refused.status, "kinds/activity: no query names its recipients" in refused.err) == (1, True)
    url = f"sqlite:///{customers}.gone"
    assert "cannot connect" in project.reports("kinds", "audience", "sales", SALES_DATABASE_URL=url).err
    assert "SALES_DATABASE_URL: not set" in project.reports("kinds", "audience", "sales").err
