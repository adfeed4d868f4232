"""A document as it was read."""

from datetime import datetime
from typing import Any, NamedTuple


class FoundDocument(NamedTuple):
    """What Firestore has at a path.

    Attributes:
        path: where it is, below the root of the database.
        fields: what it has, or some of it, the caller's own; None where there is no document.
        update_time: when it was written last: its version; None where there is no document.
    """

    path: str
    fields: dict[str, Any] | None
    update_time: datetime | None = None

    @property
    def id(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def exists(self) -> bool:
        """Whether there is a document."""
        return self.fields is not None
