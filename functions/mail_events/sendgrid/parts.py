"""What the function gets of SendGrid (provider.py)."""

from pydantic import Field

from functions.mail_events.sendgrid.signature import SendGridSignatures
from functions.mail_events.sendgrid.webhook import read_events
from functions.shared.settings import CommaSeparated, Settings

__all__ = ["KEYS", "PATH", "read_events", "settings_class", "signatures"]

PATH = "/sendgrid"
KEYS = "sendgrid_webhook_key"


class SendGridSettings(Settings):
    """By what SendGrid's calls are verified."""

    sendgrid_webhook_key: CommaSeparated = Field(min_length=1)
    """The public key with which SendGrid signs its calls (docs/guides/mail-events.md#setting-it-up), as SendGrid
    shows it; two, separated by a comma, while you replace it."""


settings_class = SendGridSettings
signatures = SendGridSignatures
