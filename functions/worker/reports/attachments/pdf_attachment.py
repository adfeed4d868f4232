"""A report as a PDF document. Typst sets it and is imported with the first one: https://typst.app/docs/"""

import functools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions.worker.mail.model import Attachment
from functions.worker.reports.attachments.columns import NUMERIC, AttachmentError, Column, ColumnKind, checked
from functions.worker.reports.attachments.filenames import with_suffix
from functions.worker.reports.attachments.fonts import families, fonts
from functions.worker.reports.attachments.shown import shown
from functions.worker.reports.language import Language

MEDIA_TYPE = "application/pdf"
MOST_ROWS = 1_000
"""Of a table: some thirty pages, and a second of CPU. A CSV file or a workbook has them all."""
LONGEST_TEXT = 400
"""In characters, of a cell."""

_DOCUMENT = Path(__file__).parent / "document.typ"
_COLOR = "#2563eb"
_UNBROKEN = re.compile(r"[!-~]{24}(?=[!-~])")
_WIDE = 6
"""A table with more columns turns the pages."""

_LETTER = frozenset(["BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE"])
"""Where paper is US Letter. https://github.com/unicode-org/cldr/blob/main/common/supplemental/supplementalData.xml"""


@dataclass(frozen=True, kw_only=True)
class PdfHeadline:
    """One figure, as text.

    Attributes:
        label: what it is.
        value: how much.
        change: how it compares, in words; may be empty.
        arrow: which way it went; repeats what `change` says.
        tone: what the change means: `good`, `bad` or `neutral`.
    """

    label: str
    value: str
    change: str = ""
    arrow: str = ""
    tone: str = "neutral"


@dataclass(frozen=True, kw_only=True)
class PdfChart:
    """A picture.

    Attributes:
        title: above it.
        picture: a PNG.
        description: what it shows, for those who do not see it.
        top: what the upper end of the picture stands for; may be empty.
        axis: what stands below the picture from left to right, each with its part of the width.
    """

    title: str
    picture: bytes
    description: str
    top: str = ""
    axis: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True, kw_only=True)
class PdfTable:
    """Rows. The header is repeated on each page.

    Attributes:
        title: above it.
        columns: one or more.
        rows: each with a value for each column.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]


def pdf_attachment(
    filename: str,
    *,
    language: Language,
    title: str,
    period: str = "",
    brand: str = "",
    color: str = _COLOR,
    paragraphs: Sequence[str] = (),
    headlines: Sequence[PdfHeadline] = (),
    chart: PdfChart | None = None,
    tables: Sequence[PdfTable] = (),
    footer: str = "",
) -> Attachment:
    """Set a report as a document, in the order of the arguments. Each may be left out but the title.

    Of a table the first MOST_ROWS rows are shown, with a sentence about the others. The document names no time at
    which it was made: the same report makes the same bytes.

    Args:
        filename: `.pdf` is added if it lacks it.
        language: of the document.
        title: on the first page large, on the others in the header.
        period: below the title.
        brand: the product's name, above the title and in the footer of each page.
        color: of the brand, as #rrggbb.
        paragraphs: sentences.
        headlines: the figures that matter.
        chart: a picture.
        tables: below one another.
        footer: what stands at the end, in small letters.

    Raises:
        AttachmentError: rows do not fit their columns, or the picture is none.
    """
    import typst

    filename = with_suffix(filename, ".pdf")
    data = {
        "title": title,
        "period": period,
        "brand": brand,
        "color": color,
        "paragraphs": [text for text in paragraphs if text],
        "headlines": [vars(headline) for headline in headlines],
        "chart": None if chart is None else _chart(chart),
        "tables": [_table(filename, table, language) for table in tables],
        "footer": footer,
        "language": language.locale.language,
        "from_right": language.direction == "rtl",
        "fonts": families(language.locale),
        "paper": "us-letter" if language.locale.territory in _LETTER else "a4",
        "wide": any(len(table.columns) > _WIDE for table in tables),
    }
    # A compiler of its own: one cannot serve two threads at once.
    compiler = typst.Compiler(font_paths=fonts(), ignore_system_fonts=True)
    try:
        content = compiler.compile(_source(), format="pdf", sys_inputs={"data": json.dumps(data)})
    except typst.TypstError as error:
        raise AttachmentError(f"{filename}: {error.message}") from error
    assert isinstance(content, bytes)  # noqa: S101  without a file to write to
    return Attachment(filename=filename, content=content, media_type=MEDIA_TYPE)


@functools.cache
def _source() -> bytes:
    return _DOCUMENT.read_bytes()


def _chart(chart: PdfChart) -> dict[str, Any]:
    return {
        "title": chart.title,
        "picture": list(chart.picture),
        "description": chart.description,
        "top": chart.top,
        "axis": [{"text": text, "width": width} for text, width in chart.axis],
    }


def _table(filename: str, table: PdfTable, language: Language) -> dict[str, Any]:
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
