"""What stands in the head of a message, fit for one line of it each: no line break can begin another header. Pure."""

from collections.abc import Mapping

from functions.shared.sanitize import sanitize
from functions.worker.destinations.email.model import Mail, MailRecipient

_NAME_CHARACTERS = 100
_SUBJECT_CHARACTERS = 200
_HEADER_CHARACTERS = 998
"""https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1"""


def subject(mail: Mail) -> str:
    """The subject; a dash where the email has none, since providers refuse an empty one."""
    return sanitize(mail.subject, _SUBJECT_CHARACTERS) or "-"


def name(shown: str) -> str:
    """What stands beside an address; may be empty.

    Args:
        shown: the name of a recipient, or of the sender.
    """
    return sanitize(shown, _NAME_CHARACTERS)


def headers(recipient: MailRecipient) -> Mapping[str, str]:
    """A recipient's headers."""
    return {each: sanitize(value, _HEADER_CHARACTERS) for each, value in recipient.headers.items()}
