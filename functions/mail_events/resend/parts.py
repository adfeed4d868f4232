"""What the function gets of Resend (provider.py)."""

from pydantic import Field

from functions.mail_events.resend.signature import ResendSignatures
from functions.mail_events.resend.webhook import read_events
from functions.shared.settings import CommaSeparated, Settings

__all__ = ["KEYS", "PATH", "read_events", "settings_class", "signatures"]

PATH = "/resend"
KEYS = "resend_webhook_secret"


class ResendSettings(Settings):
    """By what Resend's calls are verified."""

    resend_webhook_secret: CommaSeparated = Field(min_length=1, repr=False)
    """The secret with which Resend signs its calls (docs/guides/mail-events.md#setting-it-up), `whsec_…`; two,
    separated by a comma, while you replace it."""


settings_class = ResendSettings
signatures = ResendSignatures
