"""The result of one check."""

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    OK = "ok"
    WARNING = "warning"
    """Mails arrive, but not all that mailbox providers ask for is there."""
    PROBLEM = "problem"
    """Mails are refused or lost, or land in the spam folder."""
    UNKNOWN = "unknown"
    """The check could not be made."""


@dataclass(frozen=True)
class Finding:
    """One row of the table: what there is, and what to do about it, if anything."""

    check: str
    state: State
    found: str
    to_do: str = ""


@dataclass(frozen=True)
class Check:
    """Makes the findings of one check, by its name."""

    name: str

    def ok(self, found: str) -> Finding:
        return Finding(self.name, State.OK, found)

    def warning(self, found: str, to_do: str) -> Finding:
        return Finding(self.name, State.WARNING, found, to_do)

    def problem(self, found: str, to_do: str) -> Finding:
        return Finding(self.name, State.PROBLEM, found, to_do)

    def unknown(self, found: str, to_do: str = "") -> Finding:
        return Finding(self.name, State.UNKNOWN, found, to_do)
