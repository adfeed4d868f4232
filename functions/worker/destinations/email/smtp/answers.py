"""What a mail server's replies mean for an email. Pure.

https://www.rfc-editor.org/rfc/rfc5321#section-4.2
"""

from dataclasses import dataclass
from enum import StrEnum

from functions.worker.destinations.outcome import NotAccepted, NotAllowed, Refused, Throttled, Unavailable, Unclear


class Step(StrEnum):
    """Where a session is, in the words of an error."""

    CONNECT = "the connection"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    TLS = "the beginning of TLS"
    LOGIN = "AUTH LOGIN"
    AUTH = "AUTH"
    RSET = "RSET"
    MAIL = "MAIL FROM"
    RCPT = "RCPT TO"
    DATA = "DATA"
    CONTENT = "the message"
    """It is being written. Its end is not."""
    END = "the end of the message"
    """The line with the dot alone, from its first byte on."""


@dataclass(frozen=True)
class Reply:
    """What the server said.

    Attributes:
        code: of three digits; anything else where it said nothing that is a reply.
        text: fit to be shown.
    """

    code: int
    text: str


_MORE_IS_WANTED = {Step.LOGIN, Step.DATA}
"""Where 3yz is the answer that lets a session go on."""

_ABOUT_US = {Step.CONNECT, Step.EHLO, Step.LOGIN, Step.AUTH, Step.MAIL}
"""Where nothing was said yet but who we are."""

_LOG_IN_FIRST = {530, 535}
_TOO_LARGE = 552
_TOO_MUCH_AT_ONCE = {421, 452}
_NOT_NOW = 454


def outcome_of(step: Step, reply: Reply) -> NotAccepted | None:
    """Say what a reply means; None where the session goes on, and after the end of the message: accepted.

    A code after the end of the message is as clear as one before. With a 2yz the server takes the responsibility for
    the email. With a 4yz or 5yz it "MUST NOT make a subsequent attempt to deliver that message" (RFC 5321, section
    4.2.5), so nothing was accepted.

    - 4yz is a failure that may pass (4.2.1). 421 (the service shuts down, or has too many connections) and 452 (no
      room) concern everybody, as 454 does where neither TLS (RFC 3207, section 4) nor a password (RFC 4954, section 6)
      is the question: some servers say by it that emails come too fast
      (https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html). The queue slows down.
    - 530 and 535 are about the password (RFC 4954, section 6). A 5yz before the recipient is named is about the server
      or the sender, which are the same for every mail: 554 in place of a greeting (3.1), a sender who is not allowed.
      But for 552, by which the server refuses the size that MAIL FROM names (RFC 1870, section 6.1).
    - Any other 5yz refuses this email for good: at RCPT TO its recipient (3.3), at DATA and after it the message
      (4.2.5, 4.3.2).
    - STARTTLS (RFC 3207, section 4) and RSET (4.1.1.5) have no refusal that concerns the email.
    - What is no reply to the step says nothing: a proxy may have spoken in the server's place.

    Args:
        step: what the worker had said.
        reply: the answer.
    """
    error = f"the mail server answered {reply.code} to {step}: {reply.text}"
    kind = reply.code // 100 if 200 <= reply.code <= 599 else 0
    if kind == (3 if step in _MORE_IS_WANTED else 2):
        return None
    if kind == 4:
        is_about_all = reply.code in _TOO_MUCH_AT_ONCE or (reply.code == _NOT_NOW and step in _OF_MAILS)
        return Throttled(error=error) if is_about_all else Unavailable(error=error)
    if kind == 5 and step not in {Step.STARTTLS, Step.RSET}:
        is_about_us = step in _ABOUT_US and not (step is Step.MAIL and reply.code == _TOO_LARGE)
        return NotAllowed(error=error) if is_about_us or reply.code in _LOG_IN_FIRST else Refused(error=error)
    return Unclear(error=error) if step is Step.END else Unavailable(error=error)


_OF_MAILS = {Step.MAIL, Step.RCPT, Step.DATA, Step.END}


def outcome_of_loss(step: Step, why: str) -> Unavailable | Unclear:
    """Say what it means that a connection broke, or that no answer came in time.

    A server that has not had the end of the message must drop what it has (RFC 5321, section 4.1.1.10), and nothing
    went out. From the first byte of the end on it may have the message: it takes the responsibility with its 250,
    which can get lost (RFC 1047; RFC 5321, sections 4.5.3.2.6 and 6.1).

    Args:
        step: what was under way.
        why: what happened.
    """
    if step is Step.END:
        return Unclear(error=f"the mail server gave no answer after it had the message: {why}")
    return Unavailable(error=f"the mail server could not be reached, or the connection broke at {step}: {why}")
