"""Sending by SMTP.

SMTP has no idempotency keys, no records and no events. An email whose answer is lost stays an unknown outcome, which
RFC 1047 describes: a mail server takes the responsibility for a message by an answer that can get lost.
https://www.rfc-editor.org/rfc/rfc1047
"""

import time
from collections.abc import Callable
from datetime import datetime

from functions.shared.mail.smtp_server import MailServer
from functions.worker.destinations.email.model import Mail, Sender
from functions.worker.destinations.email.several_messages import outcome_in_part
from functions.worker.destinations.email.smtp.connections import Connections
from functions.worker.destinations.email.smtp.message import Message, UnsendableMail, to_messages
from functions.worker.destinations.email.smtp.session import Session, SessionEnded
from functions.worker.destinations.outcome import Accepted, NotAccepted, Outcome, Refused


class Smtp:
    """Sends through a mail server. Safe for threads.

    Args:
        server: which, and as whom.
        sender: from whom the emails are.
        now: the present, in UTC.
    """

    def __init__(self, *, server: MailServer, sender: Sender, now: Callable[[], datetime]) -> None:
        self._connections = Connections(server)
        self._sender = sender
        self._now = now

    def send(self, mail: Mail, *, seconds: float) -> Outcome:
        """Hand over a mail: each recipient's message in a transaction of its own, until the server does not take one.

        Several recipients are asked about first. So most of what the server refuses it refuses before anybody has the
        email, and the outcome is a clear one.
        """
        over_at = time.monotonic() + seconds
        try:
            messages = to_messages(mail, self._sender, at=self._now())
        except UnsendableMail as error:
            return Refused(error=str(error))
        is_trial = messages[0].is_trial
        if is_trial or len(messages) > 1:
            for message in messages:
                if outcome := self._transact(Session.check, message, over_at):
                    return outcome
        if is_trial:
            return Accepted(message_id="")
        for accepted, message in enumerate(messages):
            if outcome := self._transact(Session.deliver, message, over_at):
                return outcome_in_part(outcome, accepted=accepted, of=len(messages))
        return Accepted(message_id=messages[0].id)

    def _transact(
        self, transaction: Callable[[Session, Message], None], message: Message, over_at: float
    ) -> NotAccepted | None:
        try:
            with self._connections.session(over_at) as session:
                transaction(session, message)
        except SessionEnded as ended:
            return ended.outcome
        return None
