"""What became of the reports of a drill: what the sink was given beside what was owed. Pure."""

from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Tally:
    """The reports of a drill.

    Attributes:
        due: how many were due.
        sent: for how many of them the sink has an email.
        doubled: how many emails it has beside one for each of these.
        lost: how many are neither sent nor left to a person.
        with_person: how many have an open dead letter.
        sent_with_person: how many of these were sent.
        first: when the sink had the first email; None where it has none.
        last: when it had the last.
    """

    due: int
    sent: int
    doubled: int
    lost: int
    with_person: int
    sent_with_person: int
    first: datetime | None
    last: datetime | None

    @property
    def keeps_promise(self) -> bool:
        """Whether no report was lost or doubled."""
        return not (self.lost or self.doubled)


def tally(due: Collection[str], emails: Iterable[tuple[str, datetime]], dead: Set[str]) -> Tally:
    """Count.

    Args:
        due: the deliveries that were owed.
        emails: what the sink was given, in any order: the delivery, and when.
        dead: the deliveries that are left to a person.
    """
    times: dict[str, list[datetime]] = {}
    for delivery, at in emails:
        times.setdefault(delivery, []).append(at)
    sent = times.keys() & set(due)
    moments = [each for some in times.values() for each in some]
    return Tally(
        due=len(due),
        sent=len(sent),
        doubled=len(moments) - len(sent),
        lost=len(set(due) - sent - dead),
        with_person=len(dead),
        sent_with_person=len(dead & sent),
        first=min(moments, default=None),
        last=max(moments, default=None),
    )
