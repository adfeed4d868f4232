"""The body of a task: one picture to resize."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from examples.task_function import PermanentError
from functions.shared.records.contract import describe_validation_error

_OBJECT = Field(min_length=1, max_length=1024)


class ImageTask(BaseModel):
    """One picture.

    Attributes:
        bucket: the bucket that the picture is in.
        name: the object's name.
        width: the greatest width of the result, in pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")]
    name: Annotated[str, _OBJECT]
    width: Annotated[int, Field(ge=16, le=4096)]

    @property
    def target(self) -> str:
        """The object for the smaller picture: always the same, so that resizing twice is harmless."""
        path = PurePosixPath(self.name)
        return f"resized/{self.width}/{path.with_suffix('.webp')}"

    @classmethod
    def from_json(cls, body: bytes) -> "ImageTask":
        """Read a task's body.

        Raises:
            PermanentError: the body is not a task. The text names each malformed field.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise PermanentError(describe_validation_error(error)) from None
