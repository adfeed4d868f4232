"""The due times of a subscription, and what else may happen to one. Pure."""

from datetime import datetime
from typing import Protocol


class Dues(Protocol):
    """Due times, in UTC, without end on either side."""

    def before(self, moment: datetime) -> datetime:
        """The last one before a moment."""

    def after(self, moment: datetime) -> datetime:
        """The first one after a moment."""

    def meant(self, due_at: datetime) -> datetime:
        """When the latest report was meant to come that comes by a due time: the due time itself, unless it waits.
        The time that a report covers goes by this one, so that the report that comes on a Monday in place of a Sunday
        covers what Sunday's would."""
