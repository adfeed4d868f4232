"""Reads the documents that a team's application writes. A field may hold anything: this module names what is malformed,
never guesses a value, and uses the rest of the document.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, get_origin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from functions.shared.times.plausible_time import plausible


class DocumentFields:
    """The fields of a record that are fields of its document, too.

    Attributes:
        model: what checks them all.
        must_be: what each has to be, in words for people who have never seen this code.
    """

    def __init__(self, record: Callable[..., Any]) -> None:
        """Take the record's declarations.

        Args:
            record: its class. The type of each of the fields is `Annotated`: with what checks it, and with what it must
                be as its `description`.
        """
        fields: dict[str, Any] = {
            name: (attribute.annotation, None if attribute.default is attribute.empty else attribute.default)
            for name, attribute in inspect.signature(record).parameters.items()
            if get_origin(attribute.annotation) is Annotated
        }
        config = ConfigDict(strict=True, extra="ignore", arbitrary_types_allowed=True, defer_build=True)
        self.model = create_model("Document", __config__=config, **fields)
        self.must_be = {name: field.description or "" for name, field in self.model.model_fields.items()}

    def read(
        self, document: Mapping[str, Any], *, required: Sequence[str] = (), together: Sequence[tuple[str, str]] = ()
    ) -> tuple[dict[str, Any], str]:
        """Read a document. A field that is null counts as absent, and one that is malformed has its default.

        Args:
            document: what is stored.
            required: the fields that must be there.
            together: pairs of fields; where the first is malformed, the second has its default, too.

        Returns:
            each field, None where it has neither a value nor a default, and what is wrong with them in one line: each
            field that is malformed and what it must be, but not what it is. Empty where nothing is wrong.
        """
        fields = {name: value for name, value in document.items() if value is not None}
        problems = [f"{name}: is missing, and must be {self.must_be[name]}" for name in required if name not in fields]
        try:
            return vars(self.model.model_validate(fields)), "; ".join(problems)
        except ValidationError as error:
            wrong = dict.fromkeys(str(item["loc"][0]) for item in error.errors(include_input=False, include_url=False))
        problems += [f"{name}: must be {self.must_be[name]}" for name in wrong]
        left_out = {*wrong, *(second for first, second in together if first in wrong)}
        sound = {name: value for name, value in fields.items() if name not in left_out}
        return vars(self.model.model_validate(sound)), "; ".join(problems)


def _address(value: str) -> str:
    value = value.strip()
    if not value.isprintable() or value.count("@") != 1 or value.startswith("@") or value.endswith("@"):
        raise ValueError("not an email address")
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
"""An email address, without the white space around it."""

TimeZone = Annotated[ZoneInfo, BeforeValidator(_time_zone, json_schema_input_type=str)]
"""A zone of the IANA database, from its name."""

Timestamp = Annotated[
    Annotated[datetime, BeforeValidator(_timestamp)] | None, Field(description="a timestamp between 1970 and 2200")
]
"""A timestamp that can be the pipeline's (functions.shared.times.plausible_time), or none."""

TrueOrFalse = Annotated[bool, Field(description="true or false")]
"""One of the two, and nothing that Python takes for one of them."""

A_TIME_ZONE = Field(description="a name of the IANA database, such as Asia/Tokyo")
A_LOCALE = Field(description="a string, such as en or ja")
