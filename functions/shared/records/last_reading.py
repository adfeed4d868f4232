"""What the last whole reading of a kind's audience has come to: a document for each kind whose recipients a query
names."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Self

from functions.shared.records.stored_fields import stored_values

AUDIENCES = "audiences"
"""The name of the collection."""


class LastReading(NamedTuple):
    """The document. A field that is absent or malformed has the default.

    Attributes:
        read_at: when it began; None where there was none.
        rows: how many rows the query had.
        refused: how many of them were refused.
        held_back: how many recipients were not in it, and get reports until a person decides.
        leaving_accepted: how many recipients a person lets leave at once, for the next reading.
    """

    read_at: datetime | None = None
    rows: int = 0
    refused: int = 0
    held_back: int = 0
    leaving_accepted: int = 0

    @classmethod
    def from_fields(cls, document: Mapping[str, Any] | None) -> Self:
        """Read a document's fields, whatever they are; None where there is none."""
        return cls(**stored_values(cls, document or {}))

    def is_due(self, run_time: datetime) -> bool:
        """Whether a run has the query read: the first one of each day in UTC, and the next after a failure, or after a
        person has let recipients leave.

        Args:
            run_time: the time that the run is for, in UTC.
        """
        day = run_time.replace(hour=0, minute=0, second=0, microsecond=0)
        return self.read_at is None or self.read_at < day or self.leaving_accepted > 0


def audience_path(kind: str) -> str:
    """The path of a kind's document."""
    return f"{AUDIENCES}/{kind}"
