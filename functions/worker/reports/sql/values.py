"""Writes the values of a database for people: numbers, money, days and times as the language writes them."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import format_currency, format_percent

from functions.worker.reports.language import Language
from functions.worker.reports.report import PermanentError
from functions.worker.reports.sql.definition import NUMBERS, Column, Format, ValueFormat
from functions.worker.sanitize import sanitize

NOTHING = "–"
"""What stands for NULL, and for a number that is none."""

_LARGEST = Decimal(10) ** 27
"""Babel refuses numbers from 1e28 on."""

_CELL_CHARACTERS = 60


class ValueWriter:
    """Writes values for one recipient.

    Args:
        language: of the report.
        zone: whose days and hours are meant.
    """

    def __init__(self, language: Language, zone: ZoneInfo) -> None:
        self._language = language
        self._zone = zone

    def write(self, value: Any, how: Format, column: Column) -> str:
        """A value as text of one line.

        Args:
            value: as the driver returns it.
            how: to write it.
            column: where it comes from, for a message.

        Raises:
            PermanentError: the value cannot be written so.
        """
        plain = usable(value, how, column, self._zone)
        match plain:
            case None:
                return NOTHING
            case Decimal():
                return self._number(plain, how)
            case datetime():
                return f"{self._language.skeleton(plain.date(), 'yMMMd')}, {self._language.time(plain)}"
            case date():
                return self._language.skeleton(plain, "yMMMd")
            case _:
                return sanitize(str(plain), _CELL_CHARACTERS) or NOTHING

    def _number(self, number: Decimal, how: Format) -> str:
        if abs(number) >= _LARGEST:
            return f"{number:.6E}"
        locale = self._language.locale
        text: str
        match how.format:
            case ValueFormat.MONEY:
                text = format_currency(number, how.currency, locale=locale)
            case ValueFormat.PERCENT:
                decimals = how.decimals or 0
                text = format_percent(
                    round(number, decimals + 2), _percent_pattern(self._language, decimals), locale=locale
                )
            case ValueFormat.DECIMAL:
                text = self._language.number(number, 2 if how.decimals is None else how.decimals)  # type: ignore[arg-type]
            case _:
                text = self._language.number(number)  # type: ignore[arg-type]
        return text


def usable(value: Any, how: Format, column: Column, zone: ZoneInfo) -> str | Decimal | date | datetime | None:
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
        return _number(value, column, how)
    if how.format is ValueFormat.TIME:
        return _moment(value, column, zone)
    if how.format is ValueFormat.DATE:
        return _day(value, column, zone)
    return _text(value)


def _number(value: Any, column: Column, how: Format) -> Decimal | None:
    # True is an int to Python.
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise _mismatch(value, column, how, "a number")
    try:
        number = Decimal(str(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise _mismatch(value, column, how, "a number") from None
    return number if number.is_finite() else None


def _day(value: Any, column: Column, zone: ZoneInfo) -> date:
    if isinstance(value, datetime):
        return _in_zone(value, zone).date()
    if isinstance(value, date):
        return value
    try:
        text = str(value)
        return date.fromisoformat(text) if len(text) == len("2026-11-24") else _parsed_moment(text, zone).date()
    except ValueError:
        raise _mismatch(value, column, Format(format=ValueFormat.DATE), "a date") from None


def _moment(value: Any, column: Column, zone: ZoneInfo) -> datetime:
    if isinstance(value, datetime):
        return _in_zone(value, zone)
    try:
        return _parsed_moment(str(value), zone)
    except ValueError:
        raise _mismatch(value, column, Format(format=ValueFormat.TIME), "a date and a time") from None


def _parsed_moment(text: str, zone: ZoneInfo) -> datetime:
    """Text is SQLite's, whose times are in UTC."""
    moment = datetime.fromisoformat(text)
    return _in_zone(moment if moment.tzinfo else moment.replace(tzinfo=UTC), zone)


def _in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment in a zone. One without a zone is the database's own local time, and stays as it is."""
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(zone)
    except OverflowError:
        # At the edge of the calendar, such as PostgreSQL's year 1.
        return moment


def _text(value: Any) -> str:
    match value:
        case bool():
            return "✓" if value else "✗"
        case bytes() | memoryview():
            return f"{len(value)} B"
        case timedelta() | time():
            return str(value)
        case list() | tuple():
            return ", ".join(_text(each) for each in value[:20])
        case _:
            return str(value)


def _mismatch(value: Any, column: Column, how: Format, expected: str) -> PermanentError:
    return PermanentError(
        f"{column.place}: {column} is {type(value).__name__}, but format: {how.format} needs {expected}"
    )


def _percent_pattern(language: Language, decimals: int) -> str:
    pattern = str(language.locale.percent_formats[None].pattern)
    return pattern.replace("0", "0." + "0" * decimals, 1) if decimals else pattern
