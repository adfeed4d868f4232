"""A table as a CSV file, for spreadsheets and programs.

RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180), in UTF-8 with a byte order mark, without which Excel takes it for the
encoding of the reader's Windows.
"""

import codecs
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from functions.shared.spreadsheet import inert
from report_kit.attachments.columns import Cell, Column, checked
from report_kit.attachments.filenames import with_suffix
from report_kit.report import Attachment

MEDIA_TYPE = "text/csv"


def csv_attachment(filename: str, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> Attachment:
    """Write a table as CSV: a header, then the rows. The same rows make the same bytes.

        >>> columns = [Column("Product"), Column("Total", ColumnKind.MONEY, "EUR")]
        >>> csv_attachment("orders", columns, [["Tea", 12.5]]).content.decode("utf-8-sig").splitlines()
        ['"Product","Total"', '"Tea",12.5']

    Text is put in quotation marks, and gets an apostrophe before what a spreadsheet would take for a formula. Numbers
    are digits with a point, below zero as well; days and moments are as ISO 8601 has them, moments with their offset.

    Args:
        filename: `.csv` is added if it lacks it.
        columns: one or more.
        rows: each with a value for each column.

    Raises:
        AttachmentError: the rows do not fit the columns.
    """
    filename = with_suffix(filename, ".csv")
    lines = [",".join(_text(column.title) for column in columns)]
    # Of a single column, an empty cell would be an empty line, which programs leave out.
    lines += [",".join(map(_written, cells)) or '""' for cells in checked(filename, columns, rows)]
    content = codecs.BOM_UTF8 + "".join(f"{line}\r\n" for line in lines).encode()
    return Attachment(filename=filename, content=content, media_type=MEDIA_TYPE)


def _written(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return _text(cell)
        case datetime() | date():
            return cell.isoformat()
        case Decimal():
            return f"{cell:f}"
        case float() if cell.is_integer():
            return str(int(cell))
        case float():
            # All of its digits, and no exponent.
            return f"{Decimal(repr(cell)):f}"
        case int():
            return str(cell)


def _text(text: str) -> str:
    return '"' + inert(text).replace('"', '""') + '"'
