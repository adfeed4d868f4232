"""A quota as the team's application wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from report_kit import LARGEST_AMOUNT, SMALLEST_ALLOWED, display_name, sanitize


class InvalidQuota(ValueError):
    """A quota's document cannot be used. The message names each field that is wrong, without its value."""


class _Document(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    allowed: Annotated[float, Field(ge=SMALLEST_ALLOWED, le=LARGEST_AMOUNT, allow_inf_nan=False)]
    name: str = ""
    unit: str = ""
    renews_on: Annotated[int, Field(ge=1, le=31)] = 1


@dataclass(frozen=True, kw_only=True)
class Quota:
    """How much of something a user may use in a month.

    Attributes:
        id: the document's id, by which usages name it.
        allowed: how much.
        name: how it is called; empty where neither its name nor its id may be shown.
        unit: what it is counted in; may be empty.
        renews_on: the day of the month on which it is renewed, 1 to 31; the last day of a month that has no such day.
    """

    id: str
    allowed: float
    name: str
    unit: str
    renews_on: int

    @classmethod
    def from_document(cls, quota_id: str, fields: Mapping[str, Any]) -> "Quota":
        """Read a quota's document. Optional fields that are null count as absent.

        Raises:
            InvalidQuota: a field is missing or malformed.
        """
        try:
            document = _Document.model_validate({key: value for key, value in fields.items() if value is not None})
        except ValidationError as error:
            # Without the values, which the team's application wrote.
            wrong = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise InvalidQuota("; ".join(wrong)) from None
        return cls(
            id=quota_id,
            allowed=document.allowed,
            name=display_name(document.name) or display_name(quota_id),
            unit=sanitize(document.unit, 20),
            renews_on=document.renews_on,
        )
