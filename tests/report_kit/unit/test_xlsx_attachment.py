"""Excel workbooks, read back by another library."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from gettext import NullTranslations
from typing import TYPE_CHECKING, Any

import pytest
from babel import Locale

from report_kit.attachments import xlsx_attachment as module
from report_kit.attachments.columns import AttachmentError, Column, ColumnKind
from report_kit.attachments.xlsx_attachment import LONGEST_TEXT, sheet_name, xlsx_attachment
from report_kit.language import Language, language_for
from report_kit.report import Attachment

if TYPE_CHECKING:
    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

ENGLISH = language_for("en")


def sheet_of(file: Attachment) -> "Worksheet":
    import openpyxl
    from openpyxl.worksheet.worksheet import Worksheet

    sheet = openpyxl.load_workbook(io.BytesIO(file.content)).active
    assert isinstance(sheet, Worksheet)
    return sheet


def cell_of(column: Column, value: Any, locale: str = "en") -> "Cell":
    from openpyxl.cell import Cell

    sheet = sheet_of(xlsx_attachment("a", [column], [[value]], language=language_for(locale)))
    cell = sheet["A2"]
    assert isinstance(cell, Cell)
    return cell


def test_a_workbook_is_made_to_be_read() -> None:
    columns = [Column("Customer"), Column("売上", ColumnKind.MONEY, "JPY")]
    rows = [["Zoë Müller-Groß", 1200], ["株式会社サンプル", -5]]
    file = xlsx_attachment("sales", columns, rows, language=ENGLISH, sheet="Sales: 2026/11")
    assert (file.filename, file.media_type) == (
        "sales.xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    sheet = sheet_of(file)
    assert sheet.title == "Sales 2026 11"
    assert list(sheet.values) == [("Customer", "売上"), ("Zoë Müller-Groß", 1200), ("株式会社サンプル", -5)]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:B3")
    assert sheet["A1"].font.bold
    assert sheet["B1"].alignment.horizontal == "right"
    # Japanese letters take twice the room.
    assert sheet.column_dimensions["A"].width > 16
    assert not sheet.sheet_view.rightToLeft


@pytest.mark.parametrize(
    ("column", "value", "found", "number_format"),
    [
        (Column("A", ColumnKind.INTEGER), 5, 5, "#,##0"),
        (Column("A", ColumnKind.NUMBER), Decimal("5.25"), 5.25, "#,##0.00"),
        (Column("A", ColumnKind.PERCENT), 0.25, 0.25, "0%"),
        (Column("A", ColumnKind.PERCENT, decimals=1), 0.255, 0.255, "0.0%"),
        (Column("A", ColumnKind.MONEY, "EUR"), 5, 5, '"€"#,##0.00'),
        (Column("A", ColumnKind.MONEY, "JPY"), 5, 5, '"¥"#,##0'),
        (Column("A", ColumnKind.DATE), date(2026, 11, 24), datetime(2026, 11, 24), "mm-dd-yy"),  # noqa: DTZ001
        (
            Column("A", ColumnKind.TIME),
            datetime(2026, 11, 24, 22, 30, tzinfo=timezone(timedelta(hours=9))),
            datetime(2026, 11, 24, 22, 30),  # noqa: DTZ001  Excel knows no zones
            "m/d/yy h:mm",
        ),
        (Column("A", ColumnKind.NUMBER), float("nan"), None, "#,##0.00"),
        (Column("A", ColumnKind.NUMBER), float("-inf"), None, "#,##0.00"),
    ],
)
def test_values_have_types_and_formats(column: Column, value: Any, found: Any, number_format: str) -> None:
    cell = cell_of(column, value)
    assert (cell.value, cell.number_format) == (found, number_format)


def test_an_amount_is_written_as_in_the_readers_language() -> None:
    column = Column("A", ColumnKind.MONEY, "EUR")
    # There is no German catalog here, so its amounts are those of the language that the words are in.
    assert cell_of(column, 5, "en-US").number_format == '"€"#,##0.00'
    assert cell_of(column, 5, "ja").number_format == '"€"#,##0.00'
    assert cell_of(Column("A", ColumnKind.MONEY, "JPY"), 5, "ja").number_format == '"￥"#,##0'


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "@A1", "{=1}", "http://example.com", "mailto:a@example.com", "007", "_x0041_"]
)
def test_no_text_becomes_a_formula_a_link_or_a_number(text: str) -> None:
    cell = cell_of(Column("A"), text)
    assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)
    # Also where a reader edits the cell.
    assert cell.quotePrefix


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (Column("A", ColumnKind.INTEGER), 10**15 + 1, "1000000000000001"),
        (Column("A", ColumnKind.DATE), date(1899, 12, 31), "1899-12-31"),
        (Column("A", ColumnKind.TIME), datetime(1800, 1, 1, tzinfo=UTC), "1800-01-01T00:00:00+00:00"),
        (Column("A"), "x" * (LONGEST_TEXT + 1), "x" * (LONGEST_TEXT - 1) + "…"),
        (Column("A"), "🙂" * LONGEST_TEXT, "🙂" * ((LONGEST_TEXT - 1) // 2) + "…"),
    ],
)
def test_what_excel_cannot_hold_is_text_or_is_cut(column: Column, value: Any, text: str) -> None:
    cell = cell_of(column, value)
    assert (cell.value, cell.data_type) == (text, "s")


def test_the_first_days_that_excel_has() -> None:
    for day in (date(1900, 1, 1), date(1900, 2, 28), date(1900, 3, 1), date(9999, 12, 31)):
        found = cell_of(Column("A", ColumnKind.DATE), day).value
        assert isinstance(found, datetime)
        assert found.date() == day


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sales", "sales"),
        ("a[b]c:d*e?f/g\\h", "a b c d e f g h"),
        ("'quoted'", "quoted"),
        ("History", "Sheet1"),
        ("", "Sheet1"),
        ("???", "Sheet1"),
        ("x" * 40, "x" * 31),
        ("🙂" * 20, "🙂" * 15),
    ],
)
def test_a_sheet_has_a_name_that_excel_takes(text: str, name: str) -> None:
    assert sheet_name(text) == name


def test_a_sheet_is_read_from_the_right_where_the_language_is() -> None:
    arabic = Language(Locale("ar"), NullTranslations())
    sheet = sheet_of(xlsx_attachment("a", [Column("A"), Column("B", ColumnKind.MONEY, "EUR")], [], language=arabic))
    assert sheet.sheet_view.rightToLeft


def test_the_same_rows_make_the_same_bytes() -> None:
    def made() -> bytes:
        return xlsx_attachment("a", [Column("A")], [["x"], ["y"]], language=ENGLISH).content

    assert made() == made()
    with zipfile.ZipFile(io.BytesIO(made())) as file:
        assert b"1980-01-01T00:00:00Z" in file.read("docProps/core.xml")


def test_too_many_rows_are_refused_with_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 2)
    with pytest.raises(AttachmentError, match=r"^a\.xlsx: a sheet has room for 2 rows .* not for 3 and 1$"):
        xlsx_attachment("a", [Column("A")], [["x"]] * 3, language=ENGLISH)
