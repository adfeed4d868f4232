"""What a delivery's record keeps of its attempts: each entry of `history` in `deliveries/{delivery_id}`. Pure.

Every write of a delivery is conditional on the version that was read, so it can write the whole list: two processes
never write it at the same time.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from functions.shared.records.stored_fields import stored_values
from functions.shared.sanitize import error_text
from functions.shared.times.plausible_time import plausible

MOST_ATTEMPTS = 20
"""How many entries a delivery keeps: the newest. A replay goes on in the same list."""

_ERROR_CHARACTERS = 300
_MOST_SECONDS = 86_400.0
"""More takes no attempt: the queue waits half an hour at most."""


class AttemptResult(StrEnum):
    """What came of an attempt: `result` in its entry."""

    CLAIMED = "claimed"
    """A worker has claimed the delivery, and has not yet written how that ended. Where the lease is over, the worker
    ended without a word."""
    FAILED = "failed"
    """Nothing was sent. The queue calls again."""
    UNCLEAR = "unclear"
    """The worker does not know whether the email was accepted."""
    SENT = "sent"
    """The provider accepted the email."""
    SETTLED = "settled"
    """It came to light that the provider had accepted the email of an earlier attempt. Without a number: a mail event
    said so."""
    SKIPPED = "skipped"
    """No email was to be sent."""
    DEAD = "dead"
    """It was given up. Without a number: by the dispatcher."""
    REPLAYED = "replayed"
    """An operator put the delivery back."""


class DeliveryAttempt(NamedTuple):
    """An attempt to send a delivery, or what else has changed where it stands.

    Attributes:
        at: when it began, in UTC.
        result: what came of it.
        number: which call of its task by the queue it is: 1 for the first, 0 where the queue did not call.
        claimed_at: when it claimed the delivery; None where it did not.
        seconds: how long it took; None where that is not known, as of one that has not ended.
        error: why it failed; empty where it did not. One line of at most 300 characters, without addresses.
    """

    at: datetime
    result: AttemptResult
    number: int = 0
    claimed_at: datetime | None = None
    seconds: float | None = None
    error: str = ""

    @classmethod
    def from_field(cls, value: Any) -> "DeliveryAttempt | None":
        """Read an entry; None where it is none."""
        if not isinstance(value, dict):
            return None
        at = plausible(value.get("at"))
        result = next((result for result in AttemptResult if result == value.get("result")), None)
        if at is None or result is None:
            return None
        seconds = value.get("seconds")
        seconds = seconds if isinstance(seconds, int | float) and 0 <= seconds < _MOST_SECONDS else None
        return cls(**stored_values(cls, value), at=at, result=result, seconds=seconds)

    def to_field(self) -> dict[str, Any]:
        """The entry as the document has it: without what is not known."""
        fields = {
            "at": self.at,
            "number": self.number or None,
            "claimed_at": self.claimed_at,
            "seconds": self.seconds,
            "result": self.result.value,
            "error": error_text(self.error)[:_ERROR_CHARACTERS] or None,
        }
        return {name: value for name, value in fields.items() if value is not None}


def stored_history(value: Any) -> tuple[DeliveryAttempt, ...]:
    """The entries in a field, the first first; none where it holds no list of them."""
    if not isinstance(value, list):
        return ()
    return tuple(entry for entry in map(DeliveryAttempt.from_field, value[-MOST_ATTEMPTS:]) if entry is not None)


def recorded(history: Sequence[DeliveryAttempt], entry: DeliveryAttempt) -> tuple[DeliveryAttempt, ...]:
    """A history with an entry more. What the same attempt has written before gives way: each has one entry.

    Args:
        history: as it is.
        entry: what is new.
    """
    if history and (history[-1].at, history[-1].number) == (entry.at, entry.number):
        entry = entry._replace(claimed_at=entry.claimed_at or history[-1].claimed_at)
        history = history[:-1]
    return (*history, entry)[-MOST_ATTEMPTS:]


def history_fields(history: Sequence[DeliveryAttempt], entry: DeliveryAttempt) -> dict[str, Any]:
    """The field of a delivery that says what has happened to it.

    Args:
        history: as it is.
        entry: what is new.
    """
    return {"history": [each.to_field() for each in recorded(history, entry)]}
