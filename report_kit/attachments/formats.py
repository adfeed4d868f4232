"""The formats in which a report can come as a file, as a subscription's option names them."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from report_kit.attachments.columns import AttachmentError
from report_kit.attachments.csv_attachment import csv_attachment
from report_kit.attachments.document import Document
from report_kit.attachments.pdf_attachment import pdf_attachment
from report_kit.attachments.xlsx_attachment import xlsx_attachment
from report_kit.language import Language
from report_kit.report import Attachment


class FileFormat(StrEnum):
    """How a report comes as a file.

    >>> FileFormat("csv") is FileFormat.CSV
    True
    """

    CSV = "csv"
    """The first table."""
    XLSX = "xlsx"
    """Likewise."""
    PDF = "pdf"
    """All of it."""


def read_formats(option: Any) -> tuple[list[FileFormat], bool]:
    """The formats that an option names, each once, and whether all of it can be used.

        >>> read_formats(["csv", "csv", "doc"])
        ([<FileFormat.CSV: 'csv'>], False)

    Args:
        option: a list such as `["csv", "pdf"]`; None where there is no option. The team's application writes it: it may
            be anything.
    """
    if option is None:
        return [], True
    if not isinstance(option, list):
        return [], False
    known = [each for each in option if isinstance(each, str) and each in set(FileFormat)]
    return [FileFormat(each) for each in dict.fromkeys(known)], len(known) == len(option)


def files_of(
    document: Document, formats: Iterable[FileFormat], *, filename: str, language: Language
) -> Sequence[Attachment]:
    """A report's files.

        >>> table = DataTable(title="Orders", columns=[Column("Product")], rows=[["Tea"]])
        >>> document = Document(title="Orders", tables=[table])
        >>> [file.filename for file in files_of(document, [FileFormat.CSV], filename="orders", language=language)]
        ['orders.csv']

    Args:
        document: with a table where a format needs one.
        formats: which files.
        filename: of all of them, without a suffix.
        language: of the reader.

    Raises:
        AttachmentError: there is no table for a format that needs one, or its rows do not fit their columns.
        PermanentError: a PDF document is asked for, and the kind's needs.yaml does not say `pdf: true`.
    """
    return [_file(document, each, filename, language) for each in formats]


def _file(document: Document, file_format: FileFormat, filename: str, language: Language) -> Attachment:
    if file_format is FileFormat.PDF:
        return pdf_attachment(filename, document, language=language)
    if not document.tables:
        raise AttachmentError(f"{filename}.{file_format}: there is no table")
    table = document.tables[0]
    if file_format is FileFormat.CSV:
        return csv_attachment(filename, table.columns, table.rows)
    return xlsx_attachment(filename, table.columns, table.rows, language=language, sheet=table.title)
