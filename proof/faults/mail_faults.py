"""How each email provider refuses an email, fails, and leaves its outcome unknown."""

from collections.abc import Sequence
from dataclasses import dataclass

from functions.shared.settings import MailProviderName
from proof.faults.disturbances import Disturbance, accept_and_answer, answer, cut, slow


@dataclass(frozen=True, kw_only=True)
class MailFaults:
    """A provider's.

    Attributes:
        not_now: it says that it has not taken the email, and may take it later.
        never: it says that it takes the email at no time.
        others: what else happens now and then.
    """

    not_now: Disturbance
    never: Disturbance
    others: Sequence[Disturbance]


FAULTS = {
    MailProviderName.SENDGRID: MailFaults(
        not_now=answer(503),
        never=answer(400),
        others=(
            answer(401),
            answer(429, Retry_After="10"),
            answer(500),
            accept_and_answer(502),
            accept_and_answer(504),
            cut(accepted=False),
            cut(accepted=True),
            slow(0.3),
        ),
    ),
    # A 503 of Resend may come after it has taken the email.
    MailProviderName.RESEND: MailFaults(
        not_now=answer(429, Retry_After="1"),
        never=answer(422),
        others=(
            answer(401),
            answer(500),
            answer(503),
            accept_and_answer(500),
            accept_and_answer(502),
            accept_and_answer(504),
            cut(accepted=False),
            cut(accepted=True),
            slow(0.3),
        ),
    ),
    MailProviderName.SMTP: MailFaults(
        not_now=answer(451),
        never=answer(554),
        others=(answer(421), answer(452), cut(accepted=False), cut(accepted=True), slow(0.3)),
    ),
}
