"""The formats of a report's files, and their names."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from functions.shared.times.period import Period
from report_kit.attachments.columns import AttachmentError, Column
from report_kit.attachments.document import DataTable, Document
from report_kit.attachments.filenames import dated, with_suffix
from report_kit.attachments.formats import FileFormat, files_of
from report_kit.language import language_for

ENGLISH = language_for("en")
MIDNIGHT = datetime(2026, 11, 23, 15, tzinfo=UTC)


def test_a_document_is_written_in_each_format() -> None:
    document = Document(title="T", tables=(DataTable(title="A", columns=[Column("B")], rows=[["c"]]),))
    made = files_of(document, FileFormat, filename="sales", language=ENGLISH)
    assert [each.filename for each in made] == ["sales.csv", "sales.xlsx", "sales.pdf"]


@pytest.mark.parametrize("file_format", [FileFormat.CSV, FileFormat.XLSX])
def test_a_format_that_needs_a_table_says_so(file_format: FileFormat) -> None:
    with pytest.raises(AttachmentError, match=rf"^sales\.{file_format}: there is no table$"):
        files_of(Document(title="T"), [file_format], filename="sales", language=ENGLISH)


@pytest.mark.parametrize(
    ("hours", "name"),
    [
        (1, "sales-2026-11-24-0000"),
        (22, "sales-2026-11-24-0000"),
        (23, "sales-2026-11-24"),
        (24 * 7, "sales-2026-11-24"),
    ],
)
def test_a_name_has_the_day_or_the_hour_of_the_readers_zone(hours: int, name: str) -> None:
    assert dated("sales", Period(MIDNIGHT, MIDNIGHT + timedelta(hours=hours)), ZoneInfo("Asia/Tokyo")) == name


def test_a_suffix_is_added_once() -> None:
    assert with_suffix("sales", ".csv") == "sales.csv"
    assert with_suffix("Sales.CSV", ".csv") == "Sales.CSV"
    assert with_suffix("sales.csv.zip", ".csv") == "sales.csv.zip.csv"
