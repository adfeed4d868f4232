"""A report as a PDF document. Typst sets it and is imported with the first one: https://typst.app/docs/"""

import functools
import json
import re
from pathlib import Path
from typing import Any

from report_kit.attachments.columns import NUMERIC, AttachmentError, ColumnKind, checked
from report_kit.attachments.document import DataTable, Document
from report_kit.attachments.filenames import with_suffix
from report_kit.attachments.fonts import families, fonts
from report_kit.attachments.shown import shown
from report_kit.blocks import Chart
from report_kit.language import Language
from report_kit.pdf_need import require_pdf_need
from report_kit.report import Attachment

MEDIA_TYPE = "application/pdf"
MOST_ROWS = 1_000
"""Of a table: some thirty pages, and a second of CPU. A CSV file or a workbook has them all."""
LONGEST_TEXT = 400
"""In characters, of a cell."""

_TEMPLATE = Path(__file__).parent / "document.typ"
_UNBROKEN = re.compile(r"[!-~]{24}(?=[!-~])")
_WIDE = 6
"""A table with more columns turns the pages."""

_LETTER = frozenset(["BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE"])
"""Where paper is US Letter. https://github.com/unicode-org/cldr/blob/main/common/supplemental/supplementalData.xml"""


def pdf_attachment(filename: str, document: Document, *, language: Language) -> Attachment:
    """Set a report as a PDF document.

        >>> pdf_attachment("orders", Document(title="Orders"), language=language).content[:5]
        b'%PDF-'

    Of a table the first 1,000 rows are shown, with a sentence about the others. The document names no time at
    which it was made: the same report makes the same bytes.

    Args:
        filename: `.pdf` is added if it lacks it.
        document: what it says.
        language: of the document.

    Raises:
        AttachmentError: rows do not fit their columns, or the picture is none.
        PermanentError: the kind's needs.yaml does not say `pdf: true`.
    """
    require_pdf_need()
    import typst

    filename = with_suffix(filename, ".pdf")
    data = {
        "title": document.title,
        "period": document.period,
        "brand": document.brand.name,
        "color": document.brand.text_color,
        "paragraphs": [text for text in document.paragraphs if text],
        "headlines": [vars(headline) for headline in document.headlines],
        "chart": None if document.chart is None else _chart(document.chart, document.picture),
        "tables": [_table(filename, table, language) for table in document.tables],
        "footer": document.footer,
        "language": language.locale.language,
        "from_right": language.direction == "rtl",
        "fonts": families(language.locale),
        "paper": "us-letter" if language.locale.territory in _LETTER else "a4",
        "wide": any(len(table.columns) > _WIDE for table in document.tables),
    }
    # A compiler of its own: one cannot serve two threads at once.
    compiler = typst.Compiler(font_paths=fonts(), ignore_system_fonts=True)
    try:
        content = compiler.compile(_template(), format="pdf", sys_inputs={"data": json.dumps(data)})
    except typst.TypstError as error:
        raise AttachmentError(f"{filename}: {error.message}") from error
    assert isinstance(content, bytes)  # noqa: S101  without a file to write to
    return Attachment(filename=filename, content=content, media_type=MEDIA_TYPE)


@functools.cache
def _template() -> bytes:
    return _TEMPLATE.read_bytes()


def _chart(chart: Chart, picture: bytes) -> dict[str, Any]:
    return {
        "title": chart.title,
        "picture": list(picture),
        "description": chart.description,
        "top": chart.top,
        "axis": [vars(label) for label in chart.axis],
        "legend": [vars(entry) for entry in chart.legend],
    }


def _table(filename: str, table: DataTable, language: Language) -> dict[str, Any]:
    columns = table.columns
    has_text = any(column.kind is ColumnKind.TEXT for column in columns)
    left_out = max(len(table.rows) - MOST_ROWS, 0)
    more = language.ngettext("{number} more row is not shown here.", "{number} more rows are not shown here.", left_out)
    return {
        "title": table.title,
        "columns": [
            {
                "title": column.title,
                "numeric": column.kind in NUMERIC,
                "grows": column.kind is ColumnKind.TEXT or not has_text,
            }
            for column in columns
        ],
        "rows": [
            [_breakable(shown(cell, column, language)) for cell, column in zip(cells, columns, strict=True)]
            for cells in checked(filename, columns, table.rows[:MOST_ROWS])
        ],
        "more": more.format(number=language.number(left_out)) if left_out else "",
    }


def _breakable(text: str) -> str:
    """A cell's text, not too long, and with places in long words at which a line may end."""
    if len(text) > LONGEST_TEXT:
        text = text[: LONGEST_TEXT - 1] + "…"
    return _UNBROKEN.sub("\\g<0>\u200b", text)
