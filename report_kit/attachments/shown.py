"""A value of a table as a person reads it."""

import re
from datetime import date, datetime

from babel.numbers import format_currency, format_percent

from report_kit.attachments.columns import Cell, Column, ColumnKind
from report_kit.language import Language

_DECIMALS = re.compile(r"0(\.0+)?(?=[^#0.,]|$)")


def shown(cell: Cell, column: Column, language: Language) -> str:
    """A value with the signs of a language; empty for None.

    Args:
        cell: fits the column.
        column: whose.
        language: of the reader.
    """
    text: str
    match cell:
        case None:
            return ""
        case str():
            return cell
        case datetime():
            return f"{language.skeleton(cell.date(), 'yMMMd')}, {language.time(cell)}"
        case date():
            return language.skeleton(cell, "yMMMd")
    match column.kind:
        case ColumnKind.MONEY:
            pattern = _with_places(language.locale.currency_formats["standard"].pattern, column.places)
            text = format_currency(cell, column.currency, pattern, locale=language.locale, currency_digits=False)
        case ColumnKind.PERCENT:
            pattern = _with_places(language.locale.percent_formats[None].pattern, column.places)
            text = format_percent(cell, pattern, locale=language.locale)
        case _:
            text = language.number(float(cell) if column.places else int(cell), column.places)
    return text


def _with_places(pattern: str, places: int) -> str:
    """A pattern of CLDR with so many decimals. https://unicode.org/reports/tr35/tr35-numbers.html#Number_Format_Patterns"""
    return _DECIMALS.sub("0" + ("." + "0" * places if places else ""), pattern)
