"""The parameters of the queries: always bound, never a part of the SQL. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from functions.shared.times.period import Period
from report_kit.report import PermanentError
from report_kit.request import ReportRequest
from report_kit.sql.definition import Option, ParameterType

Value = str | int | Decimal | bool | date | datetime | None


@dataclass(frozen=True)
class Parameter:
    """What a query gets for one of its parameters."""

    type: ParameterType
    value: Value


BUILT_IN_PARAMETERS = {
    "user_id": ParameterType.IDENTIFIER,
    "start": ParameterType.MOMENT,
    "end": ParameterType.MOMENT,
    "previous_start": ParameterType.MOMENT,
    "previous_end": ParameterType.MOMENT,
    "tz": ParameterType.TEXT,
}
"""What a query can name beside the file's own options."""

SAMPLE_ROWS = "rows"
"""What a sample can name beside all of these: how many rows it is to have."""

LARGEST_INTEGER = 2**63 - 1
"""What PostgreSQL, BigQuery and SQLite have room for."""

_LONGEST_TEXT = 1_000
_MUST_BE = {
    ParameterType.TEXT: f"text of up to {_LONGEST_TEXT} characters",
    ParameterType.INTEGER: "a whole number",
    ParameterType.DECIMAL: "a number",
    ParameterType.BOOLEAN: "true or false",
    ParameterType.DATE: "a date, such as 2026-11-24",
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def parameters(request: ReportRequest, options: Mapping[str, Option]) -> dict[str, Parameter]:
    """All parameters that a report's queries can name.

    Args:
        request: what the report is asked for.
        options: that the file declares.

    Raises:
        PermanentError: the subscription has no value for an option that needs one, or one of another type.
    """
    return {
        **built_in(request.user.id, request.time_zone.key, request.period, request.previous_period),
        **{
            name: Parameter(option.type, option_value(option, request.options.get(name)))
            for name, option in options.items()
        },
    }


def built_in(user_id: str, time_zone: str, period: Period, before: Period) -> dict[str, Parameter]:
    """The parameters that are no options.

    Args:
        user_id: the user's.
        time_zone: the name of the recipient's.
        period: of the report.
        before: the period before.
    """
    values: dict[str, Value] = {"user_id": user_id, "tz": time_zone, **_moments(period, before)}
    return {name: Parameter(kind, values[name]) for name, kind in BUILT_IN_PARAMETERS.items()}


def over_period_before(given: Mapping[str, Parameter], before: Period) -> dict[str, Parameter]:
    """The same parameters for the period before, which is compared with as much time before it.

    Args:
        given: the parameters of the period.
        before: the period before.
    """
    earlier = Period(before.start - (before.end - before.start), before.start)
    moments = _moments(before, earlier)
    return {**given, **{name: Parameter(ParameterType.MOMENT, value) for name, value in moments.items()}}


def _moments(period: Period, before: Period) -> dict[str, datetime]:
    return {
        "start": period.start,
        "end": period.end,
        "previous_start": before.start,
        "previous_end": before.end,
    }


def option_value(option: Option, given: Any) -> Value:
    """The value of an option for a query.

    Args:
        option: as the file declares it.
        given: what the subscription has. Others write it: it may be anything.

    Raises:
        PermanentError: it has none and needs one, or it is of another type.
    """
    if given is None:
        if option.required:
            raise PermanentError(f"options.{option.name}: is missing: must be {_MUST_BE[option.type]}")
        return option.default
    value = _value(option.type, given)
    if value is None:
        raise PermanentError(f"options.{option.name}: must be {_MUST_BE[option.type]}")
    return value


def _value(kind: ParameterType, given: Any) -> Value:
    match kind, given:
        case ParameterType.BOOLEAN, bool():
            return given
        case ((ParameterType.INTEGER | ParameterType.DECIMAL), bool()):
            return None
        case ParameterType.INTEGER, int() if abs(given) <= LARGEST_INTEGER:
            return given
        case ParameterType.INTEGER, float() if given.is_integer() and abs(given) < LARGEST_INTEGER:
            # Applications in JavaScript have no other numbers.
            return int(given)
        case ParameterType.DECIMAL, (int() | float()) if abs(given) <= LARGEST_INTEGER:
            return Decimal(str(given))
        case ParameterType.TEXT, str() if len(given) <= _LONGEST_TEXT and _is_storable(given):
            return given
        case ParameterType.DATE, datetime():
            return given.astimezone(UTC).date()
        case ParameterType.DATE, str() if _DATE.fullmatch(given):
            return _date(given)
    return None


def _is_storable(text: str) -> bool:
    """PostgreSQL refuses NUL in a text, and no database takes half a character."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
