"""Fields of a provider's events, as far as they can be kept. Pure."""

from typing import Any

from functions.shared.records.ids import is_document_id
from functions.shared.records.mail_event import MailStatus
from functions.shared.records.subscription import PauseReason
from functions.shared.sanitize import error_text

MOST_REASON_CHARACTERS = 500

PAUSES = {
    MailStatus.BOUNCED: PauseReason.BOUNCED,
    MailStatus.COMPLAINED: PauseReason.COMPLAINED,
    MailStatus.UNSUBSCRIBED: PauseReason.UNSUBSCRIBED,
}
"""The statuses after which no further email is to go to the address, whatever else the event says."""


def kept_text(value: Any) -> str:
    """A text in one line, without addresses, and not longer than is kept; empty where the value is no text."""
    if not isinstance(value, str):
        return ""
    return error_text(value, MOST_REASON_CHARACTERS)


def is_delivery_id(value: Any) -> bool:
    """Whether a delivery could have this id."""
    try:
        return isinstance(value, str) and is_document_id(value)
    except UnicodeEncodeError:
        # JSON can escape half a character.
        return False
