"""The result of an act on one dead letter: its replay, its dismissal or its reopening."""

from dataclasses import dataclass
from typing import Any, Protocol


class DeadLetterOutcome(Protocol):
    """The result of an act in one word: each act has its own StrEnum."""

    @property
    def value(self) -> str:
        """The word, as JSON has it."""

    @property
    def is_success(self) -> bool:
        """Whether there is nothing left to do."""

    @property
    def explanation(self) -> str:
        """The meaning of the result for the operator."""


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
