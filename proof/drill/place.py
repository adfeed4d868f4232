"""Where a drill takes place: what it needs there beside what every command needs."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from operations.session import Session


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a drill has used.

    Attributes:
        reads: documents read.
        writes: documents written.
        cloud_run: dollars of the dispatcher and the worker, by the price list.
    """

    reads: int
    writes: int
    cloud_run: float


class Place(Protocol):
    """A place. What `made` makes is removed in any case."""

    name: str
    """What people call it."""
    settings: Mapping[str, str]
    """What holds there, by its name."""
    seconds_between_looks: float
    """How long to wait between two looks at it."""

    def made(self) -> AbstractContextManager[Session]:
        """The environment of the drill, within it."""

    def run_now(self, session: Session) -> None:
        """Have the schedule's call made now."""

    def usage(self, since: datetime, until: datetime) -> Usage:
        """What was used between two times."""
