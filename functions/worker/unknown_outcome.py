"""What becomes of a mail of which nobody knows whether the provider took it, where the provider can be asked. Pure.

A provider that has the mail settles it: the report was sent. One that has none settles nothing at first, since its
records appear with a delay; and nothing for certain later, since no provider promises when they are complete. All that
it can do then is to make the team's choice between maybe never and maybe twice a better informed one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol

from functions.worker.transitions import Retry, Sent

RECORDED_WITHIN = timedelta(minutes=10)
"""How long after a lease was over the provider may still come to know of a mail. SendGrid names no figure; its users
measured "almost a minute" (https://github.com/sendgrid/sendgrid-java/issues/674). Less than the queue's own retries
take, so that the last of them finds the time over."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The provider has the mail. `message_id` is its name there."""

    message_id: str


@dataclass(frozen=True, kw_only=True)
class NotRecorded:
    """The provider knows of no such mail, or not yet."""


@dataclass(frozen=True, kw_only=True)
class NoWord:
    """The provider does not say.

    Attributes:
        error: why.
        lasting: whether it would not say later, either.
    """

    error: str
    lasting: bool


Word = Recorded | NotRecorded | NoWord


class MailRecords(Protocol):
    """The provider's records of the mails that it took. SendGrid's are in sendgrid_activity.py."""

    def find(self, delivery_id: str, *, seconds: float) -> Word:
        """Look for the mail of a delivery.

        Args:
            delivery_id: as the mail's arguments have it.
            seconds: how long it may take.
        """


@dataclass(frozen=True, kw_only=True)
class StillUnknown:
    """It is for the team's choice. `note` says what came of asking."""

    note: str


def judge(
    word: Word, *, lease_expired_at: datetime | None, now: datetime, last_attempt: bool
) -> Sent | Retry | StillUnknown:
    """Decide by the provider's word.

    Args:
        word: what it was.
        lease_expired_at: when the lease of the sending was over; None where the ledger does not say.
        now: the present, in UTC.
        last_attempt: whether the queue deletes the task after this attempt, whatever the answer.
    """
    if isinstance(word, Recorded):
        return Sent(message_id=word.message_id)
    if isinstance(word, NoWord):
        note, may_change = f"the provider cannot be asked: {word.error}", not word.lasting
    else:
        note, may_change = "the provider has no record of it", True
    if may_change and not last_attempt and lease_expired_at is not None and now < lease_expired_at + RECORDED_WITHIN:
        return Retry(status=HTTPStatus.INTERNAL_SERVER_ERROR, cause="unknown-outcome", error=note)
    return StillUnknown(note=note)
