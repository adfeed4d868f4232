"""What the function knows of SendGrid."""

from pydantic import Field

from functions.shared.settings import CommaSeparated, Settings


class SendGridSettings(Settings):
    """By what SendGrid's calls are verified."""

    sendgrid_webhook_key: CommaSeparated = Field(min_length=1)
    """SendGrid's public keys: one, or two while a key is replaced."""
