"""Unknown outcomes: asks the provider whether it has the mail, and decides by its answer.

A provider that has the mail settles it: the report was sent. A provider that does not show it settles nothing: its
records appear with a delay, and no provider promises when they are complete. The answer then only informs the team's
choice between maybe never and maybe twice (ON_UNKNOWN_OUTCOME).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog

from functions.worker.mail.delivery_lookup import DeliveryLookup, LookupAnswer, LookupUnavailable, MailFound
from functions.worker.mail.model import Accepted, MailOutcome, Unclear
from functions.worker.time_budget import LOOKUP_SECONDS
from functions.worker.transitions import Retry, Sent

RECORDED_WITHIN = timedelta(minutes=10)
"""How long after the end of a lease the provider's records may still come to show a mail. Providers name no figure, and
users have measured "almost a minute" (https://github.com/sendgrid/sendgrid-java/issues/674). Shorter than the queue's
own retries take, so that the last of them finds this time over."""

_logger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class StillUnknown:
    """The team's choice decides. `note` says what came of asking."""

    note: str


class OutcomeInquiry:
    """Asks the provider about mails of unknown outcome. Safe for threads.

    Args:
        lookup: the provider's; None where it cannot be asked.
    """

    def __init__(self, lookup: DeliveryLookup | None) -> None:
        self._lookup = lookup

    @property
    def is_possible(self) -> bool:
        """Whether the provider can be asked."""
        return self._lookup is not None

    def look_up(self, delivery_id: str) -> LookupAnswer:
        """Ask whether the provider has the mail of a delivery. Logs where it does not say."""
        if self._lookup is None:
            return LookupUnavailable(error="the worker is not set up to ask", lasting=True)
        answer = self._lookup.find(delivery_id, seconds=LOOKUP_SECONDS)
        if isinstance(answer, LookupUnavailable):
            _logger.warning(
                "mail_lookup_unavailable", delivery_id=delivery_id, lasting=answer.lasting, error=answer.error
            )
        return answer

    def clear_up(self, outcome: MailOutcome, delivery_id: str) -> MailOutcome:
        """On the last attempt: ask at once, since no later attempt can. Records are rarely that quick.

        Args:
            outcome: of sending the mail.
            delivery_id: the delivery's.

        Returns:
            Accepted where the outcome was unclear and the provider has the mail; else the outcome as it was.
        """
        if isinstance(outcome, Unclear) and self.is_possible:
            answer = self.look_up(delivery_id)
            if isinstance(answer, MailFound):
                return Accepted(message_id=answer.message_id)
        return outcome


def after_lookup(
    answer: LookupAnswer, *, lease_expired_at: datetime | None, now: datetime, last_attempt: bool
) -> Sent | Retry | StillUnknown:
    """Decide by the provider's answer. Pure.

    Args:
        answer: the provider's.
        lease_expired_at: when the lease of the sending ended; None where the delivery does not say.
        now: the present, in UTC.
        last_attempt: whether the queue deletes the task after this attempt, whatever the answer.
    """
    if isinstance(answer, MailFound):
        return Sent(message_id=answer.message_id)
    if isinstance(answer, LookupUnavailable):
        note, may_change = f"the provider cannot be asked: {answer.error}", not answer.lasting
    else:
        note, may_change = "the provider has no record of it", True
    if may_change and not last_attempt and lease_expired_at is not None and now < lease_expired_at + RECORDED_WITHIN:
        return Retry(status=HTTPStatus.INTERNAL_SERVER_ERROR, cause="unknown-outcome", error=note)
    return StillUnknown(note=note)
