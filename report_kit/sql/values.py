"""Values of a database as people read them, and as attached files take them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from functions.shared.sanitize import sanitize
from report_kit.attachments.columns import Column, ColumnKind
from report_kit.attachments.shown import shown
from report_kit.language import Language
from report_kit.report import PermanentError
from report_kit.sql.definition import NUMBERS, Format, ResultColumn, ValueFormat

NOTHING = "–"
"""What stands for NULL, and for a number that is none."""

Cell = str | Decimal | date | datetime | None

_LARGEST = Decimal(10) ** 27
"""Babel refuses numbers from 1e28 on."""

_CELL_CHARACTERS = 60
_LISTED = 20
_KINDS = {
    ValueFormat.TEXT: ColumnKind.TEXT,
    # Not as whole numbers: what is below the point is not shown, but stays in the file.
    ValueFormat.INTEGER: ColumnKind.NUMBER,
    ValueFormat.DECIMAL: ColumnKind.NUMBER,
    ValueFormat.MONEY: ColumnKind.MONEY,
    ValueFormat.PERCENT: ColumnKind.PERCENT,
    ValueFormat.DATE: ColumnKind.DATE,
    ValueFormat.TIME: ColumnKind.TIME,
}


def file_column(title: str, how: Format) -> Column:
    """The column of an attached file.

    Args:
        title: its header.
        how: values are written.
    """
    decimals = 0 if how.format is ValueFormat.INTEGER else how.decimals
    return Column(title=title, kind=_KINDS[how.format], currency=str(how.currency), decimals=decimals)


def written(cell: Cell, how: Format, language: Language, *, year: int | None = None) -> str:
    """A cell as one line of text.

    Args:
        cell: see `cell_of`.
        how: to write it.
        language: in which.
        year: that goes without saying.
    """
    if cell is None:
        return NOTHING
    if isinstance(cell, date) and cell.year == year:
        day = language.axis_day(cell)
        return f"{day}, {language.time(cell)}" if isinstance(cell, datetime) else day
    if isinstance(cell, Decimal) and abs(cell) >= _LARGEST:
        return f"{cell:.6E}"
    return sanitize(shown(cell, file_column("", how), language), _CELL_CHARACTERS) or NOTHING


def cell_of(value: Any, how: Format, column: ResultColumn, zone: ZoneInfo) -> Cell:
    """A value as its format takes it: a Decimal for numbers, a day, a moment in a zone, or text.

    Args:
        value: as the driver returns it.
        how: it is to be written.
        column: where it comes from, for a message.
        zone: whose days and hours are meant.

    Returns:
        None for NULL, and for numbers that are none.

    Raises:
        PermanentError: it is of another type.
    """
    if value is None:
        return None
    if how.format in NUMBERS:
        return _number(value, how, column)
    if how.format is ValueFormat.TIME:
        return _moment(value, how, column, zone)
    if how.format is ValueFormat.DATE:
        return _day(value, how, column, zone)
    return _text(value)


def _number(value: Any, how: Format, column: ResultColumn) -> Decimal | None:
    # True is an int to Python.
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise _mismatch(value, how, column, "a number")
    try:
        number = Decimal(str(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise _mismatch(value, how, column, "a number") from None
    return number if number.is_finite() else None


def day_of(value: Any) -> date | None:
    """The day that a value is, or that its text says; None for any other value, and for a moment.

    Args:
        value: as the driver returns it.
    """
    if isinstance(value, str):
        return _parsed(date, value) if len(value) == len("2026-11-24") else None
    return value if isinstance(value, date) and not isinstance(value, datetime) else None


def moment_of(value: Any, zone: ZoneInfo) -> datetime | None:
    """The moment that a value is, or that its text says, in a zone; None for any other value.

    Args:
        value: as the driver returns it.
        zone: whose hours are meant. A moment without a zone is the database's own local time, and stays.
    """
    moment = value
    if isinstance(value, str):
        moment = _parsed(datetime, value)
        # SQLite has text for moments, in UTC.
        moment = moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None
    if not isinstance(moment, datetime):
        return None
    try:
        return moment.astimezone(zone) if moment.tzinfo else moment
    except OverflowError:
        # At the edge of the calendar, such as PostgreSQL's year 1.
        return moment


def _day(value: Any, how: Format, column: ResultColumn, zone: ZoneInfo) -> date:
    if isinstance(value, str) and len(value) == len("2026-11-24") and day_of(value) is None:
        raise _mismatch(value, how, column, "a date")
    return day_of(value) or _moment(value, how, column, zone).date()


def _moment(value: Any, how: Format, column: ResultColumn, zone: ZoneInfo) -> datetime:
    moment = moment_of(value, zone)
    if moment is None:
        raise _mismatch(value, how, column, "a date and a time")
    return moment


_Parsed = TypeVar("_Parsed", bound=date)


def _parsed(kind: type[_Parsed], text: str) -> _Parsed | None:
    try:
        return kind.fromisoformat(text)
    except ValueError:
        return None


def _text(value: Any) -> str:
    match value:
        case bool():
            return "✓" if value else "✗"
        case bytes() | memoryview():
            return f"{len(value)} B"
        case timedelta():
            return str(value)
        case list() | tuple():
            return ", ".join(_text(each) for each in value[:_LISTED])
        case _:
            return str(value)


def _mismatch(value: Any, how: Format, column: ResultColumn, expected: str) -> PermanentError:
    return PermanentError(
        f"{column.place}: {column} returns {type(value).__name__}, but format: {how.format} needs {expected}"
    )
