"""In which currency an amount of a report from SQL is: the file says it, an option, or a column of a query. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from babel.numbers import list_currencies

from report_kit.report import PermanentError
from report_kit.sql.definition import Format, OptionName, ResultColumn, ValueFormat
from report_kit.sql.parameters import Parameter


def currency_of_option(option: OptionName, options: Mapping[str, Parameter]) -> str:
    """The currency that a subscription's option says; empty where it says none.

    Raises:
        PermanentError: it is none.
    """
    code = options[option.name].value
    if code is not None and code not in list_currencies():
        raise PermanentError(f"options.{option.name}: must be a currency of ISO 4217, such as EUR")
    return str(code or "")


def currency_of_value(value: Any, column: ResultColumn) -> str:
    """The currency that a database says; empty for NULL, as for a sum of nothing.

    Raises:
        PermanentError: it is none.
    """
    if value is None:
        return ""
    if not isinstance(value, str) or value not in list_currencies():
        raise PermanentError(f"{column.place}: {column} returns what is no currency of ISO 4217, such as EUR")
    return value


def with_currency(how: Format, codes: Sequence[str]) -> Format:
    """A format in the only currency that there is. In none, or in several, money is a number with decimals.

    Args:
        how: amounts are written.
        codes: of the amounts.
    """
    if how.format is not ValueFormat.MONEY:
        return how
    known = set(codes)
    return Format(format=ValueFormat.MONEY, currency=known.pop()) if len(known) == 1 and all(known) else _AMOUNT


_AMOUNT = Format(format=ValueFormat.DECIMAL)
