"""The result of an act on one dead letter: its replay, its dismissal or its reopening."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


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
        letter_id: the dead letter.
        outcome: the result in a word.
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
