"""The body of a task: one email that a customer's action has caused."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from examples.task_function import PermanentError
from functions.shared.records.contract import describe_validation_error
from functions.shared.records.ids import DocumentId
from functions.shared.settings import Address


class MailTask(BaseModel):
    """One email.

    Attributes:
        message_id: prevents a second mail: the same for the same cause, such as an order's id.
        to: the recipient.
        template: the name of the text.
        values: the values for the names in the text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_id: DocumentId
    to: Address
    template: Literal["order-confirmed", "password-reset"]
    values: dict[str, Annotated[str, Field(max_length=500)]] = {}

    @classmethod
    def from_json(cls, body: bytes) -> "MailTask":
        """Read a task's body.

        Raises:
            PermanentError: the body is not a task. The text names each malformed field.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise PermanentError(describe_validation_error(error)) from None
