"""What came of acting on one dead letter."""

from dataclasses import dataclass
from typing import Any, Protocol


class Outcome(Protocol):
    """The result in a word: a StrEnum of each act."""

    @property
    def value(self) -> str:
        """As JSON has it."""

    @property
    def is_success(self) -> bool:
        """Whether there is nothing left to do."""

    @property
    def explanation(self) -> str:
        """What it means for the operator."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one dead letter.

    Attributes:
        letter_id: which.
        outcome: in a word.
        detail: what the service said, where it failed.
    """

    letter_id: str
    outcome: Outcome
    detail: str = ""

    @property
    def explanation(self) -> str:
        """The result in a sentence."""
        return self.detail or self.outcome.explanation

    def to_row(self) -> dict[str, Any]:
        """The result as JSON shows it."""
        return {"dead_letter_id": self.letter_id, "outcome": self.outcome.value, "detail": self.explanation}
