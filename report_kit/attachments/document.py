"""What a report's files hold: the whole report for a document, its table for the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from functions.shared.mail.brand import PLAIN, Brand
from report_kit.attachments.columns import Column
from report_kit.blocks import Chart, Headline


@dataclass(frozen=True, kw_only=True)
class DataTable:
    """Rows of values. The table of an email has texts instead.

        >>> DataTable(title="Orders", columns=[Column("Product")], rows=[["Tea"], ["Cocoa"]]).title
        'Orders'

    Attributes:
        title: above it.
        columns: one or more.
        rows: each with a value for each column.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, kw_only=True)
class Document:
    """A report as a document, in the order in which it is read. All may be left out but the title.

        >>> Document(title="Orders", paragraphs=["Most came at noon."]).title
        'Orders'

    Attributes:
        brand: whose it is: its name stands above the title and on each page, in its color.
        title: on the first page large, on the others at the top.
        period: below the title.
        paragraphs: sentences; empty ones are left out.
        headlines: the figures that matter.
        chart: what stands around the picture.
        picture: of the chart, a PNG.
        tables: below one another.
        footer: what stands at the end, in small letters.
    """

    brand: Brand = PLAIN
    title: str
    period: str = ""
    paragraphs: Sequence[str] = ()
    headlines: Sequence[Headline] = ()
    chart: Chart | None = None
    picture: bytes = b""
    tables: Sequence[DataTable] = ()
    footer: str = ""
