"""What the columns of an attached file hold, and the check that the rows hold it."""

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from babel.numbers import get_currency_precision, list_currencies

from report_kit.report import PermanentError

Cell = str | int | float | Decimal | date | datetime | None
"""A value that fits its column. None is an empty cell."""


class ColumnKind(StrEnum):
    """What the values of a column are.

    >>> Column("Share", ColumnKind.PERCENT).kind is ColumnKind.PERCENT
    True
    """

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"
    """An amount in the column's currency: 12.5 is €12.50."""
    PERCENT = "percent"
    """A share: 0.25 is 25%."""
    DATE = "date"
    TIME = "time"
    """A moment, with its day. A kind turns it into the recipient's zone: files show the moment's own."""


NUMERIC = frozenset({ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.MONEY, ColumnKind.PERCENT})
"""The kinds whose values stand below one another by their last digit."""


class AttachmentError(PermanentError):
    """A file cannot be made of what the kind gave for it, and could not the next time either.

    >>> Column("Total", ColumnKind.MONEY)
    Traceback (most recent call last):
    report_kit.attachments.columns.AttachmentError: ...
    """


@dataclass(frozen=True)
class Column:
    """One column.

        >>> Column("Total", ColumnKind.MONEY, "JPY").places
        0

    Attributes:
        title: its header.
        kind: what its values are.
        currency: of money, its code by ISO 4217, such as `EUR`.
        decimals: how many are shown; None: two of a number, none of a percentage, the currency's own of money.

    Raises:
        AttachmentError: money without a currency, or a currency that does not exist.
    """

    title: str
    kind: ColumnKind = ColumnKind.TEXT
    currency: str = ""
    decimals: int | None = None

    def __post_init__(self) -> None:
        if self.kind is ColumnKind.MONEY and self.currency not in _currencies():
            raise AttachmentError(
                f"column {self.title!r}: {self.currency!r} is no currency of ISO 4217, such as EUR"
                if self.currency
                else f"column {self.title!r}: money needs a currency, such as EUR"
            )

    @property
    def places(self) -> int:
        """How many decimals are shown."""
        if self.decimals is not None:
            return self.decimals
        match self.kind:
            case ColumnKind.NUMBER:
                return 2
            case ColumnKind.MONEY:
                return get_currency_precision(self.currency)
            case _:
                return 0


def checked(filename: str, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> Iterator[list[Cell]]:
    """The rows, each value as its column has it.

    A number that is none (NaN, an infinity) is an empty cell: files have no way to write it that every program reads.

    Args:
        filename: named in errors.
        columns: one or more.
        rows: each with a value for each column.

    Raises:
        AttachmentError: there is no column, a row is too short or too long, or a value does not fit. The text names
            the place and the type, and not the value, which may be about a person.
    """
    if not columns:
        raise AttachmentError(f"{filename}: there are no columns")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            raise AttachmentError(f"{filename}, row {number}: {len(row)} values for {len(columns)} columns")
        cells: list[Cell] = []
        for column, value in zip(columns, row, strict=True):
            try:
                cells.append(None if value is None else _fitting(column.kind, value))
            except TypeError:
                place = f"{filename}, row {number}, column {column.title!r}"
                raise AttachmentError(f"{place}: {type(value).__name__} is not {_A[column.kind]}") from None
            except ValueError:
                place = f"{filename}, row {number}, column {column.title!r}"
                raise AttachmentError(f"{place}: a number with decimals is not a whole number") from None
        yield cells


_A = {
    ColumnKind.TEXT: "text (str)",
    ColumnKind.INTEGER: "a whole number (int)",
    ColumnKind.NUMBER: "a number (int, float, Decimal)",
    ColumnKind.MONEY: "an amount (int, float, Decimal)",
    ColumnKind.PERCENT: "a share (int, float, Decimal)",
    ColumnKind.DATE: "a day (date)",
    ColumnKind.TIME: "a moment (datetime)",
}


def _fitting(kind: ColumnKind, value: Any) -> Cell:
    match kind:
        case ColumnKind.TEXT:
            if isinstance(value, str):
                return _clean(value)
        case ColumnKind.DATE:
            if isinstance(value, datetime):
                return value.date()
            if isinstance(value, date):
                return value
        case ColumnKind.TIME:
            if isinstance(value, datetime):
                return value
        case _:
            # True is an int to Python.
            if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
                return _number(kind, value)
    raise TypeError


def _number(kind: ColumnKind, value: int | float | Decimal) -> int | float | Decimal | None:
    if not math.isfinite(value):
        return None
    if kind is not ColumnKind.INTEGER:
        return value
    if value != int(value):
        raise ValueError
    return int(value)


def _clean(text: str) -> str:
    """Text without what no file may hold: halves of characters, and control characters but tabs and line breaks."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return "".join(each for each in whole if each >= " " or each in "\t\n\r")


@functools.cache
def _currencies() -> set[str]:
    return list_currencies()
