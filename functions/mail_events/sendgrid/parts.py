"""What the function gets of SendGrid (provider.py)."""

from functions.mail_events.received_events import InvalidKey
from functions.mail_events.sendgrid.settings import SendGridSettings
from functions.mail_events.sendgrid.signature import Signatures
from functions.mail_events.sendgrid.webhook import read_events
from functions.shared.settings import cannot_start

__all__ = ["PATH", "read_events", "settings_class", "signatures"]

PATH = "/sendgrid"

settings_class = SendGridSettings


def signatures(settings: SendGridSettings) -> Signatures:
    """Verifies SendGrid's calls."""
    try:
        return Signatures(settings.sendgrid_webhook_key)
    except InvalidKey as error:
        cannot_start(f"SENDGRID_WEBHOOK_KEY: {error}")
