"""Every change of `next_report_at`, as Firestore has carried it out: users only ever move forward, also meanwhile."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

APPLICATION = "written_by_application"
"""A field that the harness writes with whatever it writes to a user in the team's application's stead."""


@dataclass(frozen=True)
class Move:
    """A write of the field.

    Attributes:
        at: when it was committed.
        next_report_at: what was written; None where that is no moment.
        by_application: who wrote it, where it was not the pipeline.
    """

    at: datetime
    next_report_at: datetime | None
    by_application: bool


class Moves:
    """Takes them down."""

    def __init__(self) -> None:
        self._of_user: defaultdict[str, list[Move]] = defaultdict(list)

    def note(self, request: Any, response: Any) -> None:
        """Look at a commit that was carried out."""
        at = response.commit_time.ToDatetime(UTC)
        for write in request.writes:
            _, _, path = write.update.name.partition("/documents/")
            collection, _, user = path.partition("/")
            fields = write.update.fields
            if collection == "users" and "next_report_at" in fields:
                value = fields["next_report_at"]
                moment = value.timestamp_value.ToDatetime(UTC) if value.HasField("timestamp_value") else None
                self._of_user[user].append(Move(at, moment, APPLICATION in fields))

    def clear(self) -> None:
        """Forget all."""
        self._of_user.clear()

    def of_users(self) -> Mapping[str, Sequence[Move]]:
        """By the users' ids, in the order in which they were committed."""
        return {user: sorted(moves, key=lambda move: move.at) for user, moves in self._of_user.items()}
