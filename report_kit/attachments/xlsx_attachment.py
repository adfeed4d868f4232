"""A table as an Excel workbook, for people. XlsxWriter writes it and is imported with the first one.

https://xlsxwriter.readthedocs.io/
"""

import io
import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from babel.numbers import get_currency_symbol

from report_kit.attachments.columns import NUMERIC, AttachmentError, Cell, Column, ColumnKind, checked
from report_kit.attachments.filenames import with_suffix
from report_kit.language import Language
from report_kit.report import Attachment

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

MOST_ROWS = 1_048_575
"""Below the header. https://support.microsoft.com/en-us/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3"""
MOST_COLUMNS = 16_384
LONGEST_TEXT = 32_767
"""Of a cell, in units of UTF-16."""
LONGEST_SHEET_NAME = 31

_EXACT = 10**15
"""Excel keeps fifteen digits of a number."""
_FIRST_YEAR = 1900
"""Excel has no days before."""

_CREATED = datetime(1980, 1, 1)  # noqa: DTZ001  XlsxWriter takes it as UTC
"""When the workbook says that it was made, which is what XlsxWriter gives the parts in the ZIP file: the same rows make
the same bytes, so that an email provider can know a repeated request by them."""

_NARROWEST, _WIDEST = 9, 60
_MEASURED_ROWS = 500
_DATE, _TIME = 14, 22
"""Excel's own formats of days and moments: each reader sees them as the reader's own settings have it.
https://xlsxwriter.readthedocs.io/format.html#format-set-num-format"""


def xlsx_attachment(
    filename: str, columns: Sequence[Column], rows: Sequence[Sequence[Any]], *, language: Language, sheet: str = ""
) -> Attachment:
    """Write a table as a workbook with one sheet: the header stays in sight and has filters, and values have types.

        >>> columns = [Column("Product"), Column("Total", ColumnKind.MONEY, "EUR")]
        >>> xlsx_attachment("orders", columns, [["Tea", 12.5]], language=language).filename
        'orders.xlsx'

    No value becomes a formula or a link. Text beyond 32,767 characters is cut, a whole number that Excel would round
    and a day before 1900 are text, and a moment is shown as the clock of its own zone, since Excel knows no zones.

    Args:
        filename: `.xlsx` is added if it lacks it.
        columns: one or more.
        rows: each with a value for each column.
        language: of the reader: how amounts are written, and from which side the sheet is read.
        sheet: the name of the sheet; the file's where there is none.

    Raises:
        AttachmentError: the rows do not fit the columns, or a sheet.
    """
    from xlsxwriter import Workbook

    filename = with_suffix(filename, ".xlsx")
    if len(rows) > MOST_ROWS or len(columns) > MOST_COLUMNS:
        raise AttachmentError(
            f"{filename}: a sheet has room for {MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns, "
            f"not for {len(rows):,} and {len(columns):,}"
        )
    file = io.BytesIO()
    workbook = Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    workbook.set_properties({"created": _CREATED})
    worksheet = workbook.add_worksheet(sheet_name(sheet or filename.removesuffix(".xlsx")))
    header = {"bold": True, "bg_color": "#EEF1F5", "bottom": 1, "bottom_color": "#C3CAD4", "valign": "top"}
    formats = [workbook.add_format(_format(column, language)) for column in columns]
    widths = [_width(column.title) + 3 for column in columns]
    for place, column in enumerate(columns):
        side = "right" if column.kind in NUMERIC else "left"
        _write_text(worksheet, 0, place, column.title, workbook.add_format({**header, "align": side}))
    for number, cells in enumerate(checked(filename, columns, rows), start=1):
        for place, (column, cell) in enumerate(zip(columns, cells, strict=True)):
            _write(worksheet, number, place, cell, formats[place])
            if number <= _MEASURED_ROWS:
                widths[place] = max(widths[place], _shown_width(column, cell, language))
    for place, width in enumerate(widths):
        worksheet.set_column(place, place, min(max(width, _NARROWEST), _WIDEST))
    worksheet.freeze_panes(1, 0)
    worksheet.autofilter(0, 0, len(rows), len(columns) - 1)
    worksheet.ignore_errors({"number_stored_as_text": f"A1:XFD{len(rows) + 1}"})
    worksheet.repeat_rows(0)
    worksheet.set_landscape()
    worksheet.fit_to_pages(1, 0)
    if language.direction == "rtl":
        worksheet.right_to_left()
    workbook.close()
    return Attachment(filename=filename, content=file.getvalue(), media_type=MEDIA_TYPE)


