"""Every change of a subscription's place in the schedule, as Firestore has carried it out: subscriptions only ever move
forward, also meanwhile."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from proof.faults.subscription_key import SubscriptionKey

APPLICATION = "written_by_application"
"""A field that the harness adds to each write that it makes to a subscription as the team's application."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """A write of `next_report_at`, of `reported_until`, or of both.

    Attributes:
        at: when it was committed.
        next_report_at: what was written; None where that is no moment, or the field was not written.
        reported_until: likewise.
        is_placed: whether the subscription was also given its place in the due index: it is new, or resumed.
        is_taken_out: whether the due time was removed.
        by_application: whether the application wrote it, and not the pipeline.
    """

    at: datetime
    next_report_at: datetime | None = None
    reported_until: datetime | None = None
    is_placed: bool = False
    is_taken_out: bool = False
    by_application: bool = False


class Moves:
    """Takes them down."""

    def __init__(self) -> None:
        self._of_subscription: defaultdict[SubscriptionKey, list[Move]] = defaultdict(list)

    def note(self, request: Any, response: Any) -> None:
        """Look at a commit that was carried out."""
        at = response.commit_time.ToDatetime(UTC)
        for write in request.writes:
            _, _, path = write.update.name.partition("/documents/")
            match path.split("/"):
                case ["users", user, "report_subscriptions", subscription]:
                    fields = write.update.fields
                    if "next_report_at" in fields or "reported_until" in fields:
                        self._of_subscription[SubscriptionKey(user, subscription)].append(_move(at, fields))

    def clear(self) -> None:
        """Forget all."""
        self._of_subscription.clear()

    def of_subscriptions(self) -> Mapping[SubscriptionKey, Sequence[Move]]:
        """In the order in which they were committed."""
        return {key: sorted(moves, key=lambda move: move.at) for key, moves in self._of_subscription.items()}


def _move(at: datetime, fields: Any) -> Move:
    next_report_at = _moment(fields, "next_report_at")
    return Move(
        at=at,
        next_report_at=next_report_at,
        reported_until=_moment(fields, "reported_until"),
        is_placed="shard" in fields and next_report_at is not None,
        is_taken_out="next_report_at" in fields and next_report_at is None,
        by_application=APPLICATION in fields,
    )


def _moment(fields: Any, name: str) -> datetime | None:
    if name not in fields or not fields[name].HasField("timestamp_value"):
        return None
    moment: datetime = fields[name].timestamp_value.ToDatetime(UTC)
    return moment
