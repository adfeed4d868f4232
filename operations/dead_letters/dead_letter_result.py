"""The result of an act on one dead letter: its replay, its dismissal or its reopening."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from google.api_core.exceptions import GoogleAPIError

from operations.errors import OperatorError
from operations.failures import UNREACHABLE, describe


class DeadLetterOutcome(StrEnum):
    """The result of an act in one word, as JSON has it: each act has its own.

    Attributes:
        explanation: the meaning of the result for the operator.
        is_success: whether there is nothing left to do.
    """

    explanation: str
    is_success: bool

    def __new__(cls, word: str, explanation: str, is_success: bool = False) -> Self:
        """Make a member."""
        member = str.__new__(cls, word)
        member._value_, member.explanation, member.is_success = word, explanation, is_success
        return member


@dataclass(frozen=True, kw_only=True)
class DeadLetterResult:
    """The result of an act on one dead letter.

    Attributes:
        detail: the service's message, if the act failed.
    """

    letter_id: str
    outcome: DeadLetterOutcome
    detail: str = ""

    @property
    def explanation(self) -> str:
        """The result in a sentence."""
        return self.detail or self.outcome.explanation

    def to_row(self) -> dict[str, Any]:
        """The result as JSON shows it."""
        return {"dead_letter_id": self.letter_id, "outcome": self.outcome.value, "detail": self.explanation}


def result_of(letter_id: str, act: Callable[[], DeadLetterOutcome], *, failed: DeadLetterOutcome) -> DeadLetterResult:
    """Act on one dead letter. Raises nothing where that fails, except UNREACHABLE."""
    try:
        return DeadLetterResult(letter_id=letter_id, outcome=act())
    except UNREACHABLE:
        raise
    except (GoogleAPIError, OperatorError, ValueError) as error:
        return DeadLetterResult(letter_id=letter_id, outcome=failed, detail=describe(error))
