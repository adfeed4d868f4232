"""The base class of everything that one part of the pipeline sends to another as JSON."""

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError


class InvalidContract(ValueError):
    """A body breaks its contract. The message names each malformed field, in one line, without the values."""


class Contract(BaseModel):
    """A message between parts of the pipeline. It ignores fields that it does not know."""

    # What checks a class is built when the class is first used: a function imports more messages than it handles.
    # Several threads may use it first: https://github.com/pydantic/pydantic/pull/13438
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read a body.

        Raises:
            InvalidContract: the body is empty, not JSON, not an object, or a field is missing or malformed.
        """
        if not body.strip():
            raise InvalidContract("the body is empty")
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise InvalidContract(describe_validation_error(error)) from None

    def to_json(self) -> bytes:
        """The message as JSON in UTF-8, without the fields that are None."""
        return self.model_dump_json(exclude_none=True).encode()


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC it is out of range") from None


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A moment. It accepts any offset and keeps UTC; JSON has a Z."""


def describe_validation_error(error: ValidationError) -> str:
    """Say in one line what is wrong with each field. The text leaves out the values, which may be personal data."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    )
