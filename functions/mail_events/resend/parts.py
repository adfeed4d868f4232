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
    """The webhook's secrets, which begin with `whsec_`: one, or two while a secret is replaced."""


settings_class = ResendSettings
signatures = ResendSignatures
