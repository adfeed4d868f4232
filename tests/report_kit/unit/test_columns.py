"""What the columns of an attached file hold, and what is said of rows that do not fit."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from report_kit.attachments.columns import AttachmentError, Column, ColumnKind, checked
from report_kit.report import PermanentError

MOMENT = datetime(2026, 11, 24, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "given", "cell"),
    [
        (ColumnKind.TEXT, "a\tb\nc", "a\tb\nc"),
        (ColumnKind.TEXT, "half \ud83d of a pair, \x00\x1b and a whole 🙂", "half  of a pair,  and a whole 🙂"),
        (ColumnKind.INTEGER, 7, 7),
        (ColumnKind.INTEGER, Decimal(7), 7),
        (ColumnKind.INTEGER, 7.0, 7),
        (ColumnKind.NUMBER, 7.5, 7.5),
        (ColumnKind.NUMBER, Decimal("0.1"), Decimal("0.1")),
        (ColumnKind.NUMBER, float("nan"), None),
        (ColumnKind.INTEGER, float("inf"), None),
        (ColumnKind.PERCENT, 0.25, 0.25),
        (ColumnKind.DATE, date(2026, 11, 24), date(2026, 11, 24)),
        (ColumnKind.DATE, MOMENT, date(2026, 11, 24)),
        (ColumnKind.TIME, MOMENT, MOMENT),
        (ColumnKind.TIME, None, None),
    ],
)
def test_a_value_that_fits(kind: ColumnKind, given: Any, cell: Any) -> None:
    [[found]] = checked("a.csv", [Column("A", kind)], [[given]])
    assert found == cell
    assert type(found) is type(cell)


@pytest.mark.parametrize(
    ("kind", "given", "error"),
    [
        (ColumnKind.TEXT, 7, "int is not text (str)"),
        (ColumnKind.INTEGER, "7", "str is not a whole number (int)"),
        (ColumnKind.INTEGER, True, "bool is not a whole number (int)"),
        (ColumnKind.INTEGER, 7.5, "a number with decimals is not a whole number"),
        (ColumnKind.NUMBER, "ada@example.com", "str is not a number (int, float, Decimal)"),
        (ColumnKind.DATE, "2026-11-24", "str is not a day (date)"),
        (ColumnKind.TIME, date(2026, 11, 24), "date is not a moment (datetime)"),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_its_place_and_type(kind: ColumnKind, given: Any, error: str) -> None:
    columns = [Column("First"), Column("A", kind)]
    with pytest.raises(AttachmentError) as raised:
        list(checked("a.csv", columns, [["x", None], ["y", given]]))
    assert str(raised.value) == f"a.csv, row 2, column 'A': {error}"
    # A later attempt would come to the same.
    assert isinstance(raised.value, PermanentError)


@pytest.mark.parametrize("row", [[], ["x"], ["x", "y", "z"]])
def test_a_row_of_another_length_is_refused(row: list[str]) -> None:
    with pytest.raises(AttachmentError, match=rf"^a\.csv, row 1: {len(row)} values for 2 columns$"):
        list(checked("a.csv", [Column("A"), Column("B")], [row]))


def test_a_table_has_columns() -> None:
    with pytest.raises(AttachmentError, match="no columns"):
        list(checked("a.csv", [], []))


@pytest.mark.parametrize("currency", ["", "eur", "€", "XYZW"])
def test_money_has_a_currency(currency: str) -> None:
    with pytest.raises(AttachmentError, match=r"^column 'Sum': .*such as EUR$"):
        Column("Sum", ColumnKind.MONEY, currency)


@pytest.mark.parametrize(
    ("column", "places"),
    [
        (Column("A", ColumnKind.INTEGER), 0),
        (Column("A", ColumnKind.NUMBER), 2),
        (Column("A", ColumnKind.NUMBER, decimals=0), 0),
        (Column("A", ColumnKind.PERCENT, decimals=1), 1),
        (Column("A", ColumnKind.MONEY, "EUR"), 2),
        (Column("A", ColumnKind.MONEY, "JPY"), 0),
        (Column("A", ColumnKind.MONEY, "KWD"), 3),
    ],
)
def test_decimals_are_those_of_the_column_or_its_currency(column: Column, places: int) -> None:
    assert column.places == places
