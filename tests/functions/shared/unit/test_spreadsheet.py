"""Files that a person opens in a spreadsheet: whatever separator it expects, no cell is a formula."""

import csv
import io
import itertools
from collections.abc import Callable

import pytest

from operations.output import to_csv
from report_kit.attachments.columns import Column
from report_kit.attachments.csv_attachment import csv_attachment

FORMULA = "=cmd|' /C calc'!A0"
PAYLOADS = [
    *(f"{sign}cmd|' /C calc'!A0" for sign in "=+-@＝＋－＠"),
    *(f"{lead}{FORMULA}" for lead in ("\t", "\r", "\n", "\r\n", "\t\t", '"', '""')),
    *(f"x;{sign}1+1" for sign in "=+-@＝"),
    *(f'x{separator}"{FORMULA};' for separator in (";", "\t", "\n", "\r\n", "|", ":", ",")),
    f'x;"""{FORMULA}"',
    f'x"";"{FORMULA}";y',
    f'x;\t"{FORMULA}',
    f"x;\n{FORMULA}",
    f'x;;"";{FORMULA}',
]
"""Texts that try to begin a cell of their own."""

Write = Callable[[list[str]], str]


def attached(texts: list[str]) -> str:
    columns = [Column(f"A{number}") for number in range(len(texts))]
    return csv_attachment("a", columns, [texts, texts]).content.decode("utf-8-sig")


def attached_headings(texts: list[str]) -> str:
    return csv_attachment("a", [Column(text) for text in texts], []).content.decode("utf-8-sig")


def listed(texts: list[str]) -> str:
    return to_csv([{f"a{number}": text for number, text in enumerate(texts)}] * 2, ())


def listed_in_a_value(texts: list[str]) -> str:
    return to_csv([{f"a{number}": [text] for number, text in enumerate(texts)}] * 2, ())


def listed_headings(texts: list[str]) -> str:
    return to_csv([dict.fromkeys(texts, "")], ())


@pytest.mark.parametrize("write", [attached, attached_headings, listed, listed_in_a_value, listed_headings])
def test_no_cell_begins_as_a_formula(write: Write) -> None:
    for payload, delimiter in itertools.product(PAYLOADS, ",;\t|:"):
        for texts in ([payload], ["first", payload], ["first", payload, "last"]):
            file = io.StringIO(write(texts), newline="")
            cells = [cell for row in csv.reader(file, delimiter=delimiter) for cell in row]
            assert [cell for cell in cells if cell.startswith(tuple("=+-@＝＋－＠\t\r\n"))] == [], (payload, delimiter)


@pytest.mark.parametrize(
    "text", ["a=b", "1 - 1", " =1", "a,-b", "x; y", "Sum:", "one\r\n\r\ntwo", "13:00", "https://a.example"]
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert list(csv.reader(io.StringIO(attached([text]), newline="")))[1:] == [[text]] * 2