def sheet_name(text: str) -> str:
    """A text as Excel lets a sheet be called.

    https://support.microsoft.com/en-us/office/rename-a-worksheet-3f1f7148-ee83-404d-8ef0-9ff99fbad1f9
    """
    name = " ".join(re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", text).split())
    while len(name.encode("utf-16-le")) // 2 > LONGEST_SHEET_NAME:
        name = name[:-1]
    name = name.strip("' ")
    # Excel keeps this name for itself.
    return name if name and name.lower() != "history" else "Sheet1"


def _format(column: Column, language: Language) -> dict[str, Any]:
    decimals = "." + "0" * column.places if column.places else ""
    match column.kind:
        case ColumnKind.TEXT:
            return {"quote_prefix": True, "valign": "top", "text_wrap": True}
        case ColumnKind.DATE:
            return {"num_format": _DATE, "align": "left", "valign": "top"}
        case ColumnKind.TIME:
            return {"num_format": _TIME, "align": "left", "valign": "top"}
        case ColumnKind.INTEGER | ColumnKind.NUMBER:
            return {"num_format": f"#,##0{decimals}", "valign": "top"}
        case ColumnKind.PERCENT:
            return {"num_format": f"0{decimals}%", "valign": "top"}
        case ColumnKind.MONEY:
            symbol = f'"{_symbol(column, language)}"'
            number = f"#,##0{decimals}"
            # CLDR's pattern has the sign of the currency where the language has it.
            before = str(language.locale.currency_formats["standard"].pattern).lstrip("\u200e\u200f").startswith("¤")
            return {"num_format": f"{symbol}{number}" if before else f"{number} {symbol}", "valign": "top"}


def _symbol(column: Column, language: Language) -> str:
    return str(get_currency_symbol(column.currency, locale=language.locale)).replace('"', "")


def _write(worksheet: "Worksheet", row: int, place: int, cell: Cell, layout: "Format") -> None:
    match cell:
        case None:
            worksheet.write_blank(row, place, None, layout)
        case str():
            _write_text(worksheet, row, place, cell, layout)
        case date() if cell.year < _FIRST_YEAR:
            worksheet.write_string(row, place, cell.isoformat(), layout)
        case datetime():
            worksheet.write_datetime(row, place, cell.replace(tzinfo=None), layout)
        case date():
            worksheet.write_datetime(row, place, cell, layout)
        case int() if abs(cell) >= _EXACT:
            worksheet.write_string(row, place, str(cell), layout)
        case _:
            worksheet.write_number(row, place, float(cell), layout)


def _write_text(worksheet: "Worksheet", row: int, place: int, text: str, layout: "Format") -> None:
    if len(text) * 2 > LONGEST_TEXT and len(units := text.encode("utf-16-le")) // 2 > LONGEST_TEXT:
        text = units[: 2 * (LONGEST_TEXT - 1)].decode("utf-16-le", "ignore") + "…"
    worksheet.write_string(row, place, text, layout)


def _shown_width(column: Column, cell: Cell, language: Language) -> int:
    match column.kind:
        case ColumnKind.TEXT:
            return max(map(_width, str(cell).splitlines()), default=0) + 1 if cell is not None else 0
        case ColumnKind.DATE:
            return 12
        case ColumnKind.TIME:
            return 17
        case ColumnKind.MONEY:
            return len(f"{cell or 0:,.{column.places}f}") + len(_symbol(column, language)) + 3
        case _:
            return len(f"{cell or 0:,.{column.places}f}") + 3


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
