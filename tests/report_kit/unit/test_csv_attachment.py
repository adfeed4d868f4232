"""CSV files: read back as a program reads them, and without a formula."""

import csv
import io
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from report_kit.attachments.columns import AttachmentError, Column, ColumnKind
from report_kit.attachments.csv_attachment import csv_attachment

TEXT = [Column("A")]


def read(content: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter))


def written(kind: ColumnKind, value: Any) -> str:
    [_, [cell]] = read(csv_attachment("a", [Column("A", kind)], [[value]]).content)
    return cell


def test_the_whole_file() -> None:
    columns = [Column('Say "hi"'), Column("Count", ColumnKind.INTEGER)]
    file = csv_attachment("sales", columns, [["a,b", 1], ["売上\nUmsätze", -2], ["", None]])
    assert (file.filename, file.media_type) == ("sales.csv", "text/csv")
    assert file.content == (
        b"\xef\xbb\xbf" + '"Say ""hi""","Count"\r\n"a,b",1\r\n"売上\nUmsätze",-2\r\n"",\r\n'.encode()
    )


def test_a_table_without_rows_is_its_header() -> None:
    assert csv_attachment("a.CSV", TEXT, []).content == b'\xef\xbb\xbf"A"\r\n'
    assert csv_attachment("a.CSV", TEXT, []).filename == "a.CSV"


@pytest.mark.parametrize(
    "text", ["=1+1", "+49 30 1234", "-5", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠A1"]
)
def test_text_that_begins_like_a_formula_is_inert(text: str) -> None:
    assert written(ColumnKind.TEXT, text).startswith("'")
    [[title]] = read(csv_attachment("a", [Column(text)], []).content)
    assert title.startswith("'")


@pytest.mark.parametrize("text", ["a=b", "a-b", "1 - 1", "'quoted'", " =1", "user@example.com", "a,b", "x; y"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert written(ColumnKind.TEXT, text) == text


@pytest.mark.parametrize(
    ("kind", "value", "cell"),
    [
        (ColumnKind.INTEGER, -5, "-5"),
        (ColumnKind.INTEGER, 10**20, "100000000000000000000"),
        (ColumnKind.NUMBER, -0.1, "-0.1"),
        (ColumnKind.NUMBER, 1e-7, "0.0000001"),
        (ColumnKind.NUMBER, 12.0, "12"),
        (ColumnKind.NUMBER, 1e22, "10000000000000000000000"),
        (ColumnKind.NUMBER, Decimal("1E+3"), "1000"),
        (ColumnKind.NUMBER, Decimal("-12.50"), "-12.50"),
        (ColumnKind.NUMBER, float("nan"), ""),
        (ColumnKind.PERCENT, 0.25, "0.25"),
        (ColumnKind.DATE, date(2026, 11, 24), "2026-11-24"),
        (ColumnKind.TIME, datetime(2026, 11, 24, 13, tzinfo=UTC), "2026-11-24T13:00:00+00:00"),
        (
            ColumnKind.TIME,
            datetime(2026, 11, 24, 13, 5, 1, 5, timezone(timedelta(hours=9))),
            "2026-11-24T13:05:01.000005+09:00",
        ),
    ],
)
def test_numbers_and_times_are_for_programs_too(kind: ColumnKind, value: Any, cell: str) -> None:
    assert written(kind, value) == cell


def test_a_wrong_value_is_named() -> None:
    with pytest.raises(AttachmentError, match=r"^sales\.csv, row 1, column 'A': int is not text"):
        csv_attachment("sales", TEXT, [[5]])
