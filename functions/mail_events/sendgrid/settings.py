"""What the function knows of SendGrid."""

from pydantic import Field
from pydantic_settings import BaseSettings

from functions.shared.settings import FROM_ENVIRONMENT, CommaSeparated


class SendGridSettings(BaseSettings):
    """By what SendGrid's calls are verified."""

    model_config = FROM_ENVIRONMENT

    sendgrid_webhook_key: CommaSeparated = Field(min_length=1)
    """SendGrid's public keys: one, or two while a key is replaced."""
