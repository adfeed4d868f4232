"""What the function gets of Resend (provider.py)."""

from functions.mail_events.received_events import InvalidKey
from functions.mail_events.resend.settings import ResendSettings
from functions.mail_events.resend.signature import Signatures
from functions.mail_events.resend.webhook import read_events
from functions.shared.settings import cannot_start

__all__ = ["PATH", "read_events", "settings_class", "signatures"]

PATH = "/resend"

settings_class = ResendSettings


def signatures(settings: ResendSettings) -> Signatures:
    """Verifies Resend's calls."""
    try:
        return Signatures(settings.resend_webhook_secret)
    except InvalidKey as error:
        cannot_start(f"RESEND_WEBHOOK_SECRET: {error}")
