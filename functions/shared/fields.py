"""Reads the documents that a team's application writes. A field may hold anything: this module names what is malformed,
never guesses a value, and uses the rest of the document.
"""

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ValidationError

from functions.shared.plausible_time import plausible

DocumentModel = TypeVar("DocumentModel", bound=BaseModel)


def read_document(
    model: type[DocumentModel],
    document: Mapping[str, Any],
    *,
    must_be: Mapping[str, str],
    required: Sequence[str] = (),
    together: Sequence[tuple[str, str]] = (),
) -> tuple[DocumentModel, str]:
    """Read a document's fields. A field that is null counts as absent, and one that is malformed has its default.

    Args:
        model: the fields, each with a default.
        document: what is stored.
        must_be: what each field has to be, in words for people who have never seen this code.
        required: the fields that must be there.
        together: pairs of fields; where the first is malformed, the second has its default, too.

    Returns:
        the fields, and what is wrong with them in one line: each field that is malformed and what it must be, but not
        what it is. Empty where nothing is wrong.
    """
    fields = {name: value for name, value in document.items() if value is not None}
    problems = [f"{name}: is missing, and must be {must_be[name]}" for name in required if name not in fields]
    try:
        return model.model_validate(fields), "; ".join(problems)
    except ValidationError as error:
        wrong = dict.fromkeys(str(item["loc"][0]) for item in error.errors(include_input=False, include_url=False))
    problems += [f"{name}: must be {must_be[name]}" for name in wrong]
    left_out = {*wrong, *(second for first, second in together if first in wrong)}
    sound = {name: value for name, value in fields.items() if name not in left_out}
    return model.model_validate(sound), "; ".join(problems)


def _address(value: str) -> str:
    value = value.strip()
    if not value.isprintable() or value.count("@") != 1 or value.startswith("@") or value.endswith("@"):
        raise ValueError("not an e-mail address")
    return value


_zone_of = functools.cache(ZoneInfo)
"""Each zone is read once. By itself Python keeps the eight that were asked for last, and those that are in use."""


def _time_zone(name: Any) -> ZoneInfo:
    try:
        return _zone_of(name)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError):
        # OSError: a name that is a folder of the time zone database, such as "America".
        raise ValueError("not a time zone of the IANA database") from None


def _timestamp(value: Any) -> datetime:
    moment = plausible(value)
    if moment is None:
        raise ValueError("not a timestamp between 1970 and 2200")
    return moment


MailAddress = Annotated[str, AfterValidator(_address)]
"""An e-mail address, without the white space around it."""

TimeZone = Annotated[ZoneInfo, BeforeValidator(_time_zone)]
"""A zone of the IANA database, from its name."""

Timestamp = Annotated[datetime, BeforeValidator(_timestamp)]
"""A timestamp that can be the pipeline's (functions.shared.plausible_time)."""

A_TIMESTAMP = "a timestamp between 1970 and 2200"
A_TIME_ZONE = "a name of the IANA database, such as Asia/Tokyo"
A_LOCALE = "a string, such as en or ja"
TRUE_OR_FALSE = "true or false"
